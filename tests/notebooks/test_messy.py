"""A messy learner reaches full marks: see `messy_learner`, which can also be run by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lessons import LESSONS, tasks
from messy_learner import work_through
from wrong_answers import WRONG

from labkit.exercises.engine.exercise import Exercise

CANNOT_BE_WRONG = {"08.q3", "08b.q1"}  # a broker is started, or not
SHORT = ("07_test_and_debug",)
SEED = int(os.environ["LABKIT_TEST_SEED"])
IS_LONG = bool(os.environ.get("LABKIT_TEST_MESSY"))  # make test-long


@pytest.mark.parametrize("lesson", LESSONS if IS_LONG else SHORT)
def test_a_messy_learner_reaches_full_marks(lesson: str, tmp_path: Path) -> None:
    done = work_through(lesson, tmp_path, SEED)
    assert done.returncode == 0, f"{lesson}, seed {SEED}\n{done.stdout}\n{done.stderr}"


def test_each_exercise_can_be_answered_wrongly() -> None:
    exercises = {
        task.exercise_id
        for lesson in LESSONS
        for task in tasks(lesson).values()
        if isinstance(task, Exercise)
    }
    assert exercises - set(WRONG) <= CANNOT_BE_WRONG
    assert set(WRONG) <= exercises
