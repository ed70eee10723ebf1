"""What a learner can do to one node of the lab's cluster: kill, freeze, thaw and restart it.

A killed broker is gone without a word; a frozen one is still there, its connections are open, and
nothing comes back. To its neighbours both look alike: heartbeats stop, and after four seconds
(``broker.session.timeout.ms``) another replica leads in its place.
"""

from __future__ import annotations

import time
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
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.progress_bar import waiting

EFFECT_TIMEOUT_S = 10.0
JOIN_TIMEOUT_S = 60.0


def kill(folder: Path, node_id: int) -> None:
    """End a node's process at once (SIGKILL): no goodbye, no closed files."""
    _process(_living(folder, node_id)).kill()
    _wait_until(folder, node_id, "dead")


def freeze(folder: Path, node_id: int) -> None:
    """Take the processor from a node's process (SIGSTOP; the same by other means on Windows)."""
    one = _living(folder, node_id)
    if one.state == "frozen":
        raise LabError(f"broker {node_id} is frozen already", f"labkit broker thaw {node_id}")
    _process(one).suspend()
    _wait_until(folder, node_id, "frozen")


def thaw(folder: Path, node_id: int) -> None:
    """Let a frozen node go on; it has missed its heartbeats, and joins the cluster anew."""
    one = _living(folder, node_id)
    if one.state != "frozen":
        msg = f"broker {node_id} is not frozen, so there is nothing to thaw"
        raise LabError(msg, f"labkit broker freeze {node_id}")
    _process(one).resume()
    _wait_until(folder, node_id, "running")


def stop(folder: Path, node_id: int) -> None:
    """Stop a node in good order: it hands over its leaderships, and closes its logs."""
    with cluster_lock(folder):
        cluster = _known(folder)
        cluster_start.stop_nodes(cluster, [_living(folder, node_id)])


def restart(folder: Path, node_id: int) -> None:
    """Stop a node as one does, if it lives, and start it again on its port.

    Returns when the cluster lists it; where so few nodes run that there is no majority to join,
    when its process runs.
    """
    with waiting(f"Restarting broker {node_id}"), cluster_lock(folder):
        cluster = _known(folder)
        one = cluster.node(node_id)
        cluster_start.stop_nodes(cluster, [one])
        start_nodes(cluster, folder, [one])


def complete(cluster: ClusterState, folder: Path) -> ClusterState:
    """Start the nodes that are dead; those that are frozen are somebody's experiment.

    Called under the cluster's lock.

    Raises
    ------
    BrokerUnavailable
        So many are frozen that the cluster cannot answer.
    """
    frozen = [str(one.node_id) for one in cluster.nodes if one.state == "frozen"]
    if len(cluster.nodes) - len(frozen) < cluster.majority:
        msg = (
            f"of this lab's brokers, {', '.join(frozen)} of {len(cluster.nodes)} are frozen: "
            "without a majority of controllers the cluster stands still"
        )
        raise BrokerUnavailable(msg, f"labkit broker thaw {frozen[0]}")
    dead = [one for one in cluster.nodes if one.state == "dead"]
    if dead:
        return start_nodes(cluster, folder, dead)
    running = {one.node_id for one in cluster.nodes if one.state == "running"}
    wait_until_joined(cluster, running)
    return cluster


def start_nodes(cluster: ClusterState, folder: Path, nodes: list[NodeState]) -> ClusterState:
    """Start dead nodes of a cluster on their ports; called under its lock."""
    deadline = time.monotonic() + cluster_start.PORT_WAIT_S
    for one in nodes:
        for port in (one.port, one.controller_port):
            if not cluster_start.becomes_free(port, deadline):
                # Its neighbours know it by this port: only a start of all can choose another.
                msg = f"port {port}, where broker {one.node_id} was, is taken by another program"
                raise LabError(msg, "labkit broker stop, then labkit broker start")
    write_cluster(cluster, folder)
    cluster = cluster_start.start(cluster, folder, nodes)
    wait_until_joined(cluster, {one.node_id for one in nodes})
    return cluster


def wait_until_joined(cluster: ClusterState, node_ids: set[int]) -> None:
    """Wait until the cluster itself lists these nodes among its brokers.

    Nothing is waited for while the nodes that run are no majority: such a cluster lists nothing.
    """
    able = [one for one in cluster.nodes if one.state == "running"]
    if len(able) < cluster.majority:
        return
    deadline = time.monotonic() + JOIN_TIMEOUT_S
    # Those that have just started know themselves as they are now, not as they were when they died.
    asked = [one.address for one in able if one.node_id in node_ids]
    with admin(
        bootstrap_servers=",".join(asked), bootstrap_timeout_ms=JOIN_TIMEOUT_S * 1000
    ) as client:
        while not node_ids <= {one["broker_id"] for one in client.describe_cluster()["brokers"]}:
            if time.monotonic() > deadline:
                msg = f"not all of {len(cluster.nodes)} brokers joined the cluster"
                raise BrokerUnavailable(msg, "read their logs, in .labkit/logs")
            time.sleep(0.1)


def _known(folder: Path) -> ClusterState:
    cluster = read_cluster(folder)
    if cluster is None:
        raise BrokerUnavailable("This lab has no cluster yet", "labkit broker start --brokers 3")
    return cluster


def _living(folder: Path, node_id: int) -> NodeState:
    """Return a node that lives, or say how to make it live."""
    one = _known(folder).node(node_id)
    if one.state == "dead":
        raise LabError(f"broker {node_id} is dead already", f"labkit broker restart {node_id}")
    return one


def _process(one: NodeState) -> psutil.Process:
    assert one.process is not None
    return psutil.Process(one.process.pid)


def _wait_until(folder: Path, node_id: int, state: str) -> None:
    """Wait for the system: a signal is sent in no time, and takes effect a moment later."""
    deadline = time.monotonic() + EFFECT_TIMEOUT_S
    while (found := _known(folder).node(node_id).state) not in (state, "dead"):
        if time.monotonic() > deadline:
            msg = f"broker {node_id} is still {found} after {EFFECT_TIMEOUT_S:g} s, and not {state}"
            raise LabError(msg, "labkit broker status")
        time.sleep(0.01)
