"""How many minutes each lesson takes, counted: ``python scripts/lesson_minutes.py``.

A count, and not a measurement of people: of words, code, waits and tasks, at the rates below. They
are those of somebody who meets Kafka for the first time, and were set so that the counts agree
with what a reader needed who worked through nine of the lessons.
"""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from labkit.exercises.engine.course_overview import tasks_of
from labkit.exercises.engine.exercise import Exercise

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

WORDS_A_MINUTE = 150  # technical text in a second language; an easy text is read at 240
CODE_LINE_S = 5.0  # to read a line of code
CELL_S = 15.0  # to run a cell, and look at what it shows
TASK_S = 120.0  # to read the question, and to run the check, once or twice
ANSWER_LINE_S = 60.0  # to find and type a line of the answer, as long as the solution is
CAPSTONE_LINE_S = 180.0  # the same where no code is given
PREDICTION_S = 90.0  # to think, to note, and to compare
ROUNDED_TO = 5

WAITS_S = {
    "00": 20,
    "01": 21,
    "02": 9,
    "03": 16,
    "03b": 15,
    "04": 15,
    "04b": 27,
    "04c": 27,
    "05": 12,
    "05b": 10,
    "06": 14,
    "06b": 14,
    "07": 20,
    "08": 30,
    "08b": 37,
    "09": 19,
    "09b": 36,
    "09c": 22,
    "09d": 40,
    "10": 45,
    "10b": 45,
    "11": 15,
}
"""Seconds that a lesson's cells take by themselves, on two cores and without the fetching of Kafka.
`tests/notebooks/test_run.py` prints them for the solved lesson; 10 and 11 are estimates."""


@dataclass(frozen=True)
class Count:
    """What there is to do in a lesson, and how long that takes."""

    number: str
    words: int
    cells: int
    code_lines: int
    answer_lines: tuple[int, ...]
    """Of each exercise, the lines of its solution."""
    predictions: int
    waits_s: float
    stated: int
    """The minutes that the lesson's first cell states."""

    @property
    def minutes(self) -> int:
        """The minutes, rounded."""
        answer_line_s = CAPSTONE_LINE_S if self.number == "11" else ANSWER_LINE_S
        seconds = (
            self.words * 60 / WORDS_A_MINUTE
            + self.code_lines * CODE_LINE_S
            + self.cells * CELL_S
            + sum(TASK_S + lines * answer_line_s for lines in self.answer_lines)
            + self.predictions * PREDICTION_S
            + self.waits_s
        )
        return round(seconds / 60 / ROUNDED_TO) * ROUNDED_TO


def count(notebook: Path) -> Count:
    """Count one lesson. Cells with hints are left out: not everybody needs them."""
    number = notebook.stem.partition("_")[0]
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    codes = [
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "code" and not cell["id"].endswith("-hint")
    ]
    tasks = tasks_of(importlib.import_module(f"labkit.exercises.lesson_{number}")).values()
    solutions = [task.solution_code for task in tasks if isinstance(task, Exercise)]
    stated = re.search(r"\*\*In (\d+) minutes\*\*", texts[0])
    return Count(
        number,
        words=sum(len(text.split()) for text in texts),
        cells=len(codes),
        code_lines=sum(map(_lines, codes)),
        answer_lines=tuple(map(_lines, solutions)),
        predictions=len(tasks) - len(solutions),
        waits_s=WAITS_S[number],
        stated=int(stated[1]) if stated else 0,
    )


def counts() -> list[Count]:
    """Count every lesson, in the order of the course."""
    return [count(path) for path in sorted(NOTEBOOKS.glob("[0-9][0-9]*_*.ipynb"))]


def _lines(code: str) -> int:
    return sum(bool(line.strip()) for line in code.splitlines())


def main() -> None:
    """Print the table."""
    print("lesson  words  cells  lines  waits  tasks  predictions  minutes  stated")
    for one in counts():
        print(
            f"{one.number:<6} {one.words:>6} {one.cells:>6} {one.code_lines:>6} "
            f"{one.waits_s:>4.0f} s {len(one.answer_lines):>6} {one.predictions:>12} "
            f"{one.minutes:>8} {one.stated:>7}"
        )


if __name__ == "__main__":
    main()
