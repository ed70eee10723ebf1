"""Start and stop the processes of a whole cluster: plan its ports, start its nodes, wait for them.

`start_broker` does the lab's cluster with it; ``lesson_brokers/`` and Kafka Connect do their own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from labkit.broker import aot_cache, node_setup
from labkit.broker.broker_process import stop_processes
from labkit.broker.cluster_state import (
    ClusterState,
    NodeState,
    cluster_lock,
    read_cluster,
    write_cluster,
)
from labkit.broker.install.kafka_jars import kafka_jars, kafka_version
from labkit.broker.security_properties import write_private
from labkit.core.background_workers import start_process
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.json_files import write_json
from labkit.core.processes import python_command
from labkit.core.text_tables import many
from labkit.core.wait_until import wait_until

START_TIMEOUT_S = 180.0  # a busy machine of two cores; most take four seconds
SUPERVISOR_STOP_S = 10.0
PORT_WAIT_S = 3.0
SIDE_HEAP_MB = 256  # a cluster beside the lab's holds a topic or two
_supervisors: list[subprocess.Popen[bytes]] = []  # kept, so that an ended child is reaped


def plan(known: ClusterState | None, brokers: int | None, port: int, folder: Path) -> ClusterState:
    """Return the cluster to start: the existing one on its old ports, or a new one."""
    known = known or _from_data_folders(folder)
    if known is None:
        known = _new_cluster(node_setup.new_cluster_id(), range(1, (brokers or 1) + 1))
    elif brokers not in (None, len(known.nodes)):
        msg = f"this lab's cluster was made with {many(len(known.nodes), 'broker')}, not {brokers}"
        raise LabError(msg, "labkit reset   (deletes its topics), then start it again")
    stop_nodes(known)  # what is left of a cluster that did not stop completely
    if port:
        known.nodes[0].port = port
    in_use = ports_in_use(known.nodes)
    for one in known.nodes:
        if one.port in in_use:
            if one.port == port:
                msg = f"port {port} of this machine is taken by another program"
                raise LabError(msg, "lab.start_broker()   (takes a free port)")
            one.port = node_setup.free_ports(1)[0]  # another program has taken the old one
        if one.controller_port in in_use:
            one.controller_port = node_setup.free_ports(1)[0]
    known.owners, known.keep, known.users = [], False, []
    return known


def ports_in_use(nodes: Sequence[NodeState]) -> set[int]:
    """Return the nodes' ports that other programs use.

    A killed process keeps its ports until its last thread has ended, so they are waited for.
    """

    def in_use() -> set[int]:
        ports = (port for one in nodes for port in (one.port, one.controller_port))
        return {port for port in ports if not node_setup.is_free(port)}

    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not in_use(), PORT_WAIT_S)
    return in_use()


def _from_data_folders(folder: Path) -> ClusterState | None:
    """Return the cluster whose records are in the folder although ``cluster.json`` is missing."""
    ids = {
        int(one.name.removeprefix("node-")): node_setup.formatted_as(one).get("cluster.id")
        for one in folder.glob("node-*")
    }
    found = {number: cluster_id for number, cluster_id in sorted(ids.items()) if cluster_id}
    return _new_cluster(next(iter(found.values())), list(found)) if found else None


def _new_cluster(cluster_id: str, node_ids: Sequence[int]) -> ClusterState:
    ports = iter(node_setup.free_ports(2 * len(node_ids)))
    nodes = [
        NodeState(node_id=one, port=next(ports), controller_port=next(ports)) for one in node_ids
    ]
    return ClusterState(cluster_id=cluster_id, nodes=nodes)


def _refuse_path_that_java_cannot_open(folder: Path) -> None:
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        msg = f"Java cannot open {folder}: its name has bytes that are not UTF-8"
        next_line = "export LABKIT_STATE_DIR=/path/to/a/folder   (with another name)"
        raise BrokerUnavailable(msg, next_line) from error


def start(
    cluster: ClusterState,
    folder: Path,
    nodes: Sequence[NodeState] | None = None,
    *,
    kind: str = "broker",
    properties: Callable[[NodeState, Path], Mapping[str, str]] | None = None,
) -> ClusterState:
    """Start nodes (by default all), and wait until each accepts connections.

    A cluster with ``properties`` is not the lab's own: they get a node and its data folder
    (relative to the node's own), and return its ``server.properties``.

    Called under the cluster's lock, with ``cluster.json`` written: even if we are killed now, the
    supervisor knows the cluster's owners and stops it when they are gone. If the start fails, what
    it started is stopped; nodes that ran before go on.
    """
    _refuse_path_that_java_cannot_open(folder)
    jars = kafka_jars()

    def command(one: NodeState, log: Path) -> list[str]:
        own = folder / one.name
        node_setup.format_data(one, own, jars, cluster.cluster_id)
        path, data = own / "server.properties", Path("data")
        if properties is None:
            heap_mb = load_config().broker_heap_mb
            write_private(path, node_setup.properties(one, cluster.nodes, data))
        else:
            heap_mb = SIDE_HEAP_MB
            write_private(path, properties(one, data))
        return node_setup.command(jars, heap_mb, Path(path.name), log, *aot_cache.options(jars))

    wanted = cluster.nodes if nodes is None else nodes
    train = properties is None and aot_cache.is_wanted(jars)
    return start_processes(cluster, folder, wanted, command, kind=kind, train=train)


def start_processes(
    cluster: ClusterState,
    folder: Path,
    nodes: Sequence[NodeState],
    command: Callable[[NodeState, Path], list[str]],
    *,
    kind: str = "broker",
    train: bool = False,
) -> ClusterState:
    """Start a process for each node, in the node's folder.

    ``command`` gets the node and the path of its log, relative to that folder.

    The process need not be a broker: Kafka Connect's workers are started in the same way.
    """
    logs = load_config().state_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)

    def ask_for(one: NodeState) -> None:
        own, log = folder / one.name, log_path(logs, one, kind)
        own.mkdir(parents=True, exist_ok=True)
        from_own = Path(os.path.relpath(log, own))
        request = {"command": command(one, from_own), "output": str(log.with_suffix(".out"))}
        write_json(own / "start.json", request)

    try:
        for one in nodes:  # an old request, of a start that was killed
            (folder / one.name / "start.json").unlink(missing_ok=True)
        # It starts while data folders are formatted, and cannot end while we hold the lock.
        supervisor = ensure_supervisor(cluster, folder, logs, train=train)
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(ask_for, nodes))
        return _wait_for_nodes(cluster, folder, nodes, supervisor, kind)
    except BaseException:  # Ctrl-C too: a half-started cluster is useless
        for one in nodes:
            (folder / one.name / "start.json").unlink(missing_ok=True)
        if len(nodes) == len(cluster.nodes):
            stop(cluster, folder)
        else:
            stop_nodes(read_cluster(folder) or cluster, nodes)
        raise


def log_path(logs: Path, one: NodeState, kind: str = "broker") -> Path:
    """Return the path of a node's log."""
    return logs / f"{kind.replace(' ', '-')}-{one.node_id}.log"


def ensure_supervisor(
    cluster: ClusterState, folder: Path, logs: Path, *, train: bool
) -> subprocess.Popen[bytes] | None:
    """Start the cluster's supervisor, unless it has one."""
    if cluster.supervisor is not None and cluster.supervisor.is_alive:
        return None
    command = python_command("labkit.broker.broker_process", str(folder))
    supervisor = start_process(command + ["--train"] * train, logs / node_setup.SUPERVISOR_LOG)
    _supervisors[:] = [one for one in _supervisors if one.poll() is None]
    _supervisors.append(supervisor)
    return supervisor


def _wait_for_nodes(
    planned: ClusterState,
    folder: Path,
    nodes: Sequence[NodeState],
    supervisor: subprocess.Popen[bytes] | None,
    kind: str,
) -> ClusterState:
    """Wait until each node accepts connections, and return the cluster with its processes.

    A node opens its port once it has joined the cluster, which needs a majority of controllers.
    Where fewer run, only the node's process is waited for.
    """
    logs = load_config().state_dir / "logs"
    wanted = {one.node_id for one in nodes}
    started: set[int] = set()

    def started_cluster() -> ClusterState | None:
        cluster = read_cluster(folder) or planned
        waited_for = [one for one in cluster.nodes if one.node_id in wanted]
        for one in waited_for:
            if one.is_running:
                started.add(one.node_id)
            elif one.node_id in started or (supervisor and supervisor.poll() is not None):
                log = log_path(logs, one, kind)
                _refuse_newer_data(log)
                msg = f"{kind} {one.node_id} ended as it started: {node_setup.last_error(log)}"
                raise BrokerUnavailable(msg, node_setup.where_to_read(log))
        if not all(one.is_running for one in waited_for):
            return None
        able = sum(one.state == "running" for one in cluster.nodes) >= cluster.majority
        is_ready = not able or all(node_setup.is_listening(one.port) for one in waited_for)
        return cluster if is_ready else None

    def error() -> BrokerUnavailable:
        msg = f"no {kind} answered within {START_TIMEOUT_S:g} s"
        return BrokerUnavailable(msg, f"read the logs in {logs}")

    cluster = wait_until(started_cluster, START_TIMEOUT_S, error)
    assert cluster is not None
    return cluster


def _refuse_newer_data(log: Path) -> None:
    """Say it in a sentence where a node ended because its data are those of a newer Kafka."""
    if node_setup.is_of_newer_kafka(log):
        newest = [*node_setup.FEATURES][-1]
        msg = (
            f"A newer Kafka has written the data of this cluster, and {kafka_version()} cannot "
            "read them: there is no way back but a copy from before the upgrade"
        )
        next_line = f"export LABKIT_KAFKA_VERSION={newest}   (or restore the copy)"
        raise BrokerUnavailable(msg, next_line)


def stop(cluster: ClusterState, folder: Path) -> None:
    """Stop every node and the supervisor; called under the cluster's lock."""
    known = read_cluster(folder) or cluster
    known.owners, known.keep, known.users = [], False, []
    write_cluster(known, folder)
    if known.supervisor is not None and known.supervisor.is_alive:
        stop_processes(_processes([known.supervisor.pid]), timeout_s=SUPERVISOR_STOP_S + 20.0)
    for child in _supervisors:  # one of ours that has not written its state yet
        if child.poll() is None and str(folder) in list(child.args):  # type: ignore[arg-type]
            stop_processes(_processes([child.pid]), timeout_s=SUPERVISOR_STOP_S)
            child.wait()
    stop_nodes(read_cluster(folder) or known)


def stop_nodes(cluster: ClusterState, nodes: Sequence[NodeState] | None = None) -> None:
    """Stop the nodes that run (by default all of them), with or without a supervisor."""
    wanted = {one.node_id for one in (cluster.nodes if nodes is None else nodes)}
    found = [one for one in cluster.nodes if one.node_id in wanted and one.is_running]
    stop_processes(_processes([one.process.pid for one in found if one.process]))


def _processes(pids: Sequence[int]) -> list[psutil.Process]:
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def stop_cluster(folder: Path) -> bool:
    """Stop the cluster in a folder; return whether it ran. Its records stay on disk."""
    with cluster_lock(folder):
        cluster = read_cluster(folder)
        if cluster is None:
            return False
        ran = any(one.is_running for one in cluster.nodes)
        stop(cluster, folder)
    return ran


def leave_cluster(folder: Path) -> list[str]:
    """Stop the cluster in a folder, unless others use it; return who they are."""
    with cluster_lock(folder):
        cluster = read_cluster(folder)
        if cluster is None:
            return []
        others = cluster.other_users
        if others:
            cluster.users = [one for one in cluster.users if one.pid != os.getpid()]
            write_cluster(cluster, folder)
        else:
            stop(cluster, folder)
    return others
