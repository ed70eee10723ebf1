"""Background workers: threads and processes, in a registry by name.

The registry is the lab's only global state. A worker that starts under the name of a running one
replaces it, so running a notebook cell twice never leaves two producers behind.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.processes import python_command
from labkit.core.stop_signals import STOP_WITH_PARENT, watch_stop_requests
from labkit.core.terminal_text import without_colours
from labkit.core.wording import sentence

_ERROR = re.compile(r"^Error: (.*)(?:\nNext: +(.*))?", re.MULTILINE)
"""An error of the lab, as a command prints it: what happened, and the next line."""


class Stoppable(Protocol):
    """What the registry holds: anything with a name that can be stopped."""

    name: str

    @property
    def is_running(self) -> bool:
        """Whether it is running."""
        ...

    def stop(self, timeout_s: float = 15.0) -> None:
        """Stop it, and raise what went wrong while it ran."""
        ...


_registry: dict[str, Stoppable] = {}


def register(thing: Stoppable) -> None:
    """Register ``thing`` by its name; a previous one of that name is stopped first."""
    replace(thing.name)
    _registry[thing.name] = thing
    watch_stop_requests(_stop_and_print)  # `labkit down` must not end a notebook's whole process


def replace(name: str) -> None:
    """Stop the worker ``name``, if there is one; its errors are printed and not raised."""
    _stop_and_print(name, "The previous one: ")


def running() -> list[Stoppable]:
    """Return what this process runs in the background, oldest first."""
    return [thing for thing in _registry.values() if thing.is_running]


def stop_all(timeout_s: float = 15.0) -> None:
    """Stop everything this process started, the newest first, and raise the first error.

    A worker that has ended already, such as a consumer that a lesson killed, has nothing left to
    stop: how it ended is printed, and not raised.
    """
    first_error: LabError | None = None
    for name in reversed(list(_registry)):
        thing = _registry.pop(name)
        was_running = thing.is_running
        try:
            thing.stop(timeout_s)
        except LabError as error:
            if was_running:
                first_error = first_error or error
            else:
                print(sentence(error.what), "It was no longer running.")  # noqa: T201
    if first_error is not None:
        raise first_error


@atexit.register
def _stop_at_exit() -> None:
    for name in reversed(list(_registry)):
        _stop_and_print(name, "", 5.0)


def _stop_and_print(name: str, said: str = "", *timeout_s: float) -> None:
    """Stop the worker ``name``, if there is one; print its error instead of raising it."""
    thing = _registry.pop(name, None)
    if thing is not None:
        try:
            thing.stop(*timeout_s)
        except LabError as error:
            print(f"{said}{error}", file=sys.stderr)  # noqa: T201


def called(worker: Stoppable) -> str:
    """Return what a message calls a worker: the consumer, or consumer 'csv-lesson04c'."""
    name = worker.name
    return f"the {name}" if name.isalpha() else f"{type(worker).__name__.lower()} {name!r}"


class ThreadWorker:
    """A function that runs in a thread, and returns soon after its stop event is set."""

    def __init__(self, name: str, target: Callable[[threading.Event], None]) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._target = target
        self._thread = threading.Thread(target=self._run, name=f"labkit-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._target(self._stop)
        except BaseException as error:
            self.error = error

    @property
    def is_running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    @property
    def state(self) -> str:
        """One word or two for a repr: running, stopped, or failed with the reason."""
        if self.error is not None:
            return f"failed: {self.error}"
        return "running" if self.is_running else "stopped"

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the function has returned; return whether it has."""
        self._thread.join(timeout_s)
        return not self.is_running

    def stop(self, timeout_s: float = 15.0) -> None:
        """Set the stop event, wait for the thread, and raise what went wrong in it."""
        self._stop.set()
        if not self.wait(timeout_s):
            msg = f"{called(self)} did not stop within {timeout_s:g} s"
            raise WorkerFailed(msg, "restart the kernel, or end the program with Ctrl-C")
        if self.error is not None:
            error, self.error = self.error, None
            msg = f"{called(self)} failed: {error}"
            raise WorkerFailed(msg) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def start_process(
    command: Sequence[str],
    log_path: Path,
    *,
    stdin: int = subprocess.DEVNULL,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process of this lab in a session of its own; its output is appended to a log.

    Because of the session, neither Ctrl-C nor a closed terminal reaches it: it can outlive us, or
    be stopped by us in the right order. ``variables`` are added to its environment.
    """
    config = load_config()
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "LABKIT_LAB_DIR": str(config.lab_dir),
                "LABKIT_STATE_DIR": str(config.state_dir),
                **(variables or {}),
            },
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
            | getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


class ChildProcess:
    """A ``labkit`` command in a separate process, which ends when we end.

    Its log is ``<state_dir>/logs/<name>-<our pid>.log``.
    """

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name = name
        self._failure_told = False
        self.log_path = load_config().state_dir / "logs" / f"{name}-{os.getpid()}.log"
        self.log_path.unlink(missing_ok=True)  # an earlier one of this name, in this process
        self.process = start_process(
            python_command("labkit", *arguments),
            self.log_path,
            stdin=subprocess.PIPE,
            variables={STOP_WITH_PARENT: "1"},
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self.process.poll() is None

    @property
    def was_killed(self) -> bool:
        """Whether a signal has ended it; of that its log says nothing."""
        return (self.process.poll() or 0) < 0

    @property
    def state(self) -> str:
        """One word or two for a repr: running, stopped, or failed with the reason."""
        if self.is_running:
            return "running"
        if self.was_killed:
            return self.why_it_failed()
        code = self.process.returncode
        return "stopped" if code == 0 else f"failed (exit status {code}): {self.why_it_failed()}"

    def why_it_failed(self) -> str:
        """Return the signal that killed it, or the end of its log."""
        if self.was_killed:
            code = self.process.returncode
            return f"killed by signal {-code} ({signal.strsignal(-code)})"
        return self.last_words()

    @property
    def start_line(self) -> str:
        """The line that starts it again; empty if it was not started by a line."""
        return ""

    @property
    def next_line(self) -> str:
        """The next line to type after it has failed."""
        start_line = self.start_line if self.was_killed else ""
        return start_line or f"read its log: {self.log_path}"

    def last_words(self, lines: int = 4) -> str:
        """Return the end of the log."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(without_colours(text).strip().splitlines()[-lines:])

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the process has ended; return whether it has."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_stop(self) -> None:
        """Close its standard input, which tells it to finish."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # it has ended already
                self.process.stdin.close()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Ask it to finish, wait, and raise if it failed; a failure is raised once."""
        self.ask_to_stop()
        if not self.wait(timeout_s):
            self.process.kill()
            self.process.wait()
            self._failure_told = True
            msg = f"{called(self)} (pid {self.pid}) did not stop within {timeout_s:g} s; killed"
            raise WorkerFailed(msg, f"read its log: {self.log_path}")
        if self.process.returncode != 0 and not self._failure_told:
            raise self.failure()

    def failure(self) -> WorkerFailed:
        """Return why it has ended, in its own words; `stop` does not raise that again."""
        self._failure_told = True
        said, next_line = self.why_it_failed(), self.next_line
        if self.was_killed:
            return WorkerFailed(f"{called(self)} was {said}", next_line)
        if self.process.returncode == 0:
            return WorkerFailed(f"{called(self)} stopped: {said}", next_line)
        if told := _ERROR.search(said):
            said, next_line = told[1], told[2] or next_line
        return WorkerFailed(f"{called(self)} failed: {said}", next_line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()
