"""Assertions about the verdicts of exercises."""

from __future__ import annotations

from typing import Any

from labkit.exercises.engine.exercise import Exercise
from labkit.exercises.engine.outcome import Outcome, Result
from labkit.exercises.engine.prediction import Prediction


def expect(task: Exercise, outcome: Outcome, *answers: Any, says: str) -> Result:
    """Check an answer; assert the verdict and a part of its message."""
    result = task.check(*answers)
    assert result.outcome is outcome, result
    assert says in result.message, result
    assert task.exercise_id in repr(result)
    assert 'role="status"' in result._repr_html_()
    return result


def expect_revealed(task: Prediction, said: Any, outcome: Outcome, *seen: Any, says: str) -> None:
    """Predict and reveal; assert the verdict and a part of its message."""
    task.predict(said)
    result = task.reveal(*seen)
    assert result.outcome is outcome, result
    assert says in result.message, result


def solve(task: Exercise, **names: Any) -> dict[str, Any]:
    """Run an exercise's solution as the learner's cell would; return the names it defines."""
    import labkit as lab

    space: dict[str, Any] = {"lab": lab, **names}
    exec(compile(task.solution_code, task.exercise_id, "exec"), space)
    return space
