"""The learner's working copies of the lessons; the originals stay as they came.

``labkit lab`` copies each lesson to ``my-notebooks/`` once. A new edition, as after ``git pull``,
replaces a copy in which nothing has been run or written. A copy with work in it is never touched:
the new edition is offered, and ``labkit lab --fresh 04`` takes it and keeps the old copy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from labkit.core.errors import LabError
from labkit.core.json_files import read_json, replace_file, write_json

OLDER = "older"
"""The folder, inside the other, for copies that `bring_back` has replaced."""
EDITIONS = ".lessons.json"
"""The checksum of each original when it was copied; beside the copies, so they stay together."""


def originals_for(lab_dir: Path) -> Path:
    """Return the folder of the original lessons.

    In the repository it is ``notebooks/``. Elsewhere, these are the lessons that were installed
    with the program: its wheel contains them.
    """
    package = Path(str(files("labkit")))
    folders = (lab_dir / "notebooks", package / "notebooks", package.parent / "notebooks")
    return next((one for one in folders if one.is_dir()), folders[1])


@dataclass
class Copied:
    """The names of lessons, such as ``04_consumer``, by what became of their copies."""

    new: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)


def copy_lessons(originals: Path, copies: Path) -> Copied:
    """Copy what is missing, renew what is untouched, and return what was done.

    Raises
    ------
    LabError
        The folder of the copies cannot be written.
    """
    done = Copied()
    try:
        copies.mkdir(exist_ok=True)
        editions = _editions(copies)
        for original in sorted(originals.glob("*.ipynb")):
            name, copy, edition = original.stem, copies / original.name, _checksum(original)
            have = _checksum(copy) if copy.exists() else None
            known = editions.get(name)
            if have is None or (have == known and have != edition):
                replace_file(copy, original.read_bytes())
                (done.new if have is None else done.renewed).append(name)
                editions[name] = edition
            elif have == edition:
                editions[name] = edition
            elif known is not None and known != edition:
                done.offered.append(name)
        write_json(copies / EDITIONS, editions)
    except OSError as error:
        raise _refused(copies, error) from error
    return done


def bring_back(lesson: str, originals: Path, copies: Path) -> tuple[Path, Path | None]:
    """Replace a copy by the original; return the copy, and where the replaced one is now.

    Parameters
    ----------
    lesson : str
        A number, such as ``04`` or ``03b``, or a name, such as ``04_consumer``.

    Raises
    ------
    LabError
        There is no such lesson, or the folder cannot be written.
    """
    original = _find(lesson, originals)
    copy = copies / original.name
    kept = None
    try:
        copies.mkdir(exist_ok=True)
        if copy.exists() and _checksum(copy) != _checksum(original):
            kept = _free_name(copies / OLDER, original.stem)
            kept.parent.mkdir(exist_ok=True)
            copy.replace(kept)
        replace_file(copy, original.read_bytes())
        write_json(copies / EDITIONS, {**_editions(copies), original.stem: _checksum(original)})
    except OSError as error:
        raise _refused(copies, error) from error
    return copy, kept


def _find(lesson: str, originals: Path) -> Path:
    wanted = Path(lesson).name.removesuffix(".ipynb").casefold()
    wanted = wanted.zfill(2) if wanted.isdigit() else wanted
    lessons = sorted(originals.glob("*.ipynb"))
    for path in lessons:
        if wanted in (path.stem.casefold(), path.stem.partition("_")[0].casefold()):
            return path
    if not lessons:
        raise LabError(f"There are no lessons in {originals}.", "labkit lab")
    names = ", ".join(path.stem for path in lessons)
    raise LabError(f"There is no lesson {lesson!r}; there are: {names}.", "labkit lab --fresh 00")


def _editions(copies: Path) -> dict[str, str]:
    try:
        known = read_json(copies / EDITIONS)
    except ValueError:
        known = None  # somebody edited it: every copy that differs counts as the learner's work
    return known if isinstance(known, dict) else {}


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _free_name(folder: Path, stem: str) -> Path:
    at = f"{datetime.now():%Y-%m-%d_%H.%M.%S}"
    names = (f"{stem}_{at}{more}.ipynb" for more in ("", *(f"_{n}" for n in range(2, 1000))))
    return next(path for name in names if not (path := folder / name).exists())


def _refused(copies: Path, error: OSError) -> LabError:
    msg = f"The lessons cannot be copied to {copies}: {error.strerror or error}."
    return LabError(msg, "labkit lab notebooks   (it opens the originals)")
