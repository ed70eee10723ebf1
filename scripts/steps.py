"""Run a long command, and show what it does and how long it has been at it.

What the command itself prints goes into a log, which is shown only if the command fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

FAILURE_LINES = 30
INTERRUPTED_S = 10.0
QUIET_S = 15.0  # where no terminal shows a running clock, one line in this many seconds


class Step:
    """One long command.

    Parameters
    ----------
    title : str
        What it does, for people.
    log_path : Path
        Where its output goes.
    describe : callable, optional
        Turns a line of its output into what to show of it; an empty string shows nothing new.
    """

    def __init__(
        self, title: str, log_path: Path, describe: Callable[[str], str] | None = None
    ) -> None:
        self.title = title
        self.log_path = log_path
        self.describe = describe or (lambda line: "")
        self.detail = ""
        self.is_terminal = sys.stdout.isatty()
        self._done = threading.Event()

    def run(self, command: list[str], cwd: Path) -> None:
        """Run the command to its end; end this program if it fails."""
        started = time.monotonic()
        clock = threading.Thread(target=self._show_clock, args=(started,), daemon=True)
        self._print(f"{self.title} ...", passing=True)
        clock.start()
        try:
            status = self._run(command, cwd)
        finally:
            self._done.set()
            clock.join()
        elapsed_s = time.monotonic() - started
        if status != 0:
            self._print(f"{self.title}: failed after {elapsed_s:.0f} s. The end of its log:")
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
            print("\n".join(f"  | {line}" for line in lines[-FAILURE_LINES:]))
            sys.exit(f"  All of it: {self.log_path}")
        self._print(f"{self.title}: {elapsed_s:.0f} s")

    def _run(self, command: list[str], cwd: Path) -> int:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with (
            self.log_path.open("w", encoding="utf-8") as log,
            subprocess.Popen(
                command,
                cwd=cwd,
                # A Python that holds its lines back would log its last words before its first.
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as process,
        ):
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    log.write(line)
                    log.flush()
                    self.detail = self.describe(line.strip()) or self.detail
            except KeyboardInterrupt:
                # Ctrl-C reached the command and its children too: they end in their own way, but
                # must not go on behind us.
                try:
                    process.wait(INTERRUPTED_S)
                except subprocess.TimeoutExpired:
                    process.terminate()
                raise
        return process.returncode

    def _show_clock(self, started: float) -> None:
        while not self._done.wait(0.2 if self.is_terminal else QUIET_S):
            elapsed_s = time.monotonic() - started
            detail = f" - {self.detail}" if self.detail else ""
            self._print(f"{self.title} ... {elapsed_s:.0f} s{detail}", passing=True)

    def _print(self, text: str, passing: bool = False) -> None:
        if not self.is_terminal:
            print(text, flush=True)
            return
        # A passing line is written over by the next one.
        print(f"\r\x1b[K{text[:100]}", end="" if passing else "\n", flush=True)
