"""Break something on purpose, watch how the lab reacts, and mend it.

    fault = lab.inject("broker-kill", for_s=20, seed=7)
    lab.mend()

A fault is seeded (same seed, same moment and same victim), bounded (it is undone after ``for_s``
seconds) and recorded in a file, so that ``labkit mend`` can undo it from any terminal. Names follow
khaos where it has the fault. ``labkit break --list`` tells for each what it does, what to watch,
and what the lab promises nevertheless.
"""

from __future__ import annotations

import contextlib
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
from labkit.core.wait_until import wait_until
from labkit.faults import (
    broker_faults,
    consumer_faults,
    network_faults,
    record_faults,
    topic_faults,
)
from labkit.faults.active_faults import ActiveFault, active_faults, new_fault
from labkit.faults.fault_kinds import FaultContext, FaultKind, plan

__all__ = ["FAULTS", "Fault", "active_faults", "inject", "mend", "plan"]

POLL_S = 0.1
MEND_TIMEOUT_S = 90.0  # a broker that is started again, on a busy machine

FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for module in (consumer_faults, broker_faults, record_faults, topic_faults, network_faults)
    for kind in module.KINDS
}
"""Every fault by its name."""

_fault_numbers = itertools.count(1)
_own_faults: dict[str, Fault] = {}


class Fault:
    """An active fault; it ends after its time, or when it is mended."""

    def __init__(self, kind: FaultKind, context: FaultContext) -> None:
        self.kind = kind
        self.name = context.record.fault_id
        self._context = context
        self._revive = True
        self._mend_now = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"{self.name}-end", daemon=True)
        _own_faults[self.name] = self
        self._thread.start()

    @property
    def seed(self) -> int:
        """The seed that draws the same fault again."""
        return self._context.plan.seed

    @property
    def victim(self) -> str:
        """What it has broken, in words."""
        return self._context.record.victim

    @property
    def is_active(self) -> bool:
        """Whether it has not been undone yet."""
        return self._thread.is_alive()

    is_running = is_active  # the name that `labkit.running` uses

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is undone, and return whether it is. Raise its error if it had one."""
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
            Start killed processes again; False if the lab is about to stop.
        """
        self._revive = revive
        self._mend_now.set()
        if not self.wait(MEND_TIMEOUT_S):
            msg = f"{self.kind.name} is not undone after {MEND_TIMEOUT_S:g} s"
            raise WorkerFailed(msg, "labkit mend")

    def stop(self, timeout_s: float = 15.0) -> None:
        """Undo it without starting anything again; `stop_all` calls this."""
        del timeout_s
        self.mend(revive=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.mend()

    def __repr__(self) -> str:
        state = self._context.record.description if self.is_active else f"{self.kind.name}: mended"
        return f"<Fault {state}>"

    def _run(self) -> None:
        """Wait for the end of its time or a request, and undo it."""
        record = self._context.record
        request = None
        while request is None and not self._mend_now.wait(POLL_S) and time.time() < record.until:
            request = record.mend_request()
        try:
            self._context.end()
            _undo(record, revive=self._revive and request is not False)
            self._error = self._context.error
        except Exception as error:  # raised by `wait`; the record stays, since it is not undone
            self._error = error
        finally:
            _own_faults.pop(self.name, None)


def _undo(record: ActiveFault, *, revive: bool) -> None:
    """Undo a fault and remove its record; calling it twice does no harm."""
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
    """Break something on purpose; it is undone after ``for_s`` seconds.

    Parameters
    ----------
    name : str
        The fault: a key of `FAULTS`, such as ``"broker-kill"``.
    for_s : float
        How long it lasts, in seconds.
    seed : int, optional
        Determines the moment and the victim; by default a random one, see `Fault.seed`.
    topic, group_id, data_dir : optional
        What to break; by default the lab's own.
    destroy : bool
        Allow a fault that destroys records. Its help says what it destroys.

    Returns
    -------
    Fault
        It is applied when this returns. It has ``victim``, ``mend()`` and ``wait()``; a ``with``
        block mends it at its end.

    Raises
    ------
    LabError
        The fault is unknown, has nothing to break, or destroys records and ``destroy`` is False.
    """
    kind = FAULTS.get(name)
    if kind is None:
        near = get_close_matches(name, FAULTS, n=3) or list(FAULTS)
        raise LabError(f"there is no fault {name!r}; near it: {', '.join(near)}", "labkit break")
    if for_s <= 0:
        msg = f"a fault lasts some time, not {for_s:g} s"
        raise LabError(msg, f"labkit break {name} --for 20s")
    if kind.destroys and not destroy:
        msg = f"{name} destroys what cannot be restored: {kind.destroys}"
        raise LabError(msg, f"lab.inject({name!r}, destroy=True)   or: labkit break {name} --yes")
    config = load_config()
    seed = random.randrange(1_000_000) if seed is None else seed  # noqa: S311 (no secret)
    drawn = plan(name, seed, for_s)
    context = FaultContext(
        drawn,
        new_fault(name, seed, for_s, next(_fault_numbers)),
        topic or config.topic,
        group_id or config.group_id,
        config.data_path(data_dir),
    )
    time.sleep(drawn.moment_s)
    try:
        kind.apply(context)
    except BaseException:
        context.end()
        if context.record.exists:  # it is half applied: Ctrl-C, or the victim has ended
            _undo(context.record, revive=True)
        raise
    fault = Fault(kind, context)
    register(fault)
    return fault


def mend(*, revive: bool = True) -> list[str]:
    """Undo every active fault of this lab, of any process.

    A running process undoes its own faults on request. Those of a process that has ended are undone
    here, from their records.

    Parameters
    ----------
    revive : bool
        Start killed processes again; False if the lab is about to stop.

    Returns
    -------
    list of str
        What was undone, in words; empty if nothing was broken.
    """
    found = active_faults()
    elsewhere = [one for one in found if one.pid != os.getpid() and one.has_injector]
    for one in elsewhere:
        one.ask_to_mend(revive)
    for one in found:
        if one.fault_id in _own_faults:
            _own_faults[one.fault_id].mend(revive=revive)
            continue
        if one in elsewhere:
            with contextlib.suppress(TimeoutError):
                wait_until(
                    lambda one=one: not (one.has_injector and one.exists),  # type: ignore[misc]
                    MEND_TIMEOUT_S,
                    every_s=POLL_S,
                )
        if one.exists:
            _undo(one, revive=revive)
    return [f"{one.fault}: {one.victim}" for one in found]
