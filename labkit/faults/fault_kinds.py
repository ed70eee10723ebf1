"""The parts of a fault: a name, a plan drawn from a seed, a function that applies it, and its undo.

Each fault is one function, in `broker_faults`, `consumer_faults`, `topic_faults`, `record_faults`
or `network_faults`. Its docstring is the text that ``labkit break --list`` shows.
"""

from __future__ import annotations

import inspect
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from labkit.core.errors import LabError
from labkit.faults.active_faults import ActiveFault

Victim = TypeVar("Victim")
Undo = Callable[[Mapping[str, Any]], None]
MOMENTS_S = (0.05, 0.8)


@dataclass(frozen=True)
class Plan:
    """When a fault is applied, and to which victim. The same arguments give the same plan."""

    fault: str
    seed: int
    for_s: float
    moment_s: float
    """How long after the request, in seconds."""
    choice: float
    """Which of the victims, from 0 (the first) to 1 (after the last)."""


def plan(fault: str, seed: int, for_s: float) -> Plan:
    """Draw a fault's plan from a seed.

    Parameters
    ----------
    fault : str
        The fault's name, as in `FAULTS`.
    seed : int
        The same seed draws the same moment and the same victim.
    for_s : float
        How long it lasts, in seconds.
    """
    rng = random.Random(f"{fault}-{seed}")  # noqa: S311 (repeatable, not secret)
    return Plan(fault, seed, for_s, rng.uniform(*MOMENTS_S), rng.random())


class FaultContext:
    """What a fault works with: its plan, topic, group and folder, and when to stop."""

    def __init__(
        self, plan: Plan, record: ActiveFault, topic: str, group_id: str, data_dir: Path
    ) -> None:
        self.plan, self.record = plan, record
        self.topic, self.group_id, self.data_dir = topic, group_id, data_dir
        self.rng = random.Random(f"{plan.fault}-{plan.seed}")  # noqa: S311 (repeatable)
        self.stop = threading.Event()
        self.error: Exception | None = None
        self._thread: threading.Thread | None = None

    def choose(self, victims: Sequence[Victim]) -> Victim:
        """Return the victim that the plan selects."""
        return victims[int(self.plan.choice * len(victims))]

    def record_undo(self, victim: str, **undo: Any) -> None:
        """Record what is about to be broken, and everything that is needed to undo it."""
        self.record.victim, self.record.undo = victim, undo
        self.record.began_at = time.time()
        self.record.write()

    def run_in_background(self, work: Callable[[threading.Event], object]) -> None:
        """Run a function in a thread until the fault ends."""

        def run() -> None:
            try:
                work(self.stop)
            except Exception as error:  # raised by `Fault.wait`
                self.error = error

        self._thread = threading.Thread(target=run, name=self.record.fault_id, daemon=True)
        self._thread.start()

    def end(self, timeout_s: float = 30.0) -> None:
        """Stop the background thread."""
        self.stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)


@dataclass(frozen=True)
class FaultKind:
    """One fault that ``labkit break`` can apply."""

    name: str
    apply: Callable[[FaultContext], None]
    undo: Undo | None = None
    revives: bool = False
    """Whether undoing it starts a process again, which is not wanted when the lab stops."""

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return self._paragraph()

    @property
    def watch(self) -> str:
        """What to watch while it lasts."""
        return self._paragraph("Watch: ")

    @property
    def promise(self) -> str:
        """What the lab promises nevertheless."""
        return self._paragraph("Promise: ")

    @property
    def destroys(self) -> str:
        """What cannot be restored; empty for most faults."""
        return self._paragraph("Destroys: ")

    def _paragraph(self, heading: str = "") -> str:
        """Return a paragraph of the fault's docstring; without a heading the first one."""
        text = inspect.getdoc(self.apply) or ""
        paragraphs = (" ".join(one.split()) for one in text.split("\n\n"))
        found = (one for one in paragraphs if one.startswith(heading))
        return next(found, "").removeprefix(heading)


def does_not_apply(fault: str, why: str, next_line: str) -> LabError:
    """Return the error of a fault that has nothing to break."""
    return LabError(f"{fault} cannot be done now: {why}", next_line)
