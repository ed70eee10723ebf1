"""`labkit.progress`: the course at a glance, and what to do next."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from labkit.exercises.engine.exercise import Task
from labkit.exercises.engine.learner_progress import Entry, lessons, read_learner_progress
from labkit.exercises.engine.outcome import SIGNS, Outcome
from labkit.exercises.engine.prediction import Prediction


@dataclass(frozen=True)
class LessonProgress:
    """One lesson: the outcome of each exercise and prediction."""

    number: str
    title: str
    outcomes: dict[str, Outcome]

    @property
    def done(self) -> int:
        """How many exercises were correct once, plus predictions that were revealed."""
        return sum(outcome is Outcome.CORRECT for outcome in self.outcomes.values())

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
                if outcome is not Outcome.CORRECT:
                    return f"{said} Next: {lesson.number}.{name} in lesson {lesson.title}."
        return f"{said} That is the whole course."

    def __repr__(self) -> str:
        width = max(len(lesson.title) for lesson in self.lessons)
        rows = [
            f"  {lesson.title:<{width}}  {lesson.done:>2} of {len(lesson.outcomes):>2}  "
            f"{lesson.marks}"
            for lesson in self.lessons
        ]
        return "\n".join([self.sentence, *rows, f"  {LEGEND}"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left">{html.escape(lesson.title)}</th>'
            f"<td>{lesson.done} of {len(lesson.outcomes)}</td>"
            f'<td style="text-align: left">{html.escape(lesson.marks)}</td></tr>'
            for lesson in self.lessons
        )
        return (
            f"<p>{html.escape(self.sentence)}</p><table><thead><tr><th>lesson</th><th>done</th>"
            f"<th>each</th></tr></thead><tbody>{rows}</tbody></table><p>{html.escape(LEGEND)}</p>"
        )


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
            LessonProgress(number, _title(module), _outcomes(number, module, record))
            for number, module in lessons()
        )
    )


def tasks_of(module: ModuleType) -> dict[str, Task]:
    """Return a lesson's exercises and predictions by name, in the order they are written."""
    return {name: thing for name, thing in vars(module).items() if isinstance(thing, Task)}


def _title(module: ModuleType) -> str:
    return (module.__doc__ or "").partition("\n")[0].rstrip(".")


def _outcomes(number: str, module: ModuleType, record: Mapping[str, Entry]) -> dict[str, Outcome]:
    found = {}
    for name, task in tasks_of(module).items():
        entry = record.get(f"{number}.{name}", {})
        last = Outcome(entry.get("last", Outcome.NOT_ATTEMPTED))
        # A wrong prediction is done, too: nobody is sent back to it.
        is_surprise = isinstance(task, Prediction) and last is Outcome.NOT_YET
        found[name] = Outcome.CORRECT if is_surprise or "correct_at" in entry else last
    return found
