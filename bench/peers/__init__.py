"""The peers that are other libraries: what a user would write with them, in a Python of their own.

Their versions are pinned in ``requirements.lock``, and they are installed where the lab's own
packages cannot be disturbed: in ``bench/.peers``, made when a recipe first asks for it. Each
program in this folder is a small one, as a tutorial has it; a recipe runs it with `start` or `run`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from labkit.core.errors import LabError
from labkit.core.progress_bar import waiting

PROGRAMS = Path(__file__).parent
LOCK = PROGRAMS / "requirements.lock"
VENV = PROGRAMS.parent / ".peers"
STAMP = VENV / "made-from"
LOG = PROGRAMS.parent / "out" / "peers.log"


def python() -> Path:
    """Return the Python that has the peers; make it first where it is missing or out of date.

    Raises
    ------
    LabError
        It cannot be made: the packages cannot be had, or there is none for this machine.
    """
    found = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    LOG.parent.mkdir(exist_ok=True)
    with FileLock(LOG.with_suffix(".lock")):  # two that measure at once make it once
        if not (found.exists() and STAMP.exists() and STAMP.read_text() == _wanted()):
            with waiting("Installing the peers of the bench into bench/.peers"):
                _make(found)
    return found


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a peer's program; what it prints can be read, and its log lies in ``bench/out``."""
    command = [str(python()), str(PROGRAMS / f"{program}.py"), *map(str, arguments)]
    with _log_of(program).open("w", encoding="utf-8") as log:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)


def run(program: str, *arguments: object) -> str:
    """Run a peer's program to its end, and return what it prints."""
    with start(program, *arguments) as process:
        said, _ = process.communicate()
    if process.returncode:
        msg = f"the peer {program} ended with {process.returncode}"
        raise LabError(msg, f"read {_log_of(program)}")
    return said


def _log_of(program: str) -> Path:
    return LOG.parent / f"{program}.log"


def _wanted() -> str:
    """Return what the environment is made from: these packages, for this Python, in this place."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{lock} {platform.python_version()} {VENV}"


def _make(found: Path) -> None:
    # Not sys.executable: a Python of .venv would only link to itself.
    base = getattr(sys, "_base_executable", None) or sys.executable
    only_wheels = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-user"]
    quietly = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    steps: list[list[str]] = [
        [base, "-m", "venv", "--clear", str(VENV)],
        [str(found), "-m", "pip", "install", *only_wheels, *quietly, "-r", str(LOCK)],
    ]
    with LOG.open("w", encoding="utf-8") as log:
        for step in steps:
            ended = subprocess.run(step, stdout=log, stderr=subprocess.STDOUT, check=False)
            if ended.returncode:
                last = LOG.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
                msg = "The peers of the bench could not be installed: " + " ".join(last)
                raise LabError(msg, f"read {LOG}, or leave them out: make bench ARGS='--only ...'")
    STAMP.write_text(_wanted())
