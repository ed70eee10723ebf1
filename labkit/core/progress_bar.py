"""Progress of anything that takes more than two seconds.

A terminal gets a progress bar, a notebook one line that counts the seconds, and anything else (a
log file, a pipe) a plain line now and then.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FIRST_LINE_S = 2.0
NEXT_LINE_S = 5.0
NOTEBOOK_LINE_S = 0.5

Advance = Callable[[int], None]
_thread = threading.local()


@contextmanager
def quietly() -> Iterator[None]:
    """Show no progress from this thread: a widget does, and a line would appear in any cell."""
    _thread.is_quiet = True
    try:
        yield
    finally:
        _thread.is_quiet = False


@contextmanager
def waiting(what: str, total_bytes: int | None = None) -> Iterator[Advance]:
    """Show progress until the block ends: on standard error, or below the cell.

    Parameters
    ----------
    what : str
        What we wait for: ``Starting Apache Kafka 4.3.1``.
    total_bytes : int, optional
        How much there is to fetch. The block gets a function to report what has arrived.
    """
    if getattr(_thread, "is_quiet", False):
        yield lambda _size: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter:  # rich's own bar would leave an empty line in JupyterLab
        showing = _lines(what, total_bytes, _NotebookLine(), NOTEBOOK_LINE_S, NOTEBOOK_LINE_S)
    elif console.is_terminal:
        showing = _bar(what, total_bytes, console)
    else:
        showing = _lines(what, total_bytes, _print, FIRST_LINE_S, NEXT_LINE_S)
        if total_bytes:
            _print(_line(what, 0, total_bytes, 0))  # at once, for metered connections
    with showing as advance:
        yield advance


@contextmanager
def _bar(what: str, total_bytes: int | None, console: Console) -> Iterator[Advance]:
    from rich import progress

    size = () if total_bytes is None else (progress.BarColumn(), progress.DownloadColumn())
    text = progress.TextColumn("{task.description}")
    columns = (progress.SpinnerColumn(), text, *size, progress.TimeElapsedColumn())
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total_bytes)
        yield lambda size: bar.advance(task, size)


@contextmanager
def _lines(
    what: str, total_bytes: int | None, show: Callable[[str], None], first_s: float, next_s: float
) -> Iterator[Advance]:
    """Show a line after ``first_s`` seconds, and then every ``next_s``, from a thread."""
    began, done_bytes, ended = time.monotonic(), 0, threading.Event()

    def advance(size: int) -> None:
        nonlocal done_bytes
        done_bytes += size

    def line() -> str:
        return _line(what, done_bytes, total_bytes, time.monotonic() - began)

    def keep_showing() -> None:
        for pause_s in chain([first_s], repeat(next_s)):
            if ended.wait(pause_s):
                return
            show(line())

    # In a copy of our context, which tells a notebook to which cell a line belongs.
    run = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(keep_showing,), name="labkit-waiting", daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        ended.set()
        thread.join()
        if isinstance(show, _NotebookLine) and show.is_shown:
            show(line())


def _line(what: str, done_bytes: int, total_bytes: int | None, took_s: float) -> str:
    amount = f"{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB, " if total_bytes else ""
    return f"{what}: {amount}{took_s:.0f} s"


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


class _NotebookLine:
    """A line below a cell that is updated in place; the last one stays."""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
        self.is_shown = False

    def __call__(self, line: str) -> None:
        show = self._handle.update if self.is_shown else self._handle.display
        show({"text/plain": line}, raw=True)  # type: ignore[no-untyped-call]
        self.is_shown = True
