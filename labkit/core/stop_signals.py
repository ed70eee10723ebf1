"""Shutdown of a process: by a signal, by its parent, or by ``labkit down``."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from labkit.core.errors import LabError
from labkit.core.run_files import WATCH_S, restore_run_files, take_stop_requests

STOP_WITH_PARENT = "LABKIT_STOP_WITH_PARENT"


class StopEvent(threading.Event):
    """An event that remembers which signal set it; None if it was not a signal."""

    signal_number: int | None = None


def stop_event() -> StopEvent:
    """Return an event that is set by Ctrl-C, SIGTERM, ``labkit down``, or the parent's end.

    The parent of a `ChildProcess` holds the other end of our standard input. When the parent
    closes it or dies, we read end-of-file. That works the same on Linux, macOS and Windows.
    """
    stop = StopEvent()

    def on_signal(signum: int, _frame: Any) -> None:
        stop.signal_number = signum
        # In a thread, because this handler may have interrupted `stop.wait` while that holds the
        # lock that `stop.set` needs.
        threading.Thread(target=stop.set, name="on-signal").start()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, on_signal)
    if os.environ.pop(STOP_WITH_PARENT, None):

        def watch_stdin() -> None:
            while os.read(sys.stdin.fileno(), 1024):
                pass
            stop.set()

        threading.Thread(target=watch_stdin, name="parent-watch", daemon=True).start()
    watch_stop_requests(lambda _name: stop.set(), replace=True)
    return stop


_act_on_request: Callable[[str], None] | None = None


def watch_stop_requests(act: Callable[[str], None], *, replace: bool = False) -> None:
    """Call ``act`` with the name of each thing that ``labkit down`` asks this process to stop.

    A thread looks twice a second, also at this process's run files. The first ``act`` stays, unless
    a later one is to ``replace`` it: a command with a `stop_event` stops its own work in its own
    order.
    """
    global _act_on_request
    is_watching = _act_on_request is not None
    if not is_watching or replace:
        _act_on_request = act
    if not is_watching:
        threading.Thread(target=_watch_requests, name="stop-requests", daemon=True).start()


def _watch_requests() -> None:
    while True:
        time.sleep(WATCH_S)
        with contextlib.suppress(LabError):  # a setting, or the folder: commands report it
            restore_run_files()
            for name in take_stop_requests():
                if _act_on_request is not None:
                    _act_on_request(name)
