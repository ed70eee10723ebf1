"""Start the lab's own cluster, and stop it: the steps behind `start_broker`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
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
from labkit.broker.install.kafka_jars import kafka_jars
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.json_files import write_json

START_TIMEOUT_S = 180.0  # a busy machine of two cores; most take four seconds
KEEPER_END_S = 10.0
PORT_WAIT_S = 3.0
_keepers: list[subprocess.Popen[bytes]] = []  # kept, so that a child's end is noticed


def plan(known: ClusterState | None, brokers: int | None, port: int, folder: Path) -> ClusterState:
    """Return the cluster to start: the one of last time on its old ports, or a new one."""
    known = known or _recall(folder)
    if known is None:
        ports = node_setup.free_ports(2 * (brokers or 1))
        nodes = [
            NodeState(node_id=number, port=one, controller_port=other)
            for number, (one, other) in enumerate(zip(ports[::2], ports[1::2], strict=True), 1)
        ]
        known = ClusterState(cluster_id=node_setup.new_cluster_id(), nodes=nodes)
    elif brokers not in (None, len(known.nodes)):
        msg = f"this lab's cluster was made with {len(known.nodes)} broker(s), not {brokers}"
        raise LabError(msg, "labkit reset   (deletes its topics), then start it again")
    stop_nodes(known)  # what is left of a cluster that did not end as a whole
    if port:
        known.nodes[0].port = port
    deadline = time.monotonic() + PORT_WAIT_S
    for one in known.nodes:
        if not becomes_free(one.port, deadline):
            if one.port == port:
                msg = f"port {port} of this machine is taken by another program"
                raise LabError(msg, "lab.start_broker()   (takes a free port)")
            one.port = node_setup.free_ports(1)[0]  # another program has taken it meanwhile
        if not becomes_free(one.controller_port, deadline):
            one.controller_port = node_setup.free_ports(1)[0]
    known.owners, known.keep = [], False
    return known


def becomes_free(port: int, deadline: float) -> bool:
    """Wait for a port: a killed process keeps its ports until its last thread has ended."""
    while not node_setup.is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _recall(folder: Path) -> ClusterState | None:
    """Return the cluster whose records are here though its ``cluster.json`` is not."""
    ids = {
        int(one.name.removeprefix("node-")): node_setup.formatted_cluster_id(one)
        for one in folder.glob("node-*")
    }
    found = {number: cluster_id for number, cluster_id in sorted(ids.items()) if cluster_id}
    if not found:
        return None
    ports = iter(node_setup.free_ports(2 * len(found)))
    nodes = [
        NodeState(node_id=number, port=next(ports), controller_port=next(ports)) for number in found
    ]
    return ClusterState(cluster_id=next(iter(found.values())), nodes=nodes)


def start(
    cluster: ClusterState, folder: Path, nodes: Sequence[NodeState] | None = None
) -> ClusterState:
    """Have nodes (by default all) started by the keeper, and wait until each accepts connections.

    Called under the cluster's lock, with ``cluster.json`` written: whatever happens to us from
    here on, the keeper knows whom the cluster is for, and ends it when they are gone. Where a
    start fails, what it started is stopped; nodes that ran before run on.
    """
    jars = kafka_jars()

    def command(one: NodeState, log: Path) -> list[str]:
        own = folder / one.name
        node_setup.format_data(one, own, jars, cluster.cluster_id)
        settings = node_setup.write_properties(one, cluster.nodes, own)
        heap_mb = load_config().broker_heap_mb
        return node_setup.command(jars, heap_mb, settings, log, *aot_cache.options(jars))

    wanted = cluster.nodes if nodes is None else nodes
    return start_processes(cluster, folder, wanted, command, train=aot_cache.is_wanted(jars))


def start_processes(
    cluster: ClusterState,
    folder: Path,
    nodes: Sequence[NodeState],
    command: Callable[[NodeState, Path], list[str]],
    *,
    kind: str = "broker",
    train: bool = False,
) -> ClusterState:
    """Have a process started for each node; ``command`` gets the node and the log it writes to.

    What `start` does for brokers, for whatever else Kafka's jars hold: the keeper does not mind.
    """
    logs = load_config().state_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)

    def ask_for(one: NodeState) -> None:
        own, log = folder / one.name, log_path(logs, one, kind)
        own.mkdir(parents=True, exist_ok=True)
        request = {"command": command(one, log), "output": str(log.with_suffix(".out"))}
        write_json(own / "start.json", request)

    try:
        for one in nodes:  # an old request, of a start that was killed, is none of ours
            (folder / one.name / "start.json").unlink(missing_ok=True)
        # It gets ready while data folders are formatted; under our lock, it does not end meanwhile.
        keeper = ensure_keeper(cluster, folder, logs, train=train)
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(ask_for, nodes))
        return _wait_for_nodes(cluster, folder, nodes, keeper, kind)
    except BaseException:  # Ctrl-C too: a half-started cluster is of no use
        for one in nodes:
            (folder / one.name / "start.json").unlink(missing_ok=True)
        if len(nodes) == len(cluster.nodes):
            stop(cluster, folder)
        else:
            stop_nodes(read_cluster(folder) or cluster, nodes)
        raise


def log_path(logs: Path, one: NodeState, kind: str = "broker") -> Path:
    """Return where a node logs."""
    return logs / f"{kind.replace(' ', '-')}-{one.node_id}.log"


def ensure_keeper(
    cluster: ClusterState, folder: Path, logs: Path, *, train: bool
) -> subprocess.Popen[bytes] | None:
    """Start the cluster's keeper, unless it has one."""
    if cluster.keeper is not None and cluster.keeper.is_alive:
        return None
    config = load_config()
    with (logs / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "labkit.broker.broker_process",
                str(folder),
                *(["--train"] * train),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "LABKIT_LAB_DIR": str(config.lab_dir),
                "LABKIT_STATE_DIR": str(config.state_dir),
            },
            # A session of its own, so that neither Ctrl-C nor a closed terminal reaches it.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
            | getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    _keepers[:] = [one for one in _keepers if one.poll() is None]
    _keepers.append(keeper)
    return keeper


