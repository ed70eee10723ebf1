"""A lesson in a test: its cells, with blanks or with solutions, and a run of them."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nbformat
import psutil

from labkit.exercises.engine.course_overview import tasks_of
from labkit.exercises.engine.exercise import Exercise
from labkit.exercises.engine.prediction import Prediction

EXECUTE = Path(__file__).with_name("execute.py")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]*_*.ipynb"))
CELL_TIMEOUT_S = 400


def read(lesson: str) -> nbformat.NotebookNode:
    """Return a lesson as it is committed."""
    return nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4)


def exercises_of(lesson: str) -> ModuleType:
    """Return the module that marks a lesson."""
    return importlib.import_module(f"labkit.exercises.lesson_{number_of(lesson)}")


def number_of(lesson: str) -> str:
    """Return a lesson's number: ``03``, or ``03b`` for a second part."""
    return lesson.partition("_")[0]


def tasks(lesson: str) -> dict[str, Exercise | Prediction]:
    """Return a lesson's exercises and predictions by name."""
    return tasks_of(exercises_of(lesson))


def solved(lesson: str) -> nbformat.NotebookNode:
    """Return a lesson with each blank replaced by its solution: the cell named ``q1`` is q1's."""
    notebook = read(lesson)
    known = tasks(lesson)
    for cell in notebook.cells:
        if cell.id in known:
            cell.source = known[cell.id].solution_code
    return notebook


def is_meant_to_raise(cell: nbformat.NotebookNode) -> bool:
    """Tell whether a cell of a lesson raises an error on purpose."""
    return "raises-exception" in cell.metadata.get("tags", [])


def own_lab(folder: Path) -> dict[str, str]:
    """Make a lab in a folder; return the environment of a kernel that works in it."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    (folder / ".labkit").mkdir(exist_ok=True)
    return {
        **{key: value for key, value in os.environ.items() if key != "LABKIT_BOOTSTRAP_SERVERS"},
        "LABKIT_LAB_DIR": str(folder),
        "LABKIT_STATE_DIR": str(folder / ".labkit"),
        # As in `labkit lab`: `!labkit` in a cell runs this Python's labkit.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


@dataclass
class Run:
    """A lesson that was run: its outputs, or what ended it."""

    lesson: str
    folder: Path
    notebook: nbformat.NotebookNode
    error: str = ""
    took_s: float = 0.0
    left: tuple[list[str], ...] = ()
    """The commands of workers and brokers that still ran afterwards."""


def run(lesson: str, notebook: nbformat.NotebookNode, folder: Path) -> Run:
    """Execute a lesson in a new kernel, in a new lab or one where other lessons have run."""
    environment = own_lab(folder)
    path = folder / "notebooks" / f"{lesson}.ipynb"
    nbformat.write(notebook, path)
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, str(EXECUTE), str(path), str(CELL_TIMEOUT_S)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as ran:
        try:
            _, errors = ran.communicate()
        except BaseException:  # Ctrl-C: the kernel has a session of its own and does not get it
            for process in [*psutil.Process(ran.pid).children(recursive=True), ran]:
                process.kill()
            raise
    done = Run(lesson, folder, nbformat.read(path, as_version=4))
    done.took_s = time.monotonic() - began
    done.error = errors[-6000:] if ran.returncode else ""
    done.left = tuple(left_running(folder))
    return done


def left_running(folder: Path) -> list[list[str]]:
    """Return the commands of a lab's running workers and brokers."""
    state = folder / ".labkit"
    pids = [json.loads(path.read_text())["pid"] for path in state.rglob("run/*.json")]
    for keeper in state.rglob("keeper.json"):
        pids += re.findall(r'"pid": (\d+)', keeper.read_text())
    found = []
    for pid in map(int, pids):
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE and str(folder) in str(process.environ()):
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def text_of(cell: nbformat.NotebookNode) -> str:
    """Return what a cell has shown, as text."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", "") + output.get("data", {}).get("text/plain", ""))
        parts += output.get("traceback", [])
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(parts))
