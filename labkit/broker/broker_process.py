"""The supervisor of a cluster: a small process that is the parent of its brokers.

A broker outlives the notebook kernel that started it, so that a restarted kernel finds it again,
but it must not outlive the lab. So the brokers are children of this process, which checks several
times a second whether an owner of the cluster is alive (JupyterLab, `labkit up`, a script).

    python -m labkit.broker.broker_process <state_dir>/cluster [--train]

`cluster_start` starts it. It communicates with the lab by small files in that folder:

    cluster.json        owners and keep: for whom the cluster runs; the supervisor reads it, and
                        writes what it last read again if somebody empties, damages or deletes it
    node-1/start.json   a request to start that node, removed when it is done
    keeper.json         the processes of the supervisor and its nodes; only the supervisor writes it

``keeper.json`` and ``.keeper.lock`` have the names of an earlier version, so that a lab started by
that version is still found and stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from labkit.broker.install.java import java_environment
from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive, mark_of, python_command

CHECK_EVERY_S = 0.2
FIRST_CHECK_EVERY_S = 0.02  # until the first request, because somebody waits for that
STOP_TIMEOUT_S = 20.0
MINORITY_TIMEOUT_S = 6.0
TRAIN_AFTER_S = 20.0  # after the learner's first steps
TEMPORARY_FOLDER = "tmp"
_PR_SET_PDEATHSIG = 1


class Supervisor:
    """The supervisor of the cluster in one folder."""

    def __init__(self, folder: Path, *, train: bool) -> None:
        self._folder = folder
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._cluster: dict[str, Any] = {}  # what cluster.json said last
        self._asked_to_end = False
        self._trainer: subprocess.Popen[bytes] | None = None
        self._train_at = time.monotonic() + TRAIN_AFTER_S if train else float("inf")

    def run(self) -> None:
        """Start the requested nodes, and return when the cluster is no longer needed."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while True:
                self._start_requested()
                self._report_ended()
                self._restore_cluster_file()
                if self._asked_to_end or (self._is_idle() and self._may_end()):
                    return
                self._train_later()
                time.sleep(CHECK_EVERY_S if self._nodes else FIRST_CHECK_EVERY_S)
        finally:
            self._stop_nodes()
            if self._trainer is not None and self._trainer.stdin is not None:
                self._trainer.stdin.close()  # which tells it to end

    def _end(self, _signum: int, _frame: Any) -> None:
        self._asked_to_end = True

    def _start_requested(self) -> None:
        for request in sorted(self._folder.glob("node-*/start.json")):
            node = start_node(request.parent, read_json(request))
            self._nodes[request.parent.name] = node
            say(f"started {request.parent.name}, pid {node.pid}")
            self._write_state()
            request.unlink()
        state = self._folder / "keeper.json"
        if not state.exists() or not state.stat().st_size:  # emptied or deleted by somebody
            self._write_state()

    def _write_state(self) -> None:
        nodes = {name: mark_of(one.pid) for name, one in self._nodes.items() if one.poll() is None}
        write_json(self._folder / "keeper.json", {"keeper": mark_of(os.getpid()), "nodes": nodes})

    def _report_ended(self) -> None:
        """Log the nodes that have died; the others go on, as replicas are meant to."""
        ended = [name for name, node in self._nodes.items() if node.poll() is not None]
        for name in ended:
            say(f"{name} has ended, exit status {self._nodes.pop(name).returncode}")
        if ended:
            self._write_state()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        return [one for one in self._nodes.values() if one.poll() is None]

    def _is_idle(self) -> bool:
        """Tell whether no node runs, or nobody needs the cluster."""
        self._cluster = self._read_cluster_file() or self._cluster
        owners = self._cluster.get("owners", ())
        wanted = self._cluster.get("keep") or any(is_alive(**one) for one in owners)
        return not (wanted and self._running())

    def _read_cluster_file(self) -> dict[str, Any] | None:
        """Return what cluster.json says; None if it is missing, empty or damaged."""
        try:
            content = read_json(self._folder / "cluster.json")
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _restore_cluster_file(self) -> None:
        """Write cluster.json again if it lost its content: nobody asked for the cluster's end.

        Under the cluster's lock, as everyone who writes it. If that is taken or the disk is full,
        the next round tries again.
        """
        if not self._cluster or self._read_cluster_file() or not self._folder.is_dir():
            return
        with (
            contextlib.suppress(Timeout, OSError),
            FileLock(self._folder / ".lock", timeout=0),
        ):
            if not self._read_cluster_file():
                write_json(self._folder / "cluster.json", self._cluster)
                say("wrote cluster.json again, which had lost its content")

    def _may_end(self) -> bool:
        """Stop the nodes, unless somebody starts or finds the cluster at this moment.

        Anyone who does holds the cluster's lock, and may become a new owner.
        """
        try:
            with FileLock(self._folder / ".lock", timeout=0):
                self._start_requested()
                if not self._is_idle():
                    return False
                self._stop_nodes()
                return True
        except Timeout:
            return False

    def _stop_nodes(self) -> None:
        running = self._running()
        why = "no owner is left" if running else "no node is left"
        say(f"stops {len(running)} nodes: {'it was asked to' if self._asked_to_end else why}")
        stop_processes([psutil.Process(one.pid) for one in running])
        (self._folder / "keeper.json").unlink(missing_ok=True)

    def _train_later(self) -> None:
        """Start a process that makes the cache for faster starts, once the lab is quiet."""
        if self._trainer is not None:
            self._trainer.poll()
        elif time.monotonic() >= self._train_at:
            self._trainer = subprocess.Popen(
                python_command("labkit.broker.aot_cache"), stdin=subprocess.PIPE
            )


