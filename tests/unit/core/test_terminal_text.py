"""What others wrote is shown on a terminal, and not obeyed."""

from __future__ import annotations

import io
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from labkit.cli import terminal
from labkit.core.errors import LabError
from labkit.core.terminal_text import visible, visible_json
from labkit.diagnostics.machine_report import Check, report
from labkit.pipeline.lab_status import status_view

NASTY = [
    *("\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;http://evil\x1b\\click", "\x9b31m", "\x1bc"),
    *("a\rb", "a\bb", "\x00", "\x7f", "\u202eevil", "\u2066x", "\x85", "\u2028", "[red]red[/]"),
    *("[link=http://evil]x[/link]", "[/]", "[bold", "\\[red]", "\ud800", "\x1bP+q\x1b\\", "\x0e"),
]


@given(st.text() | st.text(st.sampled_from("\x1b\x9b\u202e[];m\\")))
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    for sign in visible(text):
        assert sign in "\t\n" or unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(sign) not in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI")


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")) | st.just("\n")))
def test_all_other_text_is_as_it_was(text: str) -> None:
    assert visible(text) == text


@given(st.dictionaries(st.text(), st.text()))
def test_a_json_document_means_the_same(content: dict[str, str]) -> None:
    document = visible_json(json.dumps(content, ensure_ascii=False, indent=1))
    assert json.loads(document) == content
    assert visible(document) == document


def on_screen(what: Any) -> str:
    """Return what a colour terminal would be sent, without rich's own colours."""
    sent = io.StringIO()
    Console(file=sent, force_terminal=True, color_system=None, width=2000).print(what)
    return sent.getvalue()


@pytest.mark.parametrize("text", NASTY)
def test_status_and_doctor_show_it(text: str) -> None:
    status = {
        **{"lab_dir": text, "bootstrap_servers": None, "problem": text, "api": None},
        "brokers": [],
        "faults": [{"in_words": text}],
        "topics": [{"name": text, "num_partitions": 3, "records": 1}],
        "groups": [{"group_id": text, "topic": text, "lag": 1}],
        "workers": [{"kind": "consumer", "name": text, "pid": 1, "started_at": 0, "topic": text}],
        "partitions": [
            {
                **{"topic": text, "data_dir": text, "partition": 0},
                **{"troubles": [text], "gap_records": 1},
            }
        ],
    }
    shown = on_screen(status_view(status))
    assert shown.count(visible(text)) == 13
    assert visible(shown) == shown
    shown = on_screen(report([Check(name="x", verdict="ok", sentence=text, next_line=text)]))
    assert shown.count(visible(text)) == 2
    assert visible(shown) == shown


@pytest.mark.parametrize("text", NASTY)
def test_an_error_and_a_json_document_show_it(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit), terminal.errors_as_text():
        raise LabError(f"what {text}", f"next {text}")
    terminal.print_json({"name": text})
    terminal.say(text)
    shown = capsys.readouterr()
    assert shown.err.count(visible(text)) == 3
    assert visible(shown.err + shown.out) == shown.err + shown.out
    assert json.loads(shown.out) == {"name": text}
