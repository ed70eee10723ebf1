"""The form that every lesson keeps: its parts, short cells, no outputs, one kernel for all."""

from __future__ import annotations

import re

import nbformat
import pytest
from lessons import LESSONS, NOTEBOOKS, exercises_of, is_meant_to_raise, number_of, read, tasks

from labkit.exercises.engine.course_overview import title_of
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
    assert re.match(rf"# {number_of(lesson)} · ", words), "the first cell names the lesson"
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
    is_one_long = any(len(task.solution_code.splitlines()) >= 5 for task in exercises)
    assert len(exercises) >= (2 if is_one_long else 3)  # a whole function takes the time of two
    assert len(known) >= 3
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
    cells = {cell.id: cell.source for cell in notebook.cells}
    for name, task in tasks(lesson).items():
        marks = "check" if isinstance(task, Exercise) else "reveal"
        assert order.index(f"{name}-question") == order.index(name) - 1, name
        assert order.index(name) < order.index(f"{name}-{marks}"), name
        assert "..." in cells[name], f"{name} is not a blank"
        assert f"ex.{name}.{marks}(" in cells[f"{name}-{marks}"]
        if isinstance(task, Exercise):
            assert order.index(f"{name}-hint") == order.index(f"{name}-check") + 1
            assert cells[f"{name}-hint"] == f"# ex.{name}.hint()\n# ex.{name}.solution()"


def test_each_question_can_be_read_in_it(lesson: str, notebook: nbformat.NotebookNode) -> None:
    cells = {cell.id: cell.source for cell in notebook.cells}
    for name, task in tasks(lesson).items():
        word = "Exercise" if isinstance(task, Exercise) else "Predict"
        question = f"**{word} {name}.** {task.question}"
        assert " ".join(cells[f"{name}-question"].split()).startswith(" ".join(question.split()))


def test_its_title_is_the_same_everywhere(lesson: str, notebook: nbformat.NotebookNode) -> None:
    title = title_of(exercises_of(lesson))
    assert text(notebook).startswith((f"# {title}:", f"# {title}\n"))
    number, _, name = title.partition(" · ")
    readme = (NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    assert f"| {number} | [{name}](notebooks/{lesson}.ipynb) |" in readme


def test_its_module_is_its_own(lesson: str) -> None:
    module = exercises_of(lesson)
    assert (module.__doc__ or "").startswith(f"{number_of(lesson)} · ")


def test_what_raises_is_announced(notebook: nbformat.NotebookNode) -> None:
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if is_meant_to_raise(cell):
            assert "meant to fail" in before.source, cell.source
