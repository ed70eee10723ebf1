"""Run files: how other terminals see what runs in this lab, and ask it to stop.

Each running thing (a broker, a producer, a consumer, an API) writes one into the lab's state
folder; ``labkit status`` and ``labkit down`` read them. The file of a process that has ended is
removed by the next reader. One that is emptied or deleted is written again by its process.

Containers may share a state folder, but not their pids: in each, labkit is process 1. So each has a
run folder of its own, and a process in another container counts as running while it touches its
file. It can be seen from here (`everywhere`), but not stopped.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from labkit.core.config import load_config
from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive, is_labkit, mark_of
from labkit.core.wait_until import wait_until

WATCH_S = 0.5
"""How often a process looks at its run files, and for requests to stop."""
SILENT_S = 5.0
"""A process in another container that has not touched its run file for so long has ended."""

_own: list[RunFile] = []
"""The run files of this process."""
_own_lock = threading.RLock()
"""Held to change them: a file that is being removed must not be written again meanwhile."""


class RunFile:
    """``<state_dir>/run/<kind>-<pid>-<name>.json``: how other processes see a running thing."""

    def __init__(self, kind: str, name: str, pid: int | None = None, **details: Any) -> None:
        pid = pid or os.getpid()
        folder = _folder()
        # Only its owner may read the folder: JupyterLab's address contains its token.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{kind}-{pid}-{name}.json"
        self._record = {
            "kind": kind,
            "name": name,
            **mark_of(pid),
            "started_at": time.time(),
            **details,
        }
        with _own_lock:
            self.update()
            _own.append(self)

    def update(self, **details: Any) -> None:
        """Change some details, and replace the file in one step."""
        self._record.update(details)
        write_json(self.path, self._record)

    def remove(self) -> None:
        """Remove the file; the thing has ended."""
        with _own_lock:
            if self in _own:
                _own.remove(self)
            self.path.unlink(missing_ok=True)

    def restore(self) -> None:
        """Touch the file, or write it again if it is empty or gone, unless its folder is gone."""
        with _own_lock, contextlib.suppress(OSError):  # no space: then later
            if self not in _own:
                return
            if self.path.exists() and self.path.stat().st_size:
                os.utime(self.path)
            else:
                self.update()


@cache
def _folder_name() -> str:
    """Return the name of the run folder: in a container it is the container's own."""
    return f"run-{socket.gethostname()}" if is_labkit(1) else "run"


def _folder() -> Path:
    return load_config().state_dir / _folder_name()


def restore_run_files() -> None:
    """Touch the run files of this process; write those again that somebody emptied or deleted."""
    for run_file in tuple(_own):
        run_file.restore()


def read_run_files(kind: str | None = None) -> list[dict[str, Any]]:
    """Return what runs in this lab, in any process; files of ended processes are removed."""
    alive = []
    for path in sorted(_folder().glob(f"{kind or '*'}-*.json")):
        record = read_json(path) or _of_emptied(path)
        if record is not None and is_alive(record["pid"], record["process_started"]):
            alive.append(record)
        elif record is not None:
            path.unlink(missing_ok=True)
    return alive


def everywhere(kind: str | None = None) -> list[dict[str, Any]]:
    """Return what runs, also in other containers; a pid may be one of theirs."""
    return [*read_run_files(kind), *_in_other_containers(kind)]


def _in_other_containers(kind: str | None) -> Iterable[dict[str, Any]]:
    for path in sorted(load_config().state_dir.glob(f"run-*/{kind or '*'}-*.json")):
        if path.parent.name == _folder_name():
            continue
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            is_touched = time.time() - path.stat().st_mtime < SILENT_S
            record = read_json(path) if is_touched else None
            if record is not None:
                yield record


def runs_on(topic: str, kind: str) -> list[dict[str, Any]]:
    """Return what runs of one kind, such as ``consumer``, `everywhere`, for a topic."""
    return [run for run in everywhere(kind) if run.get("topic") == topic]


def _of_emptied(path: Path) -> dict[str, Any] | None:
    """Return what the name of an emptied run file says, unless its process writes it again."""
    kind, pid, name = path.stem.split("-", 2)
    try:
        written_at = path.stat().st_mtime
        mark = mark_of(int(pid))
    except FileNotFoundError:
        return None  # removed meanwhile
    except psutil.NoSuchProcess:
        mark = {"pid": int(pid), "process_started": 0.0}
    started_at = mark["process_started"]
    if not 0.0 < started_at < written_at + 1.0:  # the pid is another process's by now
        return {"pid": int(pid), "process_started": 0.0}
    with contextlib.suppress(TimeoutError):
        return dict(wait_until(lambda: read_json(path), 2 * WATCH_S))
    return {"kind": kind, "name": name, **mark, "started_at": started_at}


def ask_to_stop(run: dict[str, Any]) -> Path:
    """Write a request to stop beside a run file; return its path, for the caller to remove.

    A signal would end a whole process, but a producer may be a thread of a notebook that must go
    on; and Windows has no such signal. `shutdown.watch_stop_requests` looks for these files.
    """
    name = f"{run['kind']}-{run['pid']}-{run['name']}.stop"
    path = _folder() / name
    path.touch()
    return path


def take_stop_requests() -> list[str]:
    """Return the names of what this process is asked to stop, and remove the requests."""
    found = list(_folder().glob(f"*-{os.getpid()}-*.stop"))
    for path in found:
        path.unlink(missing_ok=True)
    return [path.stem.split("-", 2)[2] for path in found]
