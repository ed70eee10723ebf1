"""Every lesson from a fresh kernel on a real broker: in order, in reverse, and alone."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from lessons import LESSONS, Run, is_meant_to_raise, read, run, solved, tasks, text_of

from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.engine.prediction import Prediction

# Each lane is a lab, or a lab for each lesson. `schedule` gives lanes to different workers.
LANES = {
    "in order": LESSONS,  # one after the other in one lab, with the solutions
    "in reverse": LESSONS[::-1],  # the other way round in one lab, with the blanks
}
if os.environ.get("LABKIT_TEST_ALONE"):  # make test-long
    # Each in a new lab, with its blanks. The two others show nearly all of it: in reverse, no
    # lesson can need an earlier one; in order, none can need a later one.
    LANES["alone"] = LESSONS
RUNS = [
    pytest.param(lane, lesson, id=f"{lesson}-{lane}")
    for lane, lessons in LANES.items()
    for lesson in lessons
]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a folder for each lane."""
    return {lane: tmp_path_factory.mktemp(lane.replace(" ", "-")) for lane in LANES}


@pytest.fixture
def finished(lane: str, lesson: str, folders: dict[str, Path]) -> Run:
    """Run a lesson in its lane."""
    folder = folders[lane] / lesson if lane == "alone" else folders[lane]
    return run(lesson, solved(lesson) if lane == "in order" else read(lesson), folder)


@pytest.mark.parametrize(("lane", "lesson"), RUNS)
def test_the_lesson_runs(lane: str, lesson: str, finished: Run) -> None:
    print(f"{lesson} {lane}: {finished.took_s:.0f} s")
    assert finished.error == ""
    for cell in finished.notebook.cells:
        raised = [one for one in cell.get("outputs", []) if one.output_type == "error"]
        assert bool(raised) == is_meant_to_raise(cell), f"{cell.source}\n{text_of(cell)}"
    expect_outcomes(lane, lesson, read_record(finished.folder))
    assert finished.left == (), "the lesson left something running"
    if lesson == "00_start_here":
        expect_a_whole_journey(finished)


def expect_outcomes(lane: str, lesson: str, record: dict[str, dict]) -> None:
    """Hold each check's verdict against what was in the cells: blanks, or solutions."""
    for name, task in tasks(lesson).items():
        assert task.exercise_id in record, f"{name} was not marked"
        outcome = Outcome(record[task.exercise_id]["last"])
        if lane != "in order":
            assert outcome is Outcome.NOT_ATTEMPTED, f"{name}, left blank: {outcome}"
        elif isinstance(task, Prediction) and not task.is_certain:
            assert outcome in (Outcome.CORRECT, Outcome.NOT_YET), f"{name}: {outcome}"
        else:
            assert outcome is Outcome.CORRECT, f"{name}, solved: {outcome}"


def expect_a_whole_journey(finished: Run) -> None:
    """Look at what lesson 00 has shown: the address, a record, the table, and the verdict."""
    shown = "\n".join(text_of(cell) for cell in finished.notebook.cells)
    assert re.search(r"127\.0\.0\.1:\d+", shown)
    assert re.search(r"partition \d, offset \d+, key [A-Z]{2}-", shown)
    assert "co2_kg" in shown
    verdict = next(
        text_of(cell) for cell in finished.notebook.cells if "lab.carbon_ledger()" in cell.source
    )
    assert "agree" in verdict, verdict


def read_record(folder: Path) -> dict[str, dict]:
    path = folder / ".labkit" / "progress.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