def _wait_for_nodes(
    planned: ClusterState,
    folder: Path,
    nodes: Sequence[NodeState],
    keeper: subprocess.Popen[bytes] | None,
    kind: str,
) -> ClusterState:
    """Wait until each node accepts connections, and return the cluster with its processes.

    A node opens its port once it has joined the cluster, which takes a majority of controllers.
    Where fewer run, there is only its process to wait for.
    """
    logs = load_config().state_dir / "logs"
    wanted = {one.node_id for one in nodes}
    deadline = time.monotonic() + START_TIMEOUT_S
    started: set[int] = set()
    while time.monotonic() < deadline:
        cluster = read_cluster(folder) or planned
        waited_for = [one for one in cluster.nodes if one.node_id in wanted]
        for one in waited_for:
            if one.is_running:
                started.add(one.node_id)
            elif one.node_id in started or (keeper is not None and keeper.poll() is not None):
                log = log_path(logs, one, kind)
                msg = f"{kind} {one.node_id} ended as it started: {node_setup.last_error(log)}"
                raise BrokerUnavailable(msg, f"read its log: {log}")
        if all(one.is_running for one in waited_for):
            able = sum(one.state == "running" for one in cluster.nodes) >= cluster.majority
            if not able or all(node_setup.is_listening(one.port) for one in waited_for):
                return cluster
        time.sleep(0.05)
    msg = f"no {kind} answered within {START_TIMEOUT_S:g} s"
    raise BrokerUnavailable(msg, f"read the logs in {logs}")


def stop(cluster: ClusterState, folder: Path) -> None:
    """Stop every node and the keeper; called under the cluster's lock."""
    known = read_cluster(folder) or cluster
    known.owners, known.keep = [], False
    write_cluster(known, folder)
    if known.keeper is not None and known.keeper.is_alive:
        stop_processes(_processes([known.keeper.pid]), timeout_s=KEEPER_END_S + 20.0)
    for keeper in _keepers:  # one of ours that has not even said who it is
        if keeper.poll() is None and keeper.args[3] == str(folder):  # type: ignore[index]
            stop_processes(_processes([keeper.pid]), timeout_s=KEEPER_END_S)
            keeper.wait()
    stop_nodes(read_cluster(folder) or known)


def stop_nodes(cluster: ClusterState, nodes: Sequence[NodeState] | None = None) -> None:
    """Stop the nodes that run (by default all of them), with or without a keeper."""
    wanted = {one.node_id for one in (cluster.nodes if nodes is None else nodes)}
    found = [one for one in cluster.nodes if one.node_id in wanted and one.is_running]
    stop_processes(_processes([one.process.pid for one in found if one.process]))


def _processes(pids: Sequence[int]) -> list[psutil.Process]:
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def stop_cluster(folder: Path) -> bool:
    """Stop the lab's own cluster; return whether one ran. Its records stay on disk."""
    with cluster_lock(folder):
        cluster = read_cluster(folder)
        if cluster is None:
            return False
        ran = any(one.is_running for one in cluster.nodes)
        stop(cluster, folder)
    return ran
