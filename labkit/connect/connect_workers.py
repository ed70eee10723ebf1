"""Kafka Connect's workers: their settings, their processes, and waiting until they answer.

Kafka Connect is Kafka's own system for moving records in and out. Its *workers* are Java processes
that form a group, as consumers do. A *connector* is a job for the group, divided into *tasks*,
which the group assigns to its workers.

The group is recorded, supervised and stopped like a cluster of brokers, in a separate folder: a
node is a worker, its port is that of the REST API, and the cluster's id is the group's.
"""

from __future__ import annotations

import time
from pathlib import Path

from labkit.broker import cluster_start, node_setup
from labkit.broker.cluster_state import ClusterState, NodeState, read_cluster
from labkit.broker.install.kafka_jars import kafka_jars
from labkit.broker.security_properties import client_properties, read_properties, write_private
from labkit.connect.connect_rest import RETRY_EVERY_S, ConnectorStatus, Rest, send
from labkit.core.config import LabConfig, load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.wait_until import wait_until

HEAP_MB = 256
MAIN_CLASS = "org.apache.kafka.connect.cli.ConnectDistributed"
SETTINGS = Path(__file__).with_name("connect-worker.properties")
KIND = "connect worker"
JOIN_TIMEOUT_S = 120.0
GONE_TIMEOUT_S = 60.0
FEWER_TASKS_S = 10.0
"""How long to wait for more tasks; a connector may create fewer than ``tasks.max``."""


def connect_dir() -> Path:
    """Return the folder of the lab's Connect workers."""
    return load_config().state_dir / "connect"


def plan(
    known: ClusterState | None, workers: int, group_id: str, kafka_id: str, folder: Path
) -> ClusterState:
    """Return the running group if it is the wanted one; else stop it, and plan a new one."""
    if known is not None:
        is_wanted = (known.cluster_id, len(known.nodes)) == (group_id, workers)
        if is_wanted and known.is_supervised and _is_at(known, kafka_id):
            return known
        cluster_start.stop(known, folder)
    ports = enumerate(node_setup.free_ports(workers), 1)
    nodes = [NodeState(node_id=number, port=port, controller_port=0) for number, port in ports]
    return ClusterState(cluster_id=group_id, nodes=nodes)


def _is_at(known: ClusterState, kafka_id: str) -> bool:
    """Tell whether the workers use this Kafka cluster, and not an earlier one."""
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
        path = write_private(folder / one.name / "worker.properties", {**own, **secrets})
        java = node_setup.java(jars, HEAP_MB, *node_setup.logging_to(log))
        return [*java, MAIN_CLASS, path.name]

    try:
        return cluster_start.start_processes(cluster, folder, nodes, command, kind=KIND)
    finally:
        for one in nodes if secrets else ():  # they have read it, and it contains a password
            (folder / one.name / "worker.properties").unlink(missing_ok=True)


def worker_properties(
    group_id: str, bootstrap_servers: str, port: int, copies: int
) -> dict[str, str]:
    """Return a worker's settings, which differ within a group only by the port.

    `copies` is the replication factor of the group's three topics, whose names begin with its own.

    See: Kafka documentation, "Kafka Connect: Running Kafka Connect" and "Connect Configs".
    """
    # The whole state of the group is in three topics: the connectors' settings, the source
    # connectors' offsets and the tasks' status. So any worker can die and another can take over.
    topics = {"config": "configs", "offset": "offsets", "status": "status"}
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": group_id,
        **{f"{kind}.storage.topic": f"{group_id}-{name}" for kind, name in topics.items()},
        **{f"{kind}.storage.replication.factor": str(copies) for kind in topics},
        **read_properties(SETTINGS),
        # Loopback only: there is no password, and anyone who creates a connector can write files.
        "listeners": f"http://127.0.0.1:{port}",
        "rest.advertised.port": str(port),
    }


def security_properties(config: LabConfig) -> dict[str, str]:
    """Return the login settings of the worker and its tasks' clients; empty if not needed."""
    if config.security_protocol == "PLAINTEXT":
        return {}
    own = client_properties(config)
    prefixes = ("", "producer.", "consumer.", "admin.")
    return {f"{prefix}{key}": value for prefix in prefixes for key, value in own.items()}


def wait_until_joined(cluster: ClusterState, folder: Path) -> None:
    """Wait until each worker answers for the group, which it does once it has joined."""
    for one in cluster.nodes:
        _wait_until_answers(one, cluster, folder)


def _wait_until_answers(one: NodeState, cluster: ClusterState, folder: Path) -> None:
    log = cluster_start.log_path(load_config().state_dir / "logs", one, KIND)

    def failed(how: str) -> WorkerFailed:
        return WorkerFailed(f"{KIND} {one.node_id} {how}", node_setup.where_to_read(log))

    def answers() -> bool:
        try:
            send("GET", f"http://{one.address}/connectors")
        except OSError as error:
            if not (read_cluster(folder) or cluster).node(one.node_id).is_running:
                raise failed(f"ended as it started: {node_setup.last_error(log)}") from error
            raise
        return True

    def too_late() -> WorkerFailed:
        return failed(f"did not join within {JOIN_TIMEOUT_S:g} s")

    wait_until(answers, JOIN_TIMEOUT_S, too_late, every_s=RETRY_EVERY_S, retry_on=(OSError,))


def wait_until_runs(name: str, tasks: int, timeout_s: float, rest: Rest) -> ConnectorStatus:
    """Wait until a connector and this many of its tasks run, on running workers.

    Raises
    ------
    WorkerFailed
        The connector or a task failed.
    LabError
        It does not run in time.
    """
    began = time.monotonic()

    def running() -> ConnectorStatus | None:
        status = rest.status(name)
        if status is None:
            return None
        if status.failure:
            raise WorkerFailed(status.failure, f"connect.delete({name!r}), and mend its cause")
        # The group learns late of a dead worker: until then its tasks seem to run.
        alive = {one.node_id for one in rest.workers() if one.is_running}
        is_whole = len(status.tasks) == tasks or time.monotonic() > began + FEWER_TASKS_S
        is_running = status.is_running and {one.worker for one in status.tasks} <= alive
        return status if is_whole and is_running else None

    def error() -> LabError:
        status = rest.status(name)
        seen = status.tasks if status else ()
        how = ", ".join(f"task {one.task} {one.state}" for one in seen) or "it has no task"
        log = cluster_start.log_path(load_config().state_dir / "logs", rest.workers()[0], KIND)
        return LabError(f"{name} does not run after {timeout_s:g} s: {how}", f"read {log}")

    status = wait_until(running, timeout_s, error, every_s=RETRY_EVERY_S)
    assert status is not None
    return status


def wait_until_gone(name: str, rest: Rest) -> None:
    """Wait until a deleted connector's tasks no longer run."""
    msg = f"{name} is deleted, and its tasks still run after {GONE_TIMEOUT_S:g} s"
    wait_until(
        lambda: rest.status(name) is None,
        GONE_TIMEOUT_S,
        lambda: LabError(msg, "connect.stop(), and lab.start_connect()"),
        every_s=RETRY_EVERY_S,
    )
