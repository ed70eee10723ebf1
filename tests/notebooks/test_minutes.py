"""The minutes that a lesson states are those that are counted."""

from __future__ import annotations

import re
from pathlib import Path

import lesson_minutes
import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("counted", lesson_minutes.counts(), ids=lambda one: one.number)
def test_a_lesson_states_its_counted_minutes(counted: lesson_minutes.Count) -> None:
    why = f"counted: {counted}\nchange the first cell, or the lesson"
    assert counted.stated == counted.minutes, why


def test_the_table_has_a_row_for_each_lesson(capsys: pytest.CaptureFixture[str]) -> None:
    lesson_minutes.main()
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.endswith("minutes  stated")
    assert len(rows) == len(lesson_minutes.WAITS_S)


def test_the_readme_states_the_same_minutes() -> None:
    text = README.read_text(encoding="utf-8")
    stated = re.findall(r"^\| (\d\d\w?) \| \[.+?\) \| (\d+) \|", text, re.MULTILINE)
    assert stated == [(one.number, str(one.minutes)) for one in lesson_minutes.counts()]
