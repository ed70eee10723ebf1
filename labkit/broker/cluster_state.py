"""What every process of a lab knows of the lab's own Kafka cluster.

One broker serves all notebooks and terminals of a lab. Who starts it writes ``cluster.json``;
whoever comes later reads it and finds the same cluster. Ports are kept, so that clients find a
restarted node where it was. Which processes run is written beside it, by the cluster's keeper.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock
from pydantic import BaseModel, Field

from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive, is_suspended

OWNER_PID = "LABKIT_OWNER_PID"
_LOCK_WAIT_S = 300.0  # a first start downloads Kafka while it holds the lock


class ProcessMark(BaseModel):
    """A process, known by its pid and by when it started: pids are used again."""

    pid: int
    process_started: float

    @property
    def is_alive(self) -> bool:
        """Whether this very process is at work."""
        return is_alive(self.pid, self.process_started)


class NodeState(BaseModel):
    """One node of the cluster: broker and controller in one process."""

    node_id: int
    port: int
    controller_port: int
    process: ProcessMark | None = Field(None, exclude=True)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"node-{self.node_id}"

    @property
    def is_running(self) -> bool:
        """Whether its process is alive."""
        return self.process is not None and self.process.is_alive

    @property
    def state(self) -> Literal["running", "frozen", "dead"]:
        """How it is now; a frozen node accepts connections, and answers none."""
        if self.process is None or not self.process.is_alive:
            return "dead"
        return "frozen" if is_suspended(self.process.pid) else "running"

    @property
    def in_words(self) -> str:
        """How it is, for a repr: its pid where it runs, and what is amiss where it does not."""
        if self.process is None or self.state == "dead":
            return f"none (node {self.node_id} is dead)"
        frozen = f" (node {self.node_id} is frozen)" if self.state == "frozen" else ""
        return f"{self.process.pid}{frozen}"

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self.port}"


class ClusterState(BaseModel):
    """The cluster: what its starter decided, and (not written back) which processes run.

    ``owners`` are the processes that it lives for; when the last one is gone, the keeper stops
    it. ``keep`` is set by ``labkit broker start``: then it runs until it is stopped.
    """

    cluster_id: str
    nodes: list[NodeState]
    owners: list[ProcessMark] = []
    keep: bool = False
    keeper: ProcessMark | None = Field(None, exclude=True)

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all nodes, as a client takes them."""
        return ",".join(node.address for node in self.nodes)

    @property
    def is_running(self) -> bool:
        """Whether every node's process is alive."""
        return all(node.is_running for node in self.nodes)

    @property
    def is_kept(self) -> bool:
        """Whether some of its nodes are alive, and the keeper that looks after them."""
        has_keeper = self.keeper is not None and self.keeper.is_alive
        return has_keeper and any(node.is_running for node in self.nodes)

    @property
    def majority(self) -> int:
        """How many controllers have to agree on anything: the cluster stands still with fewer."""
        return len(self.nodes) // 2 + 1

    def node(self, node_id: int) -> NodeState:
        """Return the node of this number.

        Raises
        ------
        LabError
            There is none.
        """
        for one in self.nodes:
            if one.node_id == node_id:
                return one
        known = ", ".join(str(one.node_id) for one in self.nodes)
        msg = f"this lab's cluster has no node {node_id}; it has {known}"
        raise LabError(msg, "labkit broker status")


def cluster_dir() -> Path:
    """Return the folder of the lab's cluster: ``cluster.json`` and a folder for each node."""
    return load_config().state_dir / "cluster"


def cluster_lock(folder: Path) -> FileLock:
    """Return the lock that a start and a stop of the cluster are done under."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / ".lock", timeout=_LOCK_WAIT_S)


def read_cluster(folder: Path | None = None) -> ClusterState | None:
    """Return what is known of the lab's cluster, whether it runs or not."""
    folder = folder or cluster_dir()
    content = read_json(folder / "cluster.json")
    if content is None:
        return None
    cluster = ClusterState.model_validate(content)
    kept = read_json(folder / "keeper.json")
    if kept is not None:
        cluster.keeper = ProcessMark.model_validate(kept["keeper"])
        for node in cluster.nodes:
            if node.name in kept["nodes"]:
                node.process = ProcessMark.model_validate(kept["nodes"][node.name])
    return cluster


def write_cluster(cluster: ClusterState, folder: Path) -> None:
    """Replace ``cluster.json``; only under `cluster_lock`."""
    write_json(folder / "cluster.json", cluster.model_dump())


def mark(pid: int) -> ProcessMark:
    """Return a process's mark."""
    return ProcessMark(pid=pid, process_started=psutil.Process(pid).create_time())


def owner() -> ProcessMark:
    """Return the process that a broker started here should live as long as.

    That is the lab itself (``labkit lab``, ``labkit up``), else the Jupyter server that this
    kernel belongs to, so that a restarted kernel finds its broker again, else this process.
    """
    for variable in (OWNER_PID, "JPY_PARENT_PID"):
        pid = os.environ.get(variable, "")
        if pid.isdigit() and psutil.pid_exists(int(pid)):
            return mark(int(pid))
    return mark(os.getpid())


def take_part(cluster: ClusterState, folder: Path, *, keep: bool) -> None:
    """Write down that the cluster runs for us, too; only under `cluster_lock`."""
    me = owner()
    if keep:
        cluster.keep = True
    elif me not in cluster.owners:
        cluster.owners = [*(one for one in cluster.owners if one.is_alive), me]
    write_cluster(cluster, folder)
