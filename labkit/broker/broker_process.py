"""The keeper of a cluster: the parent of its brokers, for as long as anybody needs them.

A broker outlives the kernel that started it, so that a restarted kernel finds it again. But it
must not outlive the lab. So the brokers are children of this small process, which looks several
times a second whether one of the cluster's owners is alive (JupyterLab, `labkit up`, a script).

    python -m labkit.broker.broker_process <state_dir>/cluster [--train]      (started by `launch`)

It speaks with the lab in small files of that folder:

    cluster.json        owners and keep: whom the cluster runs for; the keeper only reads it
    node-1/start.json   a request to start that node, removed when it is done
    keeper.json         the processes of the keeper and its nodes; only the keeper writes it
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive, mark_of

LOOK_EVERY_S = 0.2
FIRST_LOOK_EVERY_S = 0.02  # until it has been asked for something: somebody waits for that
STOP_TIMEOUT_S = 20.0
LAST_ONE_TIMEOUT_S = 6.0
TRAIN_AFTER_S = 20.0  # the learner's own first steps come first
_PR_SET_PDEATHSIG = 1


class Keeper:
    """One keeper, of the cluster in one folder."""

    def __init__(self, folder: Path, *, train: bool) -> None:
        self._folder = folder
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._asked_to_end = False
        self._trainer: subprocess.Popen[bytes] | None = None
        self._train_at = time.monotonic() + TRAIN_AFTER_S if train else float("inf")

    def keep(self) -> None:
        """Start what is asked for, and watch until the cluster is not needed any more."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while True:
                self._start_requested()
                self._note_ends()
                if self._asked_to_end or (self._is_idle() and self._may_end()):
                    return
                self._train_when_calm()
                time.sleep(LOOK_EVERY_S if self._nodes else FIRST_LOOK_EVERY_S)
        finally:
            self._end_nodes()
            if self._trainer is not None and self._trainer.stdin is not None:
                self._trainer.stdin.close()  # its sign to end

    def _end(self, _signum: int, _frame: Any) -> None:
        self._asked_to_end = True

    def _start_requested(self) -> None:
        for request in sorted(self._folder.glob("node-*/start.json")):
            node = start_node(request.parent, read_json(request))
            self._nodes[request.parent.name] = node
            say(f"started {request.parent.name}, pid {node.pid}")
            self._tell()
            request.unlink()
        if not (self._folder / "keeper.json").exists():
            self._tell()

    def _tell(self) -> None:
        nodes = {name: mark_of(one.pid) for name, one in self._nodes.items() if is_running(one)}
        write_json(self._folder / "keeper.json", {"keeper": mark_of(os.getpid()), "nodes": nodes})

    def _note_ends(self) -> None:
        """Tell of nodes that have died; the others live on, for that is what they are for."""
        ended = [name for name, node in self._nodes.items() if not is_running(node)]
        for name in ended:
            say(f"{name} has ended, exit status {self._nodes.pop(name).returncode}")
        if ended:
            self._tell()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        return [one for one in self._nodes.values() if is_running(one)]

    def _is_idle(self) -> bool:
        """Tell whether there is nothing to keep, or nobody to keep it for."""
        cluster = read_json(self._folder / "cluster.json") or {}
        wanted = cluster.get("keep") or any(is_alive(**one) for one in cluster.get("owners", ()))
        return not (wanted and self._running())

    def _may_end(self) -> bool:
        """End the nodes, unless somebody starts or finds the cluster at this moment.

        Whoever does holds the cluster's lock, and may become an owner that counts.
        """
        try:
            with FileLock(self._folder / ".lock", timeout=0):
                self._start_requested()
                if not self._is_idle():
                    return False
                self._end_nodes()
                return True
        except Timeout:
            return False

    def _end_nodes(self) -> None:
        say(f"ends what runs ({len(self._running())} nodes): {self._why()}")
        stop_processes([psutil.Process(one.pid) for one in self._running()])
        (self._folder / "keeper.json").unlink(missing_ok=True)

    def _why(self) -> str:
        if self._asked_to_end:
            return "asked to"
        return "no owner is left" if self._running() else "no node is left"

    def _train_when_calm(self) -> None:
        """Have the cache made that speeds up later starts, in a process of its own."""
        if self._trainer is not None:
            self._trainer.poll()
        elif time.monotonic() >= self._train_at:
            self._trainer = subprocess.Popen(
                [sys.executable, "-m", "labkit.broker.aot_cache"], stdin=subprocess.PIPE
            )


def say(what: str) -> None:
    """Write a line to our log, ``logs/keeper.log``."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    print(f"[{moment}] keeper {os.getpid()} {what}", flush=True)  # noqa: T201


def start_node(folder: Path, request: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start a broker's Java. What it says before its log is open goes to ``output``."""
    with Path(request["output"]).open("wb") as output:
        return subprocess.Popen(
            request["command"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            preexec_fn=die_with_parent(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )


def die_with_parent() -> Callable[[], None] | None:
    """Return what makes a child of ours end when we are killed; only Linux has such a thing."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: a forked child should do little

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel


def is_running(child: subprocess.Popen[bytes]) -> bool:
    """Tell whether a child runs, and take note of its end."""
    return child.poll() is None


def stop_processes(processes: list[psutil.Process], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Stop brokers as one does: ask all (SIGTERM), wait, and end by force who does not follow.

    A broker that is asked hands over its leaderships and closes its logs; a frozen one has to be
    thawed to hear it. On Windows there is no asking; Kafka then checks its logs at the next start.
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
    """Wait for processes of whatever parent, and return those that are still at work.

    A broker asks the controllers for leave to go. One that is the last of several asks in vain:
    there is no majority any more that could grant it, and so there is little to wait for.
    """
    deadline = time.monotonic() + timeout_s
    is_minority = False
    while True:
        left = [one for one in processes if _is_at_work(one)]
        if not left or time.monotonic() > deadline:
            return left
        if len(left) <= len(processes) // 2 and not is_minority:
            is_minority = True
            deadline = min(deadline, time.monotonic() + LAST_ONE_TIMEOUT_S)
        time.sleep(0.02)


def _is_at_work(process: psutil.Process) -> bool:
    try:  # a zombie has ended, but its parent has not looked yet
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    """Be the keeper of the folder in the first argument, unless it has one that stays."""
    folder = Path(sys.argv[1])
    one_at_a_time = FileLock(folder / ".keeper.lock", timeout=STOP_TIMEOUT_S)
    with contextlib.suppress(Timeout), one_at_a_time:
        Keeper(folder, train="--train" in sys.argv).keep()


if __name__ == "__main__":
    main()
