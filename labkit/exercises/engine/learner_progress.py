"""What a learner has done so far, in one file of the lab: ``.labkit/progress.json``.

The file is readable and may be deleted; nothing of it leaves the machine.
"""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from filelock import FileLock

from labkit.core.config import MARKS
from labkit.core.json_files import read_json, write_json
from labkit.exercises.engine.experiments import home_state_dir
from labkit.exercises.engine.outcome import Outcome, Result

Entry = dict[str, Any]
"""``{attempts, last, best, first, correct_at, hints, solution_seen, said}``; any may be missing.

``first`` is the first verdict. Of a prediction it is the one that counts: a later one is made by
someone who has seen the answer.
"""

RANKS = [Outcome.NOT_ATTEMPTED, Outcome.ERROR, Outcome.NOT_YET, Outcome.CORRECT]


def best_outcome(entry: Entry) -> Outcome:
    """Return the best outcome that an exercise has had; no later attempt lowers it."""
    if "correct_at" in entry:
        return Outcome.CORRECT
    seen = [Outcome(entry[name]) for name in ("best", "last") if name in entry]
    return max(seen, key=RANKS.index, default=Outcome.NOT_ATTEMPTED)


def save_attempt(result: Result) -> None:
    """Record the outcome of an attempt."""
    entry: Entry = {"last": str(result.outcome)}
    if result.outcome in (Outcome.CORRECT, Outcome.NOT_YET):
        entry["first"] = str(result.outcome)
    if result.outcome is Outcome.CORRECT:
        entry["correct_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    _update(result.exercise_id, entry, result.outcome is not Outcome.NOT_ATTEMPTED)


def save_help_taken(exercise_id: str, **entry: Any) -> None:
    """Record that a hint or the solution was looked at."""
    _update(exercise_id, entry, is_attempt=False)


def save_said(exercise_id: str, said: str | int | None) -> None:
    """Record a prediction; None: it is open again."""
    _update(exercise_id, {"said": said}, is_attempt=False)


def read_learner_progress() -> dict[str, Entry]:
    """Return what is known of each exercise, by its id."""
    return read_json(home_state_dir() / MARKS) or {}


def marks_of_lesson(number: str) -> list[str]:
    """Return the ids of a lesson's exercises and predictions of which something is known."""
    return [name for name in read_learner_progress() if name.partition(".")[0] == number]


def forget_lesson(number: str) -> int:
    """Forget what is known of a lesson; return of how many exercises and predictions."""
    folder = home_state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "progress.lock", timeout=10):
        record = read_learner_progress()
        forgotten = [record.pop(name) for name in marks_of_lesson(number)]
        if forgotten:
            write_json(folder / MARKS, record)
    return len(forgotten)


def lessons() -> list[tuple[str, ModuleType]]:
    """Return each lesson's number and its module, in the order of the course."""
    from labkit import exercises

    names = sorted(
        module.name
        for module in pkgutil.iter_modules(exercises.__path__)
        if module.name.startswith("lesson_") and not module.ispkg
    )
    return [
        (name.removeprefix("lesson_"), importlib.import_module(f"labkit.exercises.{name}"))
        for name in names
    ]


def _update(exercise_id: str, entry: Entry, is_attempt: bool) -> None:
    folder = home_state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    # Two notebooks of one lab may be marked at the same time.
    with FileLock(folder / "progress.lock", timeout=10):
        record = read_learner_progress()
        known = record.setdefault(exercise_id, {"attempts": 0})
        known["attempts"] += is_attempt
        first_time = {key: known[key] for key in ("first", "correct_at") if key in known}
        known.update(entry | first_time | {"best": str(_better(known, entry))})
        write_json(folder / MARKS, record)


def _better(known: Entry, entry: Entry) -> Outcome:
    return max(best_outcome(known), best_outcome(entry), key=RANKS.index)
