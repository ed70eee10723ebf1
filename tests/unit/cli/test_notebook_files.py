"""Notebooks with stills: what is saved, and what is opened while the kernel runs and after it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.manager import ContentsManager

from labkit.cli.notebook_files import OURS, WIDGET, NotebookFiles, put_stills, show_live
from labkit.core import still_files
from labkit.core.still_files import read_still, write_still

ID = "0123456789abcdef0123456789abcdef"


def notebook(model_id: str = ID) -> dict[str, Any]:
    view = {"version_major": 2, "version_minor": 0, "model_id": model_id}
    output = {
        "output_type": "display_data",
        "metadata": {},
        "data": {WIDGET: view, "text/plain": "<live>"},
    }
    return {"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": [output]}]}


def data_of(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["cells"][1]["outputs"][0]["data"]
    return found


def test_a_widget_is_saved_as_its_still_and_live_again_when_opened(lab_dir: Path) -> None:
    write_still(ID, "<p>27 t</p>", "27 t")
    content = notebook()
    put_stills(content)
    assert data_of(content) == {"text/html": "<p>27 t</p>", "text/plain": "27 t"}
    show_live(content)
    assert data_of(content)[WIDGET]["model_id"] == ID
    write_still(ID, "<p>28 t</p>", "28 t")
    put_stills(content)
    assert data_of(content) == {"text/html": "<p>28 t</p>", "text/plain": "28 t"}


def test_without_its_kernel_it_is_the_last_still(lab_dir: Path) -> None:
    code = f"from labkit.core.still_files import *; write_still({ID!r}, '<p>last</p>', 'last')"
    subprocess.run([sys.executable, "-c", code], check=True)  # a kernel that has ended
    content = notebook()
    show_live(content)
    assert data_of(content) == {"text/html": "<p>last</p>", "text/plain": "last"}


def test_a_widget_that_was_closed_is_not_shown_live(lab_dir: Path) -> None:
    write_still(ID, "<p>1 t</p>", "1 t", is_open=False)
    content = notebook()
    show_live(content)
    assert WIDGET not in data_of(content)


@pytest.mark.parametrize("model_id", ["f" * 32, "../../x", ""])
def test_other_widgets_stay_as_they_are(lab_dir: Path, model_id: str) -> None:
    content = notebook(model_id)
    put_stills(content)
    show_live(content)
    assert content == notebook(model_id)
    assert read_still(model_id) is None


def test_through_jupyters_own_files(lab_dir: Path) -> None:
    write_still(ID, "<p>27 t</p>", "27 t")
    files: ContentsManager = NotebookFiles(root_dir=str(lab_dir))
    content = {**notebook(), "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    content["cells"] = [
        {"id": "a", "source": "", "execution_count": 1, "metadata": {}, **content["cells"][1]}
    ]
    asyncio.run(files.save({"type": "notebook", "content": content}, "a.ipynb"))
    text = (lab_dir / "a.ipynb").read_text()
    assert WIDGET not in text
    assert f'"{OURS}": "{ID}"' in text
    opened = asyncio.run(files.get("a.ipynb"))
    assert WIDGET in opened["content"]["cells"][0]["outputs"][0]["data"]


def test_old_stills_go(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_still(ID, "", "")
    still_files.remove_old_stills()
    assert read_still(ID)
    monkeypatch.setattr(still_files, "KEPT_S", -1.0)
    still_files.remove_old_stills()
    assert read_still(ID) is None
