"""Changes in a cluster between two reads, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labkit.topics.topic_model import ClusterView, Partition

SIGNS = {"running": "●", "frozen": "❄", "dead": "✕"}
"""A sign for each state of a broker, so that colour is not the only mark."""


def changes(before: ClusterView, after: ClusterView) -> list[str]:
    """Return a sentence for each change; partitions with the same change share one.

    A fact that was unknown at one of the two moments is not a change.
    """
    states = {one.node_id: one.state for one in before.brokers}
    brokers = [
        (f"{states[one.node_id]} → {one.state}", one.node_id)
        for one in after.brokers
        if states.get(one.node_id, one.state) != one.state
    ]
    known = {one.partition: one for one in before.partitions or ()}
    partitions = [
        (what, one.partition)
        for one in after.partitions or ()
        if one.partition in known
        for what in _one_partition(known[one.partition], one)
    ]
    controllers = (before.controller, after.controller)
    moved = None not in controllers and before.controller != after.controller
    return [
        *_together("broker", brokers),
        *(["active controller moved {} → {}".format(*controllers)] if moved else []),
        *_together("partition", partitions),
    ]


def _together(noun: str, found: list[tuple[str, int]]) -> Iterator[str]:
    """Yield each change once, with the numbers of all that share it."""
    same: dict[str, list[int]] = {}
    for what, number in found:
        same.setdefault(what, []).append(number)
    for what, numbers in same.items():
        yield f"{noun}{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}: {what}"


def _one_partition(was: Partition, now: Partition) -> Iterator[str]:
    if now.leader != was.leader:
        if now.leader is None:
            yield f"no leader any more ({was.leader} led)"
        elif was.leader is None:
            yield f"{now.leader} leads"
        else:
            yield f"leader moved {was.leader} → {now.leader}"
    if now.isr != was.isr:
        gone, come = set(was.isr) - set(now.isr), set(now.isr) - set(was.isr)
        verb = "shrank" if len(now.isr) < len(was.isr) else "grew"
        verb = "changed" if gone and come else verb
        yield f"ISR {verb} to {', '.join(map(str, now.isr)) or 'nobody'}"


def summary(view: ClusterView) -> str:
    """Return the state of the cluster in one sentence."""
    if not view.brokers:
        return view.trouble
    counts = {state: sum(one.state == state for one in view.brokers) for state in SIGNS}
    how = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    parts = [f"{len(view.brokers)} broker{'' if len(view.brokers) == 1 else 's'}: {how}"]
    if view.controller is not None:
        parts.append(f"{view.controller} is the active controller")
    if view.partitions:
        # If no broker answers now, the map shows the last known state, and says so.
        parts.append(("when last asked, " if view.trouble else "") + _in_sync(view.partitions))
    return "; ".join(parts) + "."


def _in_sync(partitions: Sequence[Partition]) -> str:
    short = sum(len(one.isr) < len(one.replicas) for one in partitions)
    leaderless = sum(one.leader is None for one in partitions)
    if leaderless:
        return f"{leaderless} of {len(partitions)} partitions have no leader"
    if short:
        return f"{short} of {len(partitions)} partitions lack replicas in sync"
    if len(partitions) == 1:
        return "the one partition has every replica in sync"
    return f"all {len(partitions)} partitions have every replica in sync"
