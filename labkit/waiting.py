"""A sign of life from whatever takes more than two seconds.

On a terminal and in a notebook that is a line which moves; anywhere else (a log file, a pipe) a
plain line now and then.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST_LINE_S = 2.0
NEXT_LINE_S = 5.0

Advance = Callable[[int], None]


_here = threading.local()


@contextmanager
def quietly() -> Iterator[None]:
    """Say nothing from this thread: a widget shows what goes on, and a line would land anywhere."""
    _here.is_quiet = True
    try:
        yield
    finally:
        _here.is_quiet = False


@contextmanager
def waiting(what: str, total_bytes: int | None = None) -> Iterator[Advance]:
    """Show on standard error that ``what`` goes on, until the block ends.

    Parameters
    ----------
    what : str
        What we wait for: ``Starting Apache Kafka 4.3.1``.
    total_bytes : int, optional
        How much there is to fetch. The block is given a function to say what has come.
    """
    if getattr(_here, "is_quiet", False):
        yield lambda _size: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal or console.is_jupyter:
        with _bar(what, total_bytes, console) as advance:
            yield advance
    else:
        with _lines(what, total_bytes) as advance:
            yield advance


@contextmanager
def _bar(what: str, total_bytes: int | None, console: object) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    assert isinstance(console, Console)
    size = () if total_bytes is None else (BarColumn(), DownloadColumn())
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *size, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total_bytes)
        yield lambda size: progress.advance(task, size)


@contextmanager
def _lines(what: str, total_bytes: int | None) -> Iterator[Advance]:
    began, done_bytes, ended = time.monotonic(), 0, threading.Event()

    def advance(size: int) -> None:
        nonlocal done_bytes
        done_bytes += size

    def say() -> None:
        amount = f"{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB, " if total_bytes else ""
        line = f"{what}: {amount}{time.monotonic() - began:.0f} s"
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    def keep_saying() -> None:
        pause_s = FIRST_LINE_S
        while not ended.wait(pause_s):
            pause_s = NEXT_LINE_S
            say()

    if total_bytes:
        say()  # whoever pays for each megabyte should know at once
    thread = threading.Thread(target=keep_saying, name="labkit-waiting", daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        ended.set()
        thread.join()
