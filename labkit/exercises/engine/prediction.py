"""Predictions: the learner says what will happen, and then asks the cluster.

A wrong prediction is not a mistake: a surprise is what a learner remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.core.errors import LabError
from labkit.core.notebook_lines import error_in_notebook
from labkit.exercises.engine.answer_kinds import described, shown, whole_number
from labkit.exercises.engine.exercise import BLANK, Task
from labkit.exercises.engine.learner_functions import named
from labkit.exercises.engine.learner_progress import (
    read_learner_progress,
    save_attempt,
    save_said,
)
from labkit.exercises.engine.outcome import NotAttempted, NotYet, Outcome, Result, box


@dataclass(frozen=True)
class Observed:
    """What the cluster did, and why."""

    value: Any
    because: str


Observe = Callable[..., Observed]
Matches = Callable[[Any, Any], bool]
Possible = Sequence[str] | range


class Prediction(Task):
    """One thing to predict; made by the decorator `prediction`.

    Parameters
    ----------
    observe : callable
        Asks the cluster (given what `reveal` is given) and returns `Observed`; raises
        `NotAttempted` where the experiment has not been run. Its docstring is the question.
    matches : callable
        Whether a prediction (first) matches what was observed (second).
    possible : sequence of str or range
        What can be an answer: some words, or whole numbers.
    solution : str
        Code for the learner's cell that commits a prediction.
    is_certain : bool
        Whether that prediction always comes true; where chance decides, it may not.
    """

    def __init__(
        self,
        observe: Observe,
        possible: Possible,
        matches: Matches,
        solution: str,
        is_certain: bool = True,
    ) -> None:
        super().__init__(observe, solution)
        self.possible = possible
        self.is_certain = is_certain
        self._observe = observe
        self._matches = matches

    def predict(self, value: Any = BLANK) -> Result:
        """Note what you expect to happen, before you run it."""
        self._note(BLANK)
        if value is BLANK:
            dots = "Replace the three dots `...` with what you expect, then continue."
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, dots)
        try:
            self._note(as_possible(value, self.possible))
        except NotYet as refused:
            message, heading = str(refused), "Not noted"
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, message, heading=heading)
        noted = f"You said {self._said()!r}. Now run it, and see."
        return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, noted, heading="Noted")

    def _note(self, said: Any) -> None:
        """Keep what was said in the progress file, which a restart of the kernel leaves there."""
        save_said(self.exercise_id, None if said is BLANK else said)

    def _said(self) -> Any:
        said = read_learner_progress().get(self.exercise_id, {}).get("said")
        return BLANK if said is None else said

    def reveal(self, *evidence: Any) -> Result:
        """Ask the cluster what happened, and compare."""
        result = self._mark(evidence)
        save_attempt(result)
        return result

    def _mark(self, evidence: tuple[Any, ...]) -> Result:
        try:
            seen = self._observe(*evidence)
        except NotAttempted as none:
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, str(none))
        except LabError as error:
            return Result(self.exercise_id, Outcome.ERROR, error_in_notebook(error))
        except Exception as error:  # such as what a client raises while its broker is away
            why = f"The cluster could not be asked: `{named(error)}`"
            message = f"{why}. Run the cells above, then this one."
            return Result(self.exercise_id, Outcome.ERROR, message)
        said = self._said()
        what = f"It was {shown(seen.value)}. {seen.because}"
        if said is BLANK:
            heading = "Not predicted"
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, what, heading=heading)
        if self._matches(said, seen.value):
            return Result(self.exercise_id, Outcome.CORRECT, what, heading="As you predicted")
        what = f"You said {said!r}. {what}"
        return Result(self.exercise_id, Outcome.NOT_YET, what, heading="Not as you predicted")

    def _repr_html_(self) -> str:
        return box(f"{self.exercise_id} · predict", self.question)


def as_possible(value: Any, possible: Possible) -> str | int:
    """Return a prediction as one of the possible answers, or raise `NotYet` and name those.

    Upper and lower case are the same, and so are ``3``, ``"3"`` and ``"3 %"``; ``"none"`` is 0.
    """
    said = value.strip().casefold() if isinstance(value, str) else value
    if not isinstance(possible, range):
        if isinstance(said, str) and said in possible:
            return said
        *others, last = map(repr, possible)
        raise NotYet(f"You gave {described(value)}. Say {', '.join(others)} or {last}.")
    limits = f"a whole number from {possible[0]:,} to {possible[-1]:,}"
    if isinstance(said, str):
        digits = {"none": "0", "zero": "0"}.get(said, said.removesuffix("%").strip())
        said = int(digits) if digits.removeprefix("-").isdecimal() else said
    try:
        number = whole_number(said)
    except NotYet:
        raise NotYet(f"You gave {described(value)}. Say {limits}, in digits.") from None
    if number not in possible:
        raise NotYet(f"You gave {described(value)}. Say {limits}.")
    return number


def is_same(said: Any, seen: Any) -> bool:
    """Tell whether a prediction names what was seen."""
    return bool(said == seen)


def is_within(tolerance: int) -> Matches:
    """Return a comparison in which a prediction may be so much too high or too low."""
    return lambda said, seen: abs(said - seen) <= tolerance


def prediction(
    *, possible: Possible, solution: str, is_certain: bool = True, matches: Matches = is_same
) -> Callable[[Observe], Prediction]:
    """Turn a function that observes into a prediction of the same name: ``p1`` in ``lesson_02``."""

    def wrap(observe: Observe) -> Prediction:
        return Prediction(observe, possible, matches, solution, is_certain)

    return wrap
