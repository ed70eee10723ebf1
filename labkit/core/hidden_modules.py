"""A file of the user that a notebook or script imports instead of a package that the lab needs.

Python looks beside a notebook before it looks among the installed packages, so a `kafka.py` there
hides kafka-python. The lab's own commands and processes do not look there.
"""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from labkit.core.errors import LabError

NEEDED = ("faker", "filelock", "flask", "kafka", "numpy", "pandas", "psutil", "pydantic")


def hiding_files(folder: Path) -> list[Path]:
    """Return the files in a folder that have the name of `labkit` or of a package it needs."""
    return [path for name in ("labkit", *NEEDED) if (path := folder / f"{name}.py").is_file()]


def set_file_aside_line(path: Path) -> str:
    """Return the line that gives such a file another name."""
    old, new = (shlex.quote(str(one)) for one in (path, path.with_name(f"my_{path.name}")))
    return f"mv {old} {new}   (then restart the kernel or the program)"


def refuse_hidden_modules() -> None:
    """Refuse if this program would import a file of the user instead of a package.

    Raises
    ------
    LabError
        It names the file.
    """
    try:
        folders = {Path.cwd(), Path(sys.path[0]).absolute()}
    except (FileNotFoundError, IndexError):  # the working directory has been deleted
        return
    for path in (path for folder in folders for path in hiding_files(folder)):
        spec = find_spec(path.stem)
        if spec is not None and spec.origin and Path(spec.origin).resolve() == path.resolve():
            msg = f"`import {path.stem}` finds {path} instead of the package that the lab needs"
            raise LabError(msg, set_file_aside_line(path))
