"""A group of Kafka Connect's workers: which one to start, its processes, and until it answers.

It is written down, kept and ended as a cluster of brokers is (`cluster`, `keeper`), in a folder of
its own: there a node is a worker, its port that of its REST API, and the cluster's id the group's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from labkit.broker import cluster_processes, node_setup
from labkit.broker.cluster_state import ClusterState, NodeState, read_cluster
from labkit.broker.install.kafka_jars import kafka_jars
from labkit.connect.connect_rest import LOOK_EVERY_S, ConnectorStatus, Rest, send
from labkit.connect.connect_settings import security_properties, worker_command, worker_properties
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed

KIND = "connect worker"
JOIN_TIMEOUT_S = 120.0
GONE_TIMEOUT_S = 60.0
FEWER_TASKS_S = 10.0
"""A connector may make fewer tasks than it is allowed; this long more of them are waited for."""


def connect_dir() -> Path:
    """Return the folder of the lab's Connect workers."""
    return load_config().state_dir / "connect"


def plan(
    known: ClusterState | None, workers: int, group_id: str, kafka_id: str, folder: Path
) -> ClusterState:
    """Return the group that runs, if it is the one that is wanted; else end it, and plan one."""
    if known is not None:
        is_wanted = (known.cluster_id, len(known.nodes)) == (group_id, workers)
        if is_wanted and known.is_supervised and _is_at(known, kafka_id):
            return known
        cluster_processes.stop(known, folder)
    ports = enumerate(node_setup.free_ports(workers), 1)
    nodes = [NodeState(node_id=number, port=port, controller_port=0) for number, port in ports]
    return ClusterState(cluster_id=group_id, nodes=nodes)


def _is_at(known: ClusterState, kafka_id: str) -> bool:
    """Tell whether its workers are at this Kafka cluster, and not at one of before."""
    for one in known.nodes:
        try:
            return bool(send("GET", f"http://{one.address}/")["kafka_cluster_id"] == kafka_id)
        except OSError:
            continue
    return False


def start(
    cluster: ClusterState, folder: Path, nodes: list[NodeState], servers: str, copies: int
) -> ClusterState:
    """Start workers, and wait until each accepts connections; called under the lock."""
    jars = kafka_jars("connect")
    secrets = security_properties(load_config())

    def command(one: NodeState, log: Path) -> list[str]:
        own = worker_properties(cluster.cluster_id, servers, one.port, copies)
        return worker_command(jars, folder / one.name, log, {**own, **secrets})

    try:
        return cluster_processes.start_processes(cluster, folder, nodes, command, kind=KIND)
    finally:
        for one in nodes if secrets else ():  # they have read it, and it has a password
            (folder / one.name / "worker.properties").unlink(missing_ok=True)


def wait_until_joined(cluster: ClusterState, folder: Path) -> None:
    """Wait until each worker answers for the group: before it has joined, it knows nothing."""
    deadline = time.monotonic() + JOIN_TIMEOUT_S
    logs = load_config().state_dir / "logs"
    for one in cluster.nodes:
        while True:
            try:
                send("GET", f"http://{one.address}/connectors")
                break
            except OSError as error:
                now = read_cluster(folder) or cluster
                log = cluster_processes.log_path(logs, one, KIND)
                if not now.node(one.node_id).is_running:
                    msg = f"{KIND} {one.node_id} ended as it started: {node_setup.last_error(log)}"
                    raise WorkerFailed(msg, f"read its log: {log}") from error
                if time.monotonic() > deadline:
                    msg = f"{KIND} {one.node_id} did not join within {JOIN_TIMEOUT_S:g} s: {error}"
                    raise WorkerFailed(msg, f"read its log: {log}") from error
            time.sleep(LOOK_EVERY_S)


def wait_until_runs(
    name: str,
    tasks: int,
    timeout_s: float,
    rest: Rest,
    workers: Callable[[], Sequence[NodeState]],
) -> ConnectorStatus:
    """Wait until a connector runs, and so many tasks of it, on workers that live.

    Raises
    ------
    WorkerFailed
        The connector or a task failed.
    LabError
        It does not run in time.
    """
    began = time.monotonic()
    while True:
        status = rest.status(name)
        waited_s = time.monotonic() - began
        if status is not None:
            if status.failure:
                raise WorkerFailed(status.failure, f"connect.delete({name!r}), and mend its cause")
            # Of a dead worker the group hears late: until then its tasks look as if they ran.
            alive = {one.node_id for one in workers() if one.is_running}
            is_whole = len(status.tasks) == tasks or waited_s > FEWER_TASKS_S
            if is_whole and status.is_running and {one.worker for one in status.tasks} <= alive:
                return status
        if waited_s > timeout_s:
            seen = status.tasks if status else ()
            how = ", ".join(f"task {one.task} {one.state}" for one in seen) or "it has no task"
            log = cluster_processes.log_path(load_config().state_dir / "logs", workers()[0], KIND)
            raise LabError(f"{name} does not run after {timeout_s:g} s: {how}", f"read {log}")
        time.sleep(LOOK_EVERY_S)


def wait_until_gone(name: str, rest: Rest) -> None:
    """Wait until the group has taken a deleted connector's tasks off its workers."""
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while rest.status(name) is not None:
        if time.monotonic() > deadline:
            msg = f"{name} is deleted, and its tasks still run after {GONE_TIMEOUT_S:g} s"
            raise LabError(msg, "connect.stop(), and lab.start_connect()")
        time.sleep(LOOK_EVERY_S)
