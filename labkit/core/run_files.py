"""What the processes of one lab tell each other, in small files of its state folder.

Each running thing (a broker, a producer, a consumer, an API) writes a *run file*, so that other
terminals (``labkit status``, ``labkit down``) can see it. A file is replaced whole or not at all,
and the file of a process that is gone is removed by the next reader.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import psutil

from labkit.core.config import load_config
from labkit.core.processes import is_alive, read_json, write_json

__all__ = [
    "RunFile",
    "ask_to_stop",
    "is_alive",
    "read_json",
    "read_run_files",
    "take_stop_requests",
    "write_json",
]


class RunFile:
    """``<state_dir>/run/<kind>-<pid>-<name>.json``: how other processes see a running thing."""

    def __init__(self, kind: str, name: str, pid: int | None = None, **details: Any) -> None:
        pid = pid or os.getpid()
        folder = load_config().state_dir / "run"
        # Only its owner may look inside: JupyterLab's address has its token in it.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{kind}-{pid}-{name}.json"
        self._record = {
            "kind": kind,
            "name": name,
            "pid": pid,
            "process_started": psutil.Process(pid).create_time(),
            "started_at": time.time(),
            **details,
        }
        self.update()

    def update(self, **details: Any) -> None:
        """Write the file anew, whole or not at all."""
        self._record.update(details)
        write_json(self.path, self._record)

    def remove(self) -> None:
        """Take the file away; the thing has ended."""
        self.path.unlink(missing_ok=True)


def read_run_files(kind: str | None = None) -> list[dict[str, Any]]:
    """Return what runs in this lab, in any process; the files of the dead are removed."""
    alive = []
    for path in sorted((load_config().state_dir / "run").glob(f"{kind or '*'}-*.json")):
        record = read_json(path)
        if record is not None and is_alive(record["pid"], record["process_started"]):
            alive.append(record)
        elif record is not None:
            path.unlink(missing_ok=True)
    return alive


def ask_to_stop(run: dict[str, Any]) -> Path:
    """Leave a request to stop beside a run file; return its path, to be removed by who asked.

    A signal would end a whole process. A producer may be a thread of somebody's notebook, which is
    to live on; and Windows has no signal that asks. `worker` looks for these files.
    """
    name = f"{run['kind']}-{run['pid']}-{run['name']}.stop"
    path = load_config().state_dir / "run" / name
    path.touch()
    return path


def take_stop_requests() -> list[str]:
    """Return the names of what this process is asked to stop; the requests are removed."""
    found = list((load_config().state_dir / "run").glob(f"*-{os.getpid()}-*.stop"))
    for path in found:
        path.unlink(missing_ok=True)
    return [path.stem.split("-", 2)[2] for path in found]
