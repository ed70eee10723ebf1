"""The view of a watch fits its terminal, and what is wrong is never cut off."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from watch_reports import TOPIC, group, report

from labkit.diagnostics.watch.watch_report import Disk, WatchReport
from labkit.diagnostics.watch.watch_view import STALE_S, plain_line, watch_view, whole_view

DISKS = tuple(Disk(f"/a/long/path/to/{number}" * 3, 5, 100, 3) for number in range(2))


def lines(found: WatchReport, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(watch_view(found, console))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def test_a_lab_that_works_is_shown_whole_in_80_columns_and_24_lines() -> None:
    shown = lines(report(groups=(group(400, 50.0, per_s=-10.0),)))
    assert len(shown) <= 24
    text = "\n".join(shown)
    assert "3 of 3 brokers answer; 1 partition, all in sync" in text
    assert "✓ All four stages agree to the gram." in text
    assert "caught up in 40 s" in text
    assert shown[-1].startswith("Ctrl-C")


@pytest.mark.parametrize("height", [24, 20, 16])
def test_many_groups_and_problems_fit_the_most_important_first(height: int) -> None:
    groups = [group(number, 100.0, topic="t" * 30, group_id=f"g{number}") for number in range(40)]
    mine = group(3, 1.0)
    shown = lines(report(groups=(*groups, mine), disks=DISKS, dead_letters=None), height=height)
    assert len(shown) <= height
    first = next(place for place, line in enumerate(shown) if line.startswith("topic"))
    assert shown[first + 1].startswith(TOPIC)
    assert shown[-1].startswith("Ctrl-C")


def test_a_window_too_small_for_all_has_what_is_wrong_first() -> None:
    shown = lines(report(disks=DISKS), height=6)
    assert shown[0].startswith("! Only 5 B of 100 B are free")


def test_old_figures_are_called_old() -> None:
    old: dict[str, Any] = {"read_at": report().read_at - STALE_S - 5}
    assert "these figures are 15 s old" in lines(report(**old))[0]
    assert "old" not in lines(report())[0]


def test_without_a_broker_no_figure_is_shown() -> None:
    text = "\n".join(lines(report(cluster=None, groups=(), kafka_problem="No broker runs")))
    assert "does not answer" in text
    assert "is not known while no broker answers" in text
    assert "! No broker runs." in text


def test_names_of_others_cannot_colour_the_terminal() -> None:
    evil = group(topic="\x1b[31mred", group_id="[red]x")
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    console.print(whole_view(report(groups=(evil,))))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31mred" not in text
    assert "[red]x" in text
    assert "\x1b" not in plain_line(report(groups=(evil,), topic=evil.topic))


def test_a_line_for_a_log() -> None:
    said = plain_line(report(groups=(group(5, 99.0, per_s=1.0),), dead_letters=None))
    assert "lag csv-writer 5 (stays behind)" in said
    assert "! Group csv-writer is 2 min behind" in said
    assert "\n" not in said