def say(what: str) -> None:
    """Write a line to the log, ``logs/supervisor.log``."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    print(f"[{moment}] supervisor {os.getpid()} {what}", flush=True)  # noqa: T201


def start_node(folder: Path, request: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start a broker's Java in its folder. What it prints before its log is open is ``output``.

    Its temporary folder is there too, because ``/tmp`` may not allow to load a codec's library.
    """
    temporary = folder / TEMPORARY_FOLDER
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed one left
    temporary.mkdir(mode=0o700)
    with Path(request["output"]).open("wb") as output:
        return subprocess.Popen(
            request["command"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=java_environment(),
            preexec_fn=die_with_parent(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


def die_with_parent() -> Callable[[], None] | None:
    """Return a function that makes a child end when its parent is killed; Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, after which little is safe

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel


def stop_processes(processes: list[psutil.Process], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Stop brokers: send SIGTERM to all, wait, and kill those that remain.

    On SIGTERM a broker hands over its leaderships and closes its logs; a frozen one must be resumed
    first. Windows has no such signal, and Kafka checks its logs at the next start.
    """
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()
    for process in _wait_for_end(processes, timeout_s):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait_for_end(processes, 5.0)


def _wait_for_end(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait for processes, not only our children, and return those that still run.

    A broker shuts down once the controllers have agreed. When the rest is only a minority, no
    majority of controllers can agree any more, so the wait is shorter.
    """
    deadline = time.monotonic() + timeout_s
    is_minority = False
    while True:
        left = [one for one in processes if _runs(one)]
        if not left or time.monotonic() > deadline:
            return left
        if len(left) <= len(processes) // 2 and not is_minority:
            is_minority = True
            deadline = min(deadline, time.monotonic() + MINORITY_TIMEOUT_S)
        time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    try:  # a zombie has ended, but its parent has not reaped it yet
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    """Supervise the folder in the first argument, unless another supervisor keeps its lock."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(
            "This process supervises the brokers in a folder, and the lab starts it itself.\n"
            "  Next: labkit broker start"
        )
    folder = Path(sys.argv[1])
    one_at_a_time = FileLock(folder / ".keeper.lock", timeout=STOP_TIMEOUT_S)
    with contextlib.suppress(Timeout), one_at_a_time:
        Supervisor(folder, train="--train" in sys.argv).run()


if __name__ == "__main__":
    main()
