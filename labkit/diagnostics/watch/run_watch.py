"""The loop of ``labkit watch``: read in the background, show in the foreground, until a stop."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live

from labkit.core.stop_signals import StopEvent
from labkit.core.terminal_text import visible_json
from labkit.diagnostics.watch.watch_metrics import MetricsServer
from labkit.diagnostics.watch.watch_report import WatchReport
from labkit.diagnostics.watch.watch_view import plain_line, watch_view
from labkit.diagnostics.watch.watcher import Watcher

EVERY_S = 2.0
FRAME_S = 0.5
PLAIN_LINE_S = 10.0


class Reader:
    """Reads a report every two seconds in a thread, so that nobody waits for a silent broker."""

    def __init__(self, watcher: Watcher) -> None:
        self.newest: WatchReport | None = None
        self._watcher = watcher
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="labkit-watch", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        with self._watcher:
            while not self._stop.is_set():
                began = time.monotonic()
                self.newest = self._watcher.read()
                self._stop.wait(max(0.1, EVERY_S - (time.monotonic() - began)))

    @property
    def is_alive(self) -> bool:
        """Whether it still reads; False after an error that nobody expected."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()


def run_watch(
    topic: str,
    data_dir: Path,
    stop: StopEvent,
    *,
    port: int | None = None,
    as_json: bool = False,
    say: Callable[[str], None],
) -> None:
    """Watch until a stop is asked for; with a port, also for Prometheus.

    As JSON, standard output gets one document in a line for each report.
    """
    with contextlib.ExitStack() as stack:
        reader = Reader(Watcher(topic, data_dir))
        stack.callback(reader.close)
        if port is not None:
            server = MetricsServer(lambda: reader.newest, port)
            stack.callback(server.close)
            say(f"For Prometheus: {server.url}")
        console = Console(highlight=False)
        live = None
        if console.is_terminal and not as_json:
            live = stack.enter_context(Live(console=console, auto_refresh=False, screen=True))
        shown: WatchReport | None = None
        next_line_s, said = 0.0, None
        while reader.is_alive and not stop.wait(FRAME_S):
            report = reader.newest
            if report is None:
                continue
            if live is not None:
                live.update(watch_view(report, console), refresh=True)
            elif report is not shown and as_json:
                print_line(json.dumps(report.as_json(), ensure_ascii=False))
            elif report is not shown:
                # A change of what is wrong is said at once, all else every ten seconds.
                problems = [one.kind for one in report.problems]
                if problems != said or time.monotonic() >= next_line_s:
                    print_line(plain_line(report))
                    next_line_s, said = time.monotonic() + PLAIN_LINE_S, problems
            shown = report
    if not stop.is_set():
        raise RuntimeError("the watch ended by itself")


def print_line(text: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(visible_json(text) + "\n")
    sys.stdout.flush()
