"""Act on one node of a running cluster: kill, freeze, thaw, stop and restart it.

A killed broker closes its connections; a frozen one keeps them open and never answers. The other
brokers see the same in both cases: its heartbeats stop, and after four seconds
(``broker.session.timeout.ms``) other replicas become leaders.
"""

from __future__ import annotations

from pathlib import Path

import psutil

from labkit.broker import cluster_start
from labkit.broker.cluster_state import (
    ClusterState,
    NodeState,
    cluster_lock,
    read_cluster,
    write_cluster,
)
from labkit.broker.kafka_clients import admin
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.progress_bar import waiting
from labkit.core.wait_until import wait_until

EFFECT_TIMEOUT_S = 10.0
JOIN_TIMEOUT_S = 60.0


def kill(folder: Path, node_id: int) -> None:
    """Kill a node's process (SIGKILL): it closes no files and hands over nothing."""
    _process(_alive(folder, node_id)).kill()
    _wait_for_state(folder, node_id, "dead")


def freeze(folder: Path, node_id: int) -> None:
    """Suspend a node's process (SIGSTOP, or the Windows equivalent)."""
    one = _alive(folder, node_id)
    if one.state == "frozen":
        raise LabError(f"broker {node_id} is frozen already", f"labkit broker thaw {node_id}")
    _process(one).suspend()
    _wait_for_state(folder, node_id, "frozen")


def thaw(folder: Path, node_id: int) -> None:
    """Resume a frozen node; it has missed its heartbeats, and joins the cluster again."""
    one = _alive(folder, node_id)
    if one.state != "frozen":
        msg = f"broker {node_id} is not frozen, so there is nothing to thaw"
        raise LabError(msg, f"labkit broker freeze {node_id}")
    _process(one).resume()
    _wait_for_state(folder, node_id, "running")


def stop(folder: Path, node_id: int) -> None:
    """Stop a node cleanly: it hands over its leaderships and closes its logs."""
    with cluster_lock(folder):
        cluster = _known(folder)
        cluster_start.stop_nodes(cluster, [_alive(folder, node_id)])


def restart(folder: Path, node_id: int) -> None:
    """Stop a node cleanly, if it runs, and start it again on its port.

    Returns when the cluster lists it; without a majority of controllers, when its process runs.
    """
    with waiting(f"Restarting broker {node_id}"), cluster_lock(folder):
        cluster = _known(folder)
        one = cluster.node(node_id)
        cluster_start.stop_nodes(cluster, [one])
        start_nodes(cluster, folder, [one])


def complete(cluster: ClusterState, folder: Path) -> ClusterState:
    """Start the dead nodes of a cluster; frozen ones are left alone, because somebody froze them.

    Called under the cluster's lock.

    Raises
    ------
    BrokerUnavailable
        So many are frozen that the cluster cannot answer.
    """
    frozen = [str(one.node_id) for one in cluster.nodes if one.state == "frozen"]
    if len(cluster.nodes) - len(frozen) < cluster.majority:
        msg = f"of this lab's brokers, {', '.join(frozen)} of {len(cluster.nodes)} are frozen: "
        msg += "without a majority of controllers the cluster stands still"
        raise BrokerUnavailable(msg, f"labkit broker thaw {frozen[0]}")
    dead = [one for one in cluster.nodes if one.state == "dead"]
    if dead:
        return start_nodes(cluster, folder, dead)
    wait_until_joined(cluster, {one.node_id for one in cluster.nodes if one.state == "running"})
    return cluster


def start_nodes(cluster: ClusterState, folder: Path, nodes: list[NodeState]) -> ClusterState:
    """Start dead nodes of a cluster on their ports; called under its lock."""
    for one in nodes:
        for port in cluster_start.ports_in_use([one]):
            # The other nodes know it by this port: only a start of all nodes can change it.
            msg = f"port {port}, where broker {one.node_id} was, is taken by another program"
            raise LabError(msg, "labkit broker stop, then labkit broker start")
    write_cluster(cluster, folder)
    cluster = cluster_start.start(cluster, folder, nodes)
    wait_until_joined(cluster, {one.node_id for one in nodes})
    return cluster


def wait_until_joined(cluster: ClusterState, node_ids: set[int]) -> None:
    """Wait until the cluster itself lists these nodes among its brokers.

    Without a majority of running controllers there is nothing to wait for.
    """
    able = [one for one in cluster.nodes if one.state == "running"]
    if len(able) < cluster.majority:
        return
    # Nodes that have just started know their own current state; others may know an older one.
    asked = [one.address for one in able if one.node_id in node_ids]
    servers, timeout_ms = ",".join(asked), JOIN_TIMEOUT_S * 1000
    msg = f"not all of {len(cluster.nodes)} brokers joined the cluster"
    with admin(bootstrap_servers=servers, bootstrap_timeout_ms=timeout_ms) as client:
        wait_until(
            lambda: node_ids <= {one["broker_id"] for one in client.describe_cluster()["brokers"]},
            JOIN_TIMEOUT_S,
            lambda: BrokerUnavailable(msg, f"read the logs in {load_config().state_dir / 'logs'}"),
            every_s=0.1,
        )


def _known(folder: Path) -> ClusterState:
    cluster = read_cluster(folder)
    if cluster is None:
        raise BrokerUnavailable("This lab has no cluster yet", "labkit broker start --brokers 3")
    return cluster


def _alive(folder: Path, node_id: int) -> NodeState:
    """Return a node that is not dead, or raise the line that starts it."""
    one = _known(folder).node(node_id)
    if one.state == "dead":
        raise LabError(f"broker {node_id} is dead already", f"labkit broker restart {node_id}")
    return one


def _process(one: NodeState) -> psutil.Process:
    assert one.process is not None
    return psutil.Process(one.process.pid)


def _wait_for_state(folder: Path, node_id: int, state: str) -> None:
    """Wait for a signal to take effect."""

    def error() -> LabError:
        found = _known(folder).node(node_id).state
        msg = f"broker {node_id} is still {found} after {EFFECT_TIMEOUT_S:g} s, and not {state}"
        return LabError(msg, "labkit broker status")

    wait_until(
        lambda: _known(folder).node(node_id).state in (state, "dead"),
        EFFECT_TIMEOUT_S,
        error,
        every_s=0.01,
    )
