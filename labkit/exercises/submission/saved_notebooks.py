"""Notebooks as they were saved, whatever a learner's disk holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labkit.core.json_files import read_json


def cells_of(path: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook's file; none of a file that is not a notebook."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return []
    cells = content.get("cells") if isinstance(content, dict) else None
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
