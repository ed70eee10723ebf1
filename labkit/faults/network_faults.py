"""Faults of the network between clients and brokers, for clients that use the lab's proxy.

The proxy reads the active faults (`active_faults`) ten times a second and behaves accordingly. So
there is nothing to undo: the fault ends when its record is removed or its time is over.
"""

from __future__ import annotations

from labkit.core.run_files import read_run_files
from labkit.faults.fault_kinds import FaultContext, FaultKind, does_not_apply
from labkit.faults.network_proxy import CUT, LATENCY, STALL

DELAYS_MS = (100, 400)


def latency(context: FaultContext) -> None:
    """Delay every byte between clients and brokers, each way, by 100 to 400 ms.

    Watch: the producer's acknowledgements take longer, but its rate hardly changes, because many
    records are in flight at once. Only a client that waits for each answer becomes slow.

    Promise: records may arrive late; none is lost or duplicated.
    """
    delay_ms = context.rng.randint(*DELAYS_MS)
    _break_connections(context, f"{delay_ms} ms in each direction", delay_ms=delay_ms)


def frozen_connections(context: FaultContext) -> None:
    """Stop all bytes between clients and brokers, and keep every connection open.

    Watch: no client gets an error. They wait, heartbeats are missed, and after six seconds the
    group treats its members as dead.

    Promise: every acknowledged reading is in the topic, and in the CSV once, after the network
    works again.
    """
    _break_connections(context, "open connections that carry nothing")


def cut_connections(context: FaultContext) -> None:
    """Reset every connection between clients and brokers, and refuse new ones.

    Watch: clients see `ECONNRESET`, retry with growing pauses, and reconnect without help.

    Promise: every acknowledged reading is in the topic, and in the CSV once, after the network
    works again.
    """
    _break_connections(context, "every connection reset, and none accepted")


def _break_connections(context: FaultContext, what: str, **how: int) -> None:
    proxies = read_run_files("proxy")
    if not proxies:
        why = "no proxy of this lab runs, and a direct connection cannot be broken"
        raise does_not_apply(context.plan.fault, why, "labkit proxy   (it says what to start then)")
    clients = sum(run["connections"] for run in proxies)
    if not clients:
        why = f"no client goes through the proxy at {proxies[0]['url']}"
        next_line = f"LABKIT_PROXY_URL={proxies[0]['url']} labkit produce   (started like this)"
        raise does_not_apply(context.plan.fault, why, next_line)
    context.record_undo(f"{clients} connections through the proxy: {what}", **how)


KINDS = (
    FaultKind(LATENCY, latency),
    FaultKind(STALL, frozen_connections),
    FaultKind(CUT, cut_connections),
)
