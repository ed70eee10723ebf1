"""What needs only the standard library and psutil.

The keeper of a cluster runs as long as the brokers do, and should cost a learner's machine little:
it imports this module, and none of the lab's settings and models.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

IN_USE_S = 1.0
Result = TypeVar("Result")


def mark_of(pid: int) -> dict[str, Any]:
    """Return what tells a process from all others, also from a later one with the same pid."""
    return {"pid": pid, "process_started": psutil.Process(pid).create_time()}


def is_alive(pid: int, process_started: float) -> bool:
    """Tell whether a pid is still the same process: pids are used again, start times are not."""
    try:
        process = psutil.Process(pid)
        return (
            abs(process.create_time() - process_started) < 1.0
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False


def is_suspended(pid: int) -> bool:
    """Tell whether a process exists and gets no processor time (SIGSTOP, or Windows' own way)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def is_labkit(pid: int) -> bool:
    """Tell whether a process runs a labkit command, and not a notebook or a program around it."""
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    program = [Path(word).stem.removesuffix("-script") for word in words[:2]]
    return "labkit" in program or words[1:3] == ["-m", "labkit"]


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file in one step, so that a reader sees the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
    _while_in_use(lambda: draft.replace(path))


def read_json(path: Path) -> Any:
    """Return a JSON file's content, or None where it is gone."""
    try:
        return json.loads(_while_in_use(lambda: path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _while_in_use(action: Callable[[], Result]) -> Result:
    """Try again for a second what Windows refuses while another process has the file open.

    There a file cannot be replaced while somebody reads it, nor opened in the moment in which it
    is replaced. Elsewhere a refusal is about permissions, and stays one.
    """
    deadline = time.monotonic() + IN_USE_S
    while True:
        try:
            return action()
        except PermissionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)
