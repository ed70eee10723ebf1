"""Faults of a broker: kill, freeze, restart. They need the lab's own cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.broker import node_control
from labkit.broker.cluster_state import NodeState, cluster_dir, read_cluster
from labkit.core.config import load_config
from labkit.faults.fault_kinds import FaultContext, FaultKind, does_not_apply


def broker_kill(context: FaultContext) -> None:
    """Kill one broker (SIGKILL), and start it again at the end.

    Watch: the leaders in `labkit topics describe`: within four seconds another replica leads each
    of its partitions. With a single broker, everything stops until it is back.

    Promise: every acknowledged reading is in the topic, and in the CSV once.
    """
    node_control.kill(*_victim(context))


def broker_freeze(context: FaultContext) -> None:
    """Freeze one broker: its connections stay open, but it answers nothing.

    Watch: its clients wait until their requests time out; the controllers give it up after four
    seconds. When it runs again, other brokers lead its partitions, and it follows them.

    Promise: no client ends; every acknowledged reading is in the topic, and in the CSV once.
    """
    node_control.freeze(*_victim(context))


def broker_restart(context: FaultContext) -> None:
    """Stop one broker cleanly, as for an upgrade, and start it again at the end.

    Watch: it hands over its partitions before it stops, so writes hardly pause. Then there are two
    in-sync replicas, until it is back and has caught up.

    Promise: every acknowledged reading is in the topic, and in the CSV once.
    """
    node_control.stop(*_victim(context))


def _victim(context: FaultContext) -> tuple[Path, int]:
    """Choose a broker whose loss leaves a majority, and record the undo."""
    one = context.choose(_candidates(context.plan.fault))
    context.record_undo(f"broker {one.node_id} at {one.address}", node_id=one.node_id)
    return cluster_dir(), one.node_id


def _candidates(fault: str) -> list[NodeState]:
    if load_config().bootstrap_servers:
        why = "the cluster is your own, and the lab cannot reach into it"
        raise does_not_apply(fault, why, "unset LABKIT_BOOTSTRAP_SERVERS, then labkit up")
    cluster = read_cluster()
    running = [one for one in (cluster.nodes if cluster else ()) if one.state == "running"]
    if cluster is None or not running:
        raise does_not_apply(fault, "no broker runs", "labkit broker start --brokers 3")
    if len(cluster.nodes) > 1 and len(running) - 1 < cluster.majority:
        why = f"{len(running)} of {len(cluster.nodes)} brokers run, and one less is not a majority"
        raise does_not_apply(fault, why, "labkit mend, then labkit broker start")
    return running


def _start_again(undo: Mapping[str, Any]) -> None:
    if _state(undo) == "dead":
        node_control.restart(cluster_dir(), undo["node_id"])


def _thaw(undo: Mapping[str, Any]) -> None:
    if _state(undo) == "frozen":
        node_control.thaw(cluster_dir(), undo["node_id"])


def _state(undo: Mapping[str, Any]) -> str | None:
    """Return the victim's state; None if the cluster was stopped or reset meanwhile."""
    cluster = read_cluster()
    if cluster is None or not (cluster.keep or any(one.is_alive for one in cluster.owners)):
        return None
    return cluster.node(undo["node_id"]).state


KINDS = (
    FaultKind("broker-kill", broker_kill, _start_again, revives=True),
    FaultKind("broker-freeze", broker_freeze, _thaw),
    FaultKind("broker-restart", broker_restart, _start_again, revives=True),
)
