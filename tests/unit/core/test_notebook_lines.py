"""Lines to type, as a terminal and as a notebook has them."""

from __future__ import annotations

import pytest

from labkit.core.notebook_lines import in_notebook, sentence_in_notebook


@pytest.mark.parametrize(
    ("terminal", "notebook"),
    [
        ("labkit consume", "consumer = lab.start_consumer()"),
        (
            "labkit consume   (in another terminal)",
            "consumer = lab.start_consumer()   (in another terminal)",
        ),
        ("labkit broker start --brokers 3", "lab.start_broker(brokers=3)"),
        ("labkit mend, then labkit broker start", "lab.mend(), then lab.start_broker()"),
        ("labkit broker thaw 2", "!labkit broker thaw 2"),
        ("labkit consume --topic a", "!labkit consume --topic a"),
        ("lab.start_broker()   or, in a terminal: labkit broker start", "lab.start_broker()"),
        ("producer.flush()", "producer.flush()"),
    ],
)
def test_in_notebook(terminal: str, notebook: str) -> None:
    assert in_notebook(terminal) == notebook


def test_a_sentence_with_a_line() -> None:
    assert sentence_in_notebook("None is running. Next: labkit doctor").endswith(
        "Next: lab.doctor()"
    )
    assert sentence_in_notebook("labkit consume is running.") == "labkit consume is running."
