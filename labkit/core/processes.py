"""Processes: which one a pid means, whether it runs, and how often Python collects garbage.

The module needs only the standard library and psutil: the supervisor of a cluster runs as long as
its brokers and imports it without the lab's settings and models.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

GC_THRESHOLD = 50_000
"""How many new objects start a garbage collection: some megabytes of records."""


def mark_of(pid: int) -> dict[str, Any]:
    """Return what identifies a process, even after its pid is reused: pid and start time."""
    return {"pid": pid, "process_started": psutil.Process(pid).create_time()}


def is_alive(pid: int, process_started: float) -> bool:
    """Tell whether a pid is still the same process: pids are reused, start times are not."""
    try:
        process = psutil.Process(pid)
        return (
            abs(process.create_time() - process_started) < 1.0
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False


def is_suspended(pid: int) -> bool:
    """Tell whether a process exists but is suspended (SIGSTOP, or the Windows equivalent)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def is_labkit(pid: int) -> bool:
    """Tell whether a process runs a labkit command, rather than a notebook or another program."""
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    program = [Path(word).stem.removesuffix("-script") for word in words[:2]]
    module = ["-m", "labkit"]
    return "labkit" in program or module in (words[1:3], words[2:4])  # with or without -P


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules in a separate process.

    Plain ``python -m`` imports from the working directory first, so a ``random.py`` or ``kafka.py``
    of the user would replace the real one. A checkout that is not installed is only found there,
    and contains no such file. See: Python documentation, option ``-P``.
    """
    is_checkout = Path(__file__).resolve().parents[2] == Path.cwd()
    return [sys.executable, *([] if is_checkout else ["-P"]), "-m", module, *arguments]


@contextmanager
def fewer_gc_runs() -> Iterator[None]:
    """Make Python's garbage collection rarer while records flow; afterwards as before.

    Python frees most objects as soon as nothing refers to them. The collector only looks for
    reference cycles, by default after every 700 new objects. Records in flight are thousands of
    objects without cycles, which it would traverse again and again.

    See: Python documentation, ``gc.set_threshold``.
    """
    before = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
