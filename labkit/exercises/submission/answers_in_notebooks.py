"""The answers in saved notebooks: the cells that are named as tasks, such as ``q1``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.core.terminal_text import visible
from labkit.exercises.submission.saved_notebooks import cells_of

LONGEST = 20_000
"""Characters of one answer; the rest is cut off."""


def answers_in(folder: Path, tasks: Sequence[str]) -> dict[str, str]:
    """Return the source of each task's cell, by the task's id; an unreadable file is skipped.

    Parameters
    ----------
    folder : Path
        Where the learner's notebooks are; ``03_producer.ipynb`` has the cells of lesson 03.
    tasks : sequence of str
        The ids, such as ``03.q1``.
    """
    found = {}
    for path in sorted(folder.glob("*.ipynb")):
        lesson = path.stem.partition("_")[0]
        for cell in cells_of(path):
            if (source := _source(cell)).strip():
                found[f"{lesson}.{cell.get('id')}"] = visible(source)[:LONGEST]
    return {task: found[task] for task in tasks if task in found}


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source")
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")
