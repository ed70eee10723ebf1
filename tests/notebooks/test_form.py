"""The form that every lesson keeps: short cells, no outputs, one kernel for all."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MAX_CODE_LINES = 12
MAX_TEXT_WORDS = 110


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def test_there_are_lessons() -> None:
    assert next(path.stem for path in NOTEBOOKS) == "00_start_here"


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


def test_it_tidies_up(notebook: nbformat.NotebookNode) -> None:
    assert any("lab.stop_all()" in cell.source for cell in notebook.cells)
