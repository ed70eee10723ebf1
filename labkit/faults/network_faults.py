"""Faults of the network between clients and brokers, for those that go through the lab's proxy.

The proxy looks at what is broken now (`fault_state`) ten times a second, and does accordingly. So
there is nothing to undo: when the fault is no longer written down, or its time is over, it ends.
"""

from __future__ import annotations

from labkit.core.run_files import read_run_files
from labkit.faults.fault_kinds import FaultKind, Scene, does_not_apply
from labkit.faults.network_proxy import CUT, LATENCY, STALL

DELAYS_MS = (100, 400)


def latency(scene: Scene) -> None:
    """Delay every byte between clients and brokers, each way, by 100 to 400 ms.

    Watch: the producer's acknowledgements take longer, and its rate hardly changes, for many
    records are on their way at once. What waits for each answer becomes slow.

    Promise: late is all that anything is.
    """
    delay_ms = scene.rng.randint(*DELAYS_MS)
    _strike(scene, f"{delay_ms} ms in each direction", delay_ms=delay_ms)


def frozen_connections(scene: Scene) -> None:
    """Let no byte through between clients and brokers, and keep every connection open.

    Watch: nobody is told anything. Clients wait, heartbeats are missed, and after six seconds the
    group believes that its members are dead.

    Promise: every acknowledged reading is in the topic and in the CSV once, when it flows again.
    """
    _strike(scene, "open connections that carry nothing")


def cut_connections(scene: Scene) -> None:
    """Reset every connection between clients and brokers, and refuse new ones.

    Watch: clients see `ECONNRESET`, try again with growing pauses, and come back by themselves.

    Promise: every acknowledged reading is in the topic and in the CSV once, when it flows again.
    """
    _strike(scene, "every connection reset, and none accepted")


def _strike(scene: Scene, what: str, **how: int) -> None:
    proxies = read_run_files("proxy")
    if not proxies:
        why = "no proxy of this lab runs, and a direct connection cannot be reached into"
        raise does_not_apply(scene.plan.fault, why, "labkit proxy   (it says what to start then)")
    clients = sum(run["connections"] for run in proxies)
    if not clients:
        why = f"no client goes through the proxy at {proxies[0]['url']}"
        next_line = f"LABKIT_PROXY_URL={proxies[0]['url']} labkit produce   (started like this)"
        raise does_not_apply(scene.plan.fault, why, next_line)
    scene.will_break(f"{clients} connections through the proxy: {what}", **how)


KINDS = (
    FaultKind(LATENCY, latency),
    FaultKind(STALL, frozen_connections),
    FaultKind(CUT, cut_connections),
)
