"""Each lesson from top to bottom, from a fresh kernel, on a broker of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from labkit.cluster import read_cluster
from labkit.state import read_run_files

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture
def kernel_loop() -> None:
    """Let the kernel's sockets work on Windows too."""
    if sys.platform == "win32":
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())


def run(name: str, folder: Path) -> nbformat.NotebookNode:
    """Execute a copy of a lesson; a cell that raises fails the test with its traceback."""
    path = folder / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir()
    shutil.copy(NOTEBOOKS / path.name, path)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    )
    client.execute()
    return notebook


def shown(notebook: nbformat.NotebookNode, source: str) -> str:
    """Return, as text, what the cell that contains ``source`` has shown."""
    cell = next(cell for cell in notebook.cells if source in cell.source)
    parts = []
    for output in cell.outputs:
        assert output.output_type != "error", output
        data = output.get("data", {})
        parts.append(output.get("text", "") + data.get("text/plain", ""))
    return "\n".join(parts)


def test_00_start_here(lab_dir: Path, kernel_loop: None) -> None:
    notebook = run("00_start_here", lab_dir)
    assert re.search(r"127\.0\.0\.1:\d+", shown(notebook, "broker = lab.start_broker()"))
    assert re.search(r"partition \d, offset \d+, key [A-Z]{2}-", shown(notebook, "by_hand"))
    assert "co2_kg" in shown(notebook, "lab.read_table()")
    assert "live chart of co2-emissions" in shown(notebook, "lab.live_chart()")
    verdict = shown(notebook, "lab.carbon_ledger()")
    assert "agree" in verdict, verdict
    left = [psutil.Process(record["pid"]).cmdline() for record in read_run_files()]
    assert left == [], "the lesson left something running"
    cluster = read_cluster()
    assert cluster is not None
    assert not cluster.is_running
