"""Break something on purpose, watch what the lab makes of it, and mend it.

    fault = lab.inject("broker-kill", for_s=20, seed=7)
    lab.mend()

A fault is seeded (same seed, same moment and same victim), bounded (after ``for_s`` it is undone
by itself) and written down, so that ``labkit mend`` undoes it from any terminal. Names are those
of khaos where it has them. ``labkit break --list`` says of each what it does, what there is to
see, and what the lab promises all the same.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Self

from labkit.core.background_workers import register
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.faults import (
    broker_faults,
    consumer_faults,
    network_faults,
    record_faults,
    topic_faults,
)
from labkit.faults.active_faults import ActiveFault, active_faults, new_fault
from labkit.faults.fault_kinds import FaultKind, Scene, plan

__all__ = ["FAULTS", "Fault", "active_faults", "inject", "mend", "plan"]

LOOK_EVERY_S = 0.1
MEND_TIMEOUT_S = 90.0  # a broker that is started again, on a busy machine

FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for module in (consumer_faults, broker_faults, record_faults, topic_faults, network_faults)
    for kind in module.KINDS
}
"""Every fault by its name."""

_numbers = itertools.count(1)
_own: dict[str, Fault] = {}


class Fault:
    """Something that is broken on purpose, until its time is over or somebody mends it."""

    def __init__(self, kind: FaultKind, scene: Scene) -> None:
        self.kind = kind
        self.name = scene.record.fault_id
        self._scene = scene
        self._revive = True
        self._mend_now = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._last, name=f"{self.name}-end", daemon=True)
        _own[self.name] = self
        self._thread.start()

    @property
    def seed(self) -> int:
        """The seed that draws the same fault again."""
        return self._scene.plan.seed

    @property
    def victim(self) -> str:
        """What it has struck, in words."""
        return self._scene.record.victim

    @property
    def is_active(self) -> bool:
        """Whether it is not undone yet."""
        return self._thread.is_alive()

    @property
    def is_running(self) -> bool:
        """The same, as `labkit.running` asks for it."""
        return self.is_active

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is undone; return whether it is, and raise what went wrong with it."""
        self._thread.join(timeout_s)
        error, self._error = self._error, None
        if error is not None:
            msg = f"{self.kind.name} (seed {self.seed}) did not end well: {error}"
            raise WorkerFailed(msg, "labkit mend") from error
        return not self.is_active

    def mend(self, *, revive: bool = True) -> None:
        """Undo it now.

        Parameters
        ----------
        revive : bool
            Start again what was killed; False for somebody who is about to stop the lab.
        """
        self._revive = revive
        self._mend_now.set()
        if not self.wait(MEND_TIMEOUT_S):
            msg = f"{self.kind.name} is not undone after {MEND_TIMEOUT_S:g} s"
            raise WorkerFailed(msg, "labkit mend")

    def stop(self, timeout_s: float = 15.0) -> None:
        """Undo it without starting anything again, as `stop_all` does with all that runs."""
        del timeout_s
        self.mend(revive=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.mend()

    def __repr__(self) -> str:
        state = self._scene.record.in_words if self.is_active else f"{self.kind.name}: mended"
        return f"<Fault {state}>"

    def _last(self) -> None:
        """Wait until the time is over or somebody asks, and undo it."""
        record = self._scene.record
        request = None
        while not self._mend_now.wait(LOOK_EVERY_S) and time.time() < record.until:
            request = record.mend_request()
            if request is not None:
                break
        try:
            self._scene.end()
            _undo(record, revive=self._revive and request is not False)
            self._error = self._scene.error
        except Exception as error:  # told by `wait`; what is still broken stays written down
            self._error = error
        finally:
            _own.pop(self.name, None)


def _undo(record: ActiveFault, *, revive: bool) -> None:
    """Undo a fault, and note that it is undone; doing it twice does no harm."""
    kind = FAULTS[record.fault]
    if kind.undo is not None and (revive or not kind.revives):
        kind.undo(record.undo)
    record.remove()


def inject(
    name: str,
    *,
    for_s: float = 20.0,
    seed: int | None = None,
    topic: str | None = None,
    group_id: str | None = None,
    data_dir: str | Path | None = None,
    destroy: bool = False,
) -> Fault:
    """Break something on purpose; after ``for_s`` seconds it is undone by itself.

    Parameters
    ----------
    name : str
        Which fault: a key of `FAULTS`, such as ``"broker-kill"``.
    for_s : float
        How long, in seconds.
    seed : int, optional
        Draws the moment and the victim; by default a new one, which the fault tells.
    topic, group_id, data_dir : optional
        Where; by default the lab's own.
    destroy : bool
        Allow what cannot be brought back. Only the faults need it that say what they destroy.

    Returns
    -------
    Fault
        It is broken when this returns. With ``victim``, ``mend()`` and ``wait()``; with ``with``,
        it is mended at the end of the block.

    Raises
    ------
    LabError
        There is no such fault, nothing to break, or it would destroy what you did not name.
    """
    kind = FAULTS.get(name)
    if kind is None:
        near = get_close_matches(name, FAULTS, n=3) or list(FAULTS)
        raise LabError(f"there is no fault {name!r}; near it: {', '.join(near)}", "labkit break")
    if for_s <= 0:
        raise LabError(
            f"a fault lasts some time, not {for_s:g} s", f"labkit break {name} --for 20s"
        )
    if kind.destroys and not destroy:
        msg = f"{name} destroys what nobody can bring back: {kind.destroys}"
        raise LabError(msg, f"lab.inject({name!r}, destroy=True)   or: labkit break {name} --yes")
    config = load_config()
    seed = random.randrange(1_000_000) if seed is None else seed  # noqa: S311 (no secret)
    drawn = plan(name, seed, for_s)
    scene = Scene(
        drawn,
        new_fault(name, seed, for_s, next(_numbers)),
        topic or config.topic,
        group_id or config.group_id,
        config.data_path(data_dir),
    )
    time.sleep(drawn.moment_s)
    try:
        kind.strike(scene)
    except BaseException:
        scene.end()
        if scene.record.is_there:  # it is half done: Ctrl-C, or the victim has gone
            _undo(scene.record, revive=True)
        raise
    fault = Fault(kind, scene)
    register(fault)
    return fault


def mend(*, revive: bool = True) -> list[str]:
    """Undo everything that is broken on purpose in this lab, whoever broke it.

    A process that lives undoes its own faults when asked; those of a process that is gone are
    undone from here, by what it had written down.

    Parameters
    ----------
    revive : bool
        Start again what was killed; False for somebody who is about to stop the lab.

    Returns
    -------
    list of str
        What was undone, in words; empty where nothing was broken.
    """
    found = active_faults()
    elsewhere = [one for one in found if one.pid != os.getpid() and one.has_injector]
    for one in elsewhere:
        one.ask_to_mend(revive)
    for one in found:
        if one.fault_id in _own:
            _own[one.fault_id].mend(revive=revive)
            continue
        deadline = time.monotonic() + MEND_TIMEOUT_S
        while (
            one in elsewhere and one.has_injector and one.is_there and time.monotonic() < deadline
        ):
            time.sleep(LOOK_EVERY_S)
        if one.is_there:
            _undo(one, revive=revive)
    return [f"{one.fault}: {one.victim}" for one in found]
