"""The answers in saved notebooks: the cells that are named as tasks, such as ``q1``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from labkit.core.json_files import read_json
from labkit.core.terminal_text import visible

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
        for cell_id, source in _cells(path):
            if source.strip():
                found[f"{lesson}.{cell_id}"] = visible(source)[:LONGEST]
    return {task: found[task] for task in tasks if task in found}


def _cells(path: Path) -> Iterator[tuple[str, str]]:
    try:
        content = read_json(path)
        cells = [(str(cell.get("id")), cell.get("source")) for cell in (content or {})["cells"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    for cell_id, source in cells:
        yield cell_id, "".join(map(str, source)) if isinstance(source, list) else str(source or "")
