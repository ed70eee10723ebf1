"""The active faults of the lab: one small file for each, until it is undone.

The file is written before the fault is applied, so any process can undo it later, even if the one
that applied it was killed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from labkit.core.config import load_config
from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive, mark_of


class ActiveFault(BaseModel):
    """The record of one active fault: ``<state_dir>/faults/<fault_id>.json``."""

    fault_id: str
    fault: str
    seed: int
    for_s: float
    victim: str
    undo: dict[str, Any]
    """The arguments of the fault's undo function."""
    began_at: float
    """In seconds since 1970."""
    pid: int
    process_started: float

    @property
    def until(self) -> float:
        """When it ends, in seconds since 1970."""
        return self.began_at + self.for_s

    @property
    def has_injector(self) -> bool:
        """Whether the process that applied it is running, and will undo it."""
        return is_alive(self.pid, self.process_started)

    @property
    def description(self) -> str:
        """One line: what is broken, and for how long."""
        left_s = max(0.0, self.until - time.time())
        if not self.has_injector:
            return f"{self.fault}: {self.victim}; who broke it is gone. Next: labkit mend"
        return f"{self.fault}: {self.victim}, for another {left_s:.0f} s (seed {self.seed})"

    def write(self) -> None:
        """Write the file, for all processes of the lab."""
        folder = faults_dir()
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{self.fault_id}.json", self.model_dump())

    @property
    def exists(self) -> bool:
        """Whether the file exists, so the fault is not undone yet."""
        return (faults_dir() / f"{self.fault_id}.json").exists()

    def remove(self) -> None:
        """Remove the file: the fault is undone."""
        for name in (f"{self.fault_id}.json", f"{self.fault_id}.mend"):
            (faults_dir() / name).unlink(missing_ok=True)

    def ask_to_mend(self, revive: bool) -> None:
        """Ask the process that applied it to undo it now."""
        write_json(faults_dir() / f"{self.fault_id}.mend", {"revive": revive})

    def mend_request(self) -> bool | None:
        """Return None without a request, else whether to start killed processes again."""
        request = read_json(faults_dir() / f"{self.fault_id}.mend")
        return None if request is None else bool(request["revive"])


def new_fault(fault: str, seed: int, for_s: float, number: int) -> ActiveFault:
    """Return a record of this process that is not written yet."""
    return ActiveFault(
        fault_id=f"{fault}-{os.getpid()}-{number}",
        fault=fault,
        seed=seed,
        for_s=for_s,
        victim="",
        undo={},
        began_at=time.time(),
        **mark_of(os.getpid()),
    )


def faults_dir() -> Path:
    """Return the folder of the records."""
    return load_config().state_dir / "faults"


def active_faults() -> list[ActiveFault]:
    """Return the active faults of this lab, of any process, the oldest first."""
    found = [read_json(path) for path in faults_dir().glob("*.json")]
    faults = [ActiveFault.model_validate(content) for content in found if content is not None]
    return sorted(faults, key=lambda one: (one.began_at, one.fault_id))
