"""`labkit.progress`: the course at a glance, and what to do next."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from labkit.core.text_tables import aligned, html_table
from labkit.exercises.engine.exercise import Task
from labkit.exercises.engine.learner_progress import (
    Entry,
    best_outcome,
    lessons,
    read_learner_progress,
)
from labkit.exercises.engine.outcome import SIGNS, Outcome
from labkit.exercises.engine.prediction import Prediction


@dataclass(frozen=True)
class LessonProgress:
    """One lesson: the outcome of each exercise and prediction."""

    number: str
    title: str
    outcomes: dict[str, Outcome]

    @property
    def share(self) -> str:
        """How many are done of how many, which stays on one line: ``4 of 5``."""
        return f"{self.done} of {len(self.outcomes)}".replace(" ", "\u00a0")

    @property
    def done(self) -> int:
        """How many exercises were correct once, plus predictions that were revealed."""
        return sum(outcome.is_done for outcome in self.outcomes.values())

    @property
    def marks(self) -> str:
        """One sign for each, with its name: ``q1 ✔  q2 ○``."""
        return "  ".join(f"{name} {SIGNS[outcome]}" for name, outcome in self.outcomes.items())


@dataclass(frozen=True)
class CourseProgress:
    """All lessons, as text and as a table in a notebook."""

    lessons: tuple[LessonProgress, ...]

    @property
    def done(self) -> int:
        """How many exercises and predictions are done."""
        return sum(lesson.done for lesson in self.lessons)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(len(lesson.outcomes) for lesson in self.lessons)

    @property
    def sentence(self) -> str:
        """How far it is, and the next thing to do."""
        said = f"{self.done} of {self.total} done."
        for lesson in self.lessons:
            for name, outcome in lesson.outcomes.items():
                if not outcome.is_done:
                    return f"{said} Next: {lesson.number}.{name} in lesson {lesson.title}."
        return f"{said} That is the whole course."

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The table: its headings, and a row for each lesson."""
        rows = [(lesson.title, lesson.share, lesson.marks) for lesson in self.lessons]
        return [("Lesson", "Done", "Each"), *rows]

    def __repr__(self) -> str:
        return "\n".join([self.sentence, *(f"  {line}" for line in aligned(self.rows)), LEGEND])

    def _repr_html_(self) -> str:
        # A notebook aligns cells to the right; its stylesheet gives way to a style of ours.
        table = re.sub(r"<(t[hd])>", rf'<\1 style="{CELL}">', html_table(self.rows))
        return f"<p>{html.escape(self.sentence)}</p>{table}<p>{html.escape(LEGEND)}</p>"


CELL = "text-align: left; white-space: pre"
LEGEND = ", ".join(
    f"{sign} {'done' if outcome is Outcome.CORRECT else outcome}" for outcome, sign in SIGNS.items()
)


def progress() -> CourseProgress:
    """Show which exercises of the course are done, and what comes next.

    Returns
    -------
    CourseProgress
        One row for each lesson. It is read from ``.labkit/progress.json`` in this lab; delete that
        file to start again. Nothing of it leaves the machine.
    """
    record = read_learner_progress()
    return CourseProgress(
        tuple(
            LessonProgress(number, title_of(module), _outcomes(number, module, record))
            for number, module in lessons()
        )
    )


def tasks_of(module: ModuleType) -> dict[str, Task]:
    """Return a lesson's exercises and predictions by name, in the order they are written."""
    return {name: thing for name, thing in vars(module).items() if isinstance(thing, Task)}


def title_of(module: ModuleType) -> str:
    """Return a lesson's title, without what follows the colon: ``03 · The producer``."""
    return (module.__doc__ or "").partition("\n")[0].rstrip(".").partition(":")[0]


def _outcomes(number: str, module: ModuleType, record: Mapping[str, Entry]) -> dict[str, Outcome]:
    found = {}
    for name, task in tasks_of(module).items():
        best = best_outcome(record.get(f"{number}.{name}", {}))
        is_surprise = isinstance(task, Prediction) and best is Outcome.NOT_YET
        found[name] = Outcome.NOT_AS_PREDICTED if is_surprise else best
    return found
