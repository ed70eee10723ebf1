"""What is broken on purpose in this lab now: a small file for each fault, until it is undone.

A fault is written down before it is done. So whoever looks later can undo it, from any process:
also after the one that did it was killed in the middle.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel

from labkit.core.config import load_config
from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive


class ActiveFault(BaseModel):
    """One fault that is not undone: ``<state_dir>/faults/<fault_id>.json``."""

    fault_id: str
    fault: str
    seed: int
    for_s: float
    victim: str
    undo: dict[str, Any]
    """What the fault's undoing has to know."""
    began_at: float
    """In seconds since 1970."""
    pid: int
    process_started: float

    @property
    def until(self) -> float:
        """When it is undone by itself, in seconds since 1970."""
        return self.began_at + self.for_s

    @property
    def has_injector(self) -> bool:
        """Whether the process that broke it lives, and will undo it in time."""
        return is_alive(self.pid, self.process_started)

    @property
    def in_words(self) -> str:
        """One line: what is broken, and until when."""
        left_s = max(0.0, self.until - time.time())
        if not self.has_injector:
            return f"{self.fault}: {self.victim}; who broke it is gone. Next: labkit mend"
        return f"{self.fault}: {self.victim}, for another {left_s:.0f} s (seed {self.seed})"

    def write(self) -> None:
        """Write it down, for all processes of the lab."""
        folder = faults_dir()
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{self.fault_id}.json", self.model_dump())

    @property
    def is_there(self) -> bool:
        """Whether it is still written down: not undone yet."""
        return (faults_dir() / f"{self.fault_id}.json").exists()

    def remove(self) -> None:
        """Note that it is undone."""
        for name in (f"{self.fault_id}.json", f"{self.fault_id}.mend"):
            (faults_dir() / name).unlink(missing_ok=True)

    def ask_to_mend(self, revive: bool) -> None:
        """Ask the process that broke it to undo it now."""
        write_json(faults_dir() / f"{self.fault_id}.mend", {"revive": revive})

    def mend_request(self) -> bool | None:
        """Return None while nobody asks, else whether what was killed shall be started again."""
        request = read_json(faults_dir() / f"{self.fault_id}.mend")
        return None if request is None else bool(request["revive"])


def new_fault(fault: str, seed: int, for_s: float, number: int) -> ActiveFault:
    """Return a fault of this process that nobody knows of yet."""
    return ActiveFault(
        fault_id=f"{fault}-{os.getpid()}-{number}",
        fault=fault,
        seed=seed,
        for_s=for_s,
        victim="",
        undo={},
        began_at=time.time(),
        pid=os.getpid(),
        process_started=psutil.Process().create_time(),
    )


def faults_dir() -> Path:
    """Return the folder of these files."""
    return load_config().state_dir / "faults"


def active_faults() -> list[ActiveFault]:
    """Return what is broken on purpose in this lab now, by any process, the oldest first."""
    found = [read_json(path) for path in faults_dir().glob("*.json")]
    faults = [ActiveFault.model_validate(content) for content in found if content is not None]
    return sorted(faults, key=lambda one: (one.began_at, one.fault_id))
