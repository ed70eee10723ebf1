"""What a fault is made of: a name, a plan drawn from a seed, a deed, and how it is undone.

Each fault is one function, in `broker_faults`, `consumer_faults`, `topic_faults`,
`traffic_faults` or `network_faults`. Its docstring is what ``labkit break --list`` shows.
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
    """What a seed decides: when a fault strikes, and whom. Same arguments, same plan."""

    fault: str
    seed: int
    for_s: float
    moment_s: float
    """How long after it was asked for."""
    choice: float
    """Which of the victims: a place between the first (0) and behind the last (1)."""


def plan(fault: str, seed: int, for_s: float) -> Plan:
    """Draw a fault's plan from a seed.

    Parameters
    ----------
    fault : str
        Its name, as in `FAULTS`.
    seed : int
        Any number; the same one draws the same moment and the same victim again.
    for_s : float
        How long it lasts, in seconds.
    """
    rng = random.Random(f"{fault}-{seed}")  # noqa: S311 (repeatable, not secret)
    return Plan(fault, seed, for_s, rng.uniform(*MOMENTS_S), rng.random())


class Scene:
    """What a fault works with: its plan, the place it strikes, and the time it has."""

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
        """Return the victim that the plan names."""
        return victims[int(self.plan.choice * len(victims))]

    def will_break(self, victim: str, **undo: Any) -> None:
        """Write down what is about to be broken, and all that undoing it takes."""
        self.record.victim, self.record.undo = victim, undo
        self.record.began_at = time.time()
        self.record.write()

    def meanwhile(self, work: Callable[[threading.Event], object]) -> None:
        """Do something in the background until the fault is over."""

        def run() -> None:
            try:
                work(self.stop)
            except Exception as error:  # told by whoever waits for the fault
                self.error = error

        self._thread = threading.Thread(target=run, name=self.record.fault_id, daemon=True)
        self._thread.start()

    def end(self, timeout_s: float = 30.0) -> None:
        """End what goes on in the background."""
        self.stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)


@dataclass(frozen=True)
class FaultKind:
    """A fault in the vocabulary of ``labkit break``."""

    name: str
    strike: Callable[[Scene], None]
    undo: Undo | None = None
    revives: bool = False
    """Whether undoing it starts something again, which who takes the lab down does not want."""

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return self._paragraphs[0]

    @property
    def watch(self) -> str:
        """What to look at while it lasts."""
        return self._paragraph("Watch")

    @property
    def promise(self) -> str:
        """What the lab promises all the same."""
        return self._paragraph("Promise")

    @property
    def destroys(self) -> str:
        """What nobody can bring back afterwards; empty for most."""
        return self._paragraph("Destroys")

    @property
    def _paragraphs(self) -> list[str]:
        text = inspect.getdoc(self.strike) or ""
        return [" ".join(one.split()) for one in text.split("\n\n")]

    def _paragraph(self, heading: str) -> str:
        found = (one for one in self._paragraphs if one.startswith(f"{heading}: "))
        return next(found, "").removeprefix(f"{heading}: ")


def does_not_apply(fault: str, why: str, next_line: str) -> LabError:
    """Return the error of a fault that finds nothing to break."""
    return LabError(f"{fault} cannot be done now: {why}", next_line)
