"""The form that every lesson keeps: its parts, short cells, no outputs, one kernel for all."""

from __future__ import annotations

import re

import nbformat
import pytest
from lessons import LESSONS, exercises_of, is_meant_to_raise, read, tasks

from labkit.exercises.engine.exercise import Exercise
from labkit.exercises.engine.prediction import Prediction

MAX_CODE_LINES = 12
MAX_TEXT_WORDS = 110
MAX_WORDS = 2_000
"""Of a whole lesson; some 1,400 is what fits into twenty minutes beside the running and looking."""

pytestmark = pytest.mark.parametrize("lesson", LESSONS)


@pytest.fixture
def notebook(lesson: str) -> nbformat.NotebookNode:
    return read(lesson)


def text(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_it_is_valid_and_names_its_kernel(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"  # so that no kernel is asked for


def test_it_is_stripped(notebook: nbformat.NotebookNode) -> None:
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_its_cells_are_short(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= MAX_CODE_LINES, cell.source
        else:
            assert len(cell.source.split()) <= MAX_TEXT_WORDS, cell.source
    assert len(text(notebook).split()) <= MAX_WORDS


def test_it_has_every_part_of_a_lesson(lesson: str, notebook: nbformat.NotebookNode) -> None:
    words, code = text(notebook), [c.source for c in notebook.cells if c.cell_type == "code"]
    assert re.match(rf"# {lesson[:2]} · ", words), "the first cell names the lesson"
    assert re.search(r"\*\*In \d+ minutes\*\*", words.partition("## ")[0]), "goal and time"
    assert any('lab.picture("journey"' in source for source in code), "the journey, marked"
    assert len(re.findall(r"<details><summary>.+\?</summary>", words)) == 3, "three questions"
    assert "## Three questions" in words
    assert "**Where next:**" in words
    assert any("lab.stop_all()" in source for source in code), "it tidies up"
    assert any(source.startswith("%load_ext labkit") for source in code), "the error card"


def test_it_has_exercises_and_something_to_predict(lesson: str) -> None:
    known = tasks(lesson)
    exercises = [task for task in known.values() if isinstance(task, Exercise)]
    predictions = [task for task in known.values() if isinstance(task, Prediction)]
    assert len(exercises) >= 4
    assert predictions or lesson.startswith("00")
    for one in exercises:
        assert len(one.hints) >= 2, f"{one.exercise_id}: hints come in stages"


def test_its_tasks_are_numbered_as_they_stand(lesson: str, notebook: nbformat.NotebookNode) -> None:
    order = [cell.id for cell in notebook.cells]
    for kind in (Exercise, Prediction):
        names = [name for name, task in tasks(lesson).items() if isinstance(task, kind)]
        assert sorted(names) == sorted(names, key=order.index)


def test_each_task_stands_in_it_once(lesson: str, notebook: nbformat.NotebookNode) -> None:
    order = [cell.id for cell in notebook.cells]
    for name, task in tasks(lesson).items():
        marks = "check" if isinstance(task, Exercise) else "reveal"
        assert order.index(name) < order.index(f"{name}-{marks}"), name
        cells = {cell.id: cell.source for cell in notebook.cells}
        assert "..." in cells[name], f"{name} is no blank"
        assert f"ex.{name}.{marks}(" in cells[f"{name}-{marks}"]


def test_its_module_is_its_own(lesson: str) -> None:
    module = exercises_of(lesson)
    assert (module.__doc__ or "").startswith(f"{lesson[:2]} · ")


def test_what_raises_is_announced(notebook: nbformat.NotebookNode) -> None:
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if is_meant_to_raise(cell):
            assert "meant to fail" in before.source, cell.source
