"""Stills: what each live widget shows, in a file that outlives its kernel.

A widget lives in its kernel, and a notebook stores only the widget's id. So each widget also writes
what it shows as HTML and as text. The Jupyter server of ``labkit lab`` stores that in the notebook.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.core.config import load_config
from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive, mark_of

KEPT_S = 7 * 24 * 3600.0
"""How long the still of an ended kernel is kept, for a notebook that was not saved."""


@dataclass(frozen=True)
class Still:
    """A widget's content; `pid` and `process_started` identify the kernel that shows it live."""

    html: str
    text: str
    pid: int
    process_started: float
    is_open: bool = True

    @property
    def is_live(self) -> bool:
        """Whether the widget still exists in its kernel."""
        return self.is_open and is_alive(self.pid, self.process_started)


def write_still(model_id: str, html: str, text: str, *, is_open: bool = True) -> None:
    """Replace the still of one of this process's widgets."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    mark = mark_of(os.getpid())
    still = Still(html, text, mark["pid"], mark["process_started"], is_open)
    write_json(folder / f"{model_id}.json", asdict(still))


def read_still(model_id: str) -> Still | None:
    """Return a widget's still; None if there is none.

    The id comes from a notebook, so nothing but an id is looked up.
    """
    if not re.fullmatch(r"[0-9a-f]{8,64}", model_id):
        return None
    found = read_json(_folder() / f"{model_id}.json")
    return Still(**found) if found is not None else None


def remove_old_stills() -> None:
    """Remove the stills that nobody has written for a week."""
    for path in _folder().glob("*.json"):
        try:
            if path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()
        except FileNotFoundError:  # another kernel does the same
            continue


def _folder() -> Path:
    return load_config().state_dir / "stills"
