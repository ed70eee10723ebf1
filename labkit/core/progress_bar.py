"""A sign of life from whatever takes more than two seconds.

On a terminal that is a line which moves, and in a notebook one that counts the seconds; anywhere
else (a log file, a pipe) a plain line now and then.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.display import DisplayHandle

FIRST_LINE_S = 2.0
NEXT_LINE_S = 5.0
NOTEBOOK_LINE_S = 0.5

Advance = Callable[[int], None]
Say = Callable[[str], None]


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
    """Show that ``what`` goes on, until the block ends: on standard error, or below the cell.

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
    if console.is_jupyter:
        # Not rich's bar: once it is gone, JupyterLab keeps the place where it was empty.
        line, moment_s = _NotebookLine(), NOTEBOOK_LINE_S
        with _lines(what, total_bytes, line, (moment_s, moment_s)) as advance:
            yield advance
    elif console.is_terminal:
        with _bar(what, total_bytes, console) as advance:
            yield advance
    else:
        with _lines(what, total_bytes, _print, (FIRST_LINE_S, NEXT_LINE_S)) as advance:
            if total_bytes:
                _print(_line(what, 0, total_bytes, 0))  # who pays by the megabyte knows at once
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
def _lines(
    what: str, total_bytes: int | None, say: Say, pauses_s: tuple[float, float]
) -> Iterator[Advance]:
    began, done_bytes, ended = time.monotonic(), 0, threading.Event()
    first_s, next_s = pauses_s

    def advance(size: int) -> None:
        nonlocal done_bytes
        done_bytes += size

    def keep_saying() -> None:
        pause_s = first_s
        while not ended.wait(pause_s):
            pause_s = next_s
            say(_line(what, done_bytes, total_bytes, time.monotonic() - began))

    # In a copy of our context: a notebook knows by it to which cell a line belongs.
    run = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(keep_saying,), name="labkit-waiting", daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        ended.set()
        thread.join()
        if isinstance(say, _NotebookLine) and say.is_shown:
            say(_line(what, done_bytes, total_bytes, time.monotonic() - began))


def _line(what: str, done_bytes: int, total_bytes: int | None, took_s: float) -> str:
    amount = f"{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB, " if total_bytes else ""
    return f"{what}: {amount}{took_s:.0f} s"


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


class _NotebookLine:
    """A line below a cell, written anew in its place; the last one stays."""

    def __init__(self) -> None:
        self._shown: DisplayHandle | None = None

    @property
    def is_shown(self) -> bool:
        return self._shown is not None

    def __call__(self, line: str) -> None:
        from IPython.display import DisplayHandle

        text = {"text/plain": line}
        if self._shown is None:
            self._shown = DisplayHandle()  # type: ignore[no-untyped-call]
            self._shown.display(text, raw=True)  # type: ignore[no-untyped-call]
        else:
            self._shown.update(text, raw=True)  # type: ignore[no-untyped-call]
