"""Predictions: the learner says what will happen, and then asks the cluster.

A wrong prediction is not a mistake: a surprise is what a learner remembers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labkit.core.errors import LabError
from labkit.exercises.engine.exercise import BLANK, Task
from labkit.exercises.engine.learner_progress import save_attempt
from labkit.exercises.engine.outcome import NotAttempted, Outcome, Result, box


@dataclass(frozen=True)
class Observed:
    """What the cluster did, and why."""

    value: Any
    because: str


Observe = Callable[..., Observed]
Matches = Callable[[Any, Any], bool]


class Prediction(Task):
    """One thing to predict; made by the decorator `prediction`.

    Parameters
    ----------
    observe : callable
        Asks the cluster (given what `reveal` is given) and returns `Observed`; raises
        `NotAttempted` where the experiment has not been run. Its docstring is the question.
    matches : callable
        Whether a prediction (first) matches what was observed (second).
    solution : str
        Code for the learner's cell that commits a prediction.
    is_certain : bool
        Whether that prediction always comes true; where chance decides, it may not.
    """

    def __init__(
        self, observe: Observe, matches: Matches, solution: str, is_certain: bool = True
    ) -> None:
        super().__init__(observe, solution)
        self.is_certain = is_certain
        self._observe = observe
        self._matches = matches
        self._said: Any = BLANK

    def predict(self, value: Any) -> Result:
        """Record what you expect to happen, before you run it."""
        self._said = value
        if value is BLANK:
            dots = "Replace the three dots `...` with what you expect, then continue."
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, dots)
        noted = f"you say {value!r}. Now run it, and see."
        return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, noted, heading="Noted")

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
            return Result(self.exercise_id, Outcome.ERROR, str(error))
        what = f"it was {seen.value!r}. {seen.because}"
        if self._said is BLANK:
            heading = "Not predicted"
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, what, heading=heading)
        if self._matches(self._said, seen.value):
            return Result(self.exercise_id, Outcome.CORRECT, what, heading="As you predicted")
        what = f"you said {self._said!r}; {what}"
        return Result(self.exercise_id, Outcome.NOT_YET, what, heading="Not as you predicted")

    def _repr_html_(self) -> str:
        return box(f"{self.exercise_id} · predict", self.question)


def is_same(said: Any, seen: Any) -> bool:
    """Tell whether a prediction names what was seen; `"Moves"` is `"moves"`, and `"3"` is 3."""
    if isinstance(said, str):
        return said.strip().casefold() == str(seen).casefold()
    return bool(said == seen)


def prediction(
    *, solution: str, is_certain: bool = True, matches: Matches = is_same
) -> Callable[[Observe], Prediction]:
    """Turn a function that observes into a prediction of the same name: ``p1`` in ``lesson_02``."""

    def wrap(observe: Observe) -> Prediction:
        return Prediction(observe, matches, solution, is_certain)

    return wrap
