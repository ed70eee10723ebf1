"""The recorded state of a cluster: its nodes, ports, owners and processes, on disk and as models.

One cluster serves all notebooks and terminals of a lab. The process that starts it writes
``cluster.json``; others read it and find the same cluster. Ports are kept, so that clients find a
restarted node at the same address. The supervisor writes the running processes to ``keeper.json``.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock
from pydantic import BaseModel, Field

from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.json_files import read_json, write_json
from labkit.core.processes import is_alive, is_labkit, is_suspended, mark_of
from labkit.core.run_files import read_run_files

RUNS = {"producer": "produce", "consumer": "consume", "up": "up"}
"""The commands of the run files that show who uses a cluster."""
OWNER_PID = "LABKIT_OWNER_PID"
_LOCK_WAIT_S = 300.0  # a first start downloads Kafka while it holds the lock


class ProcessMark(BaseModel):
    """A process, identified by its pid and start time, because pids are reused."""

    pid: int
    process_started: float

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs."""
        return is_alive(self.pid, self.process_started)


class ClusterUser(ProcessMark):
    """A process that works with the cluster, such as a notebook's kernel, and what to call it."""

    name: str


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
        """Its state now; a frozen node accepts connections but does not answer."""
        if self.process is None or not self.process.is_alive:
            return "dead"
        return "frozen" if is_suspended(self.process.pid) else "running"

    @property
    def version(self) -> str:
        """The version of Kafka that it runs, from its Java's class path; empty if it is dead."""
        with contextlib.suppress(psutil.Error):
            if self.is_running and self.process is not None:
                command = " ".join(psutil.Process(self.process.pid).cmdline())
                found = re.search(r"kafka_2\.13-([\d.]+)\.jar", command)
                return found[1] if found else ""
        return ""

    @property
    def in_words(self) -> str:
        """Its pid for a repr, and its state where it is dead or frozen."""
        if self.process is None or self.state == "dead":
            return f"none (node {self.node_id} is dead)"
        frozen = f" (node {self.node_id} is frozen)" if self.state == "frozen" else ""
        return f"{self.process.pid}{frozen}"

    @property
    def address(self) -> str:
        """The address for clients."""
        return f"127.0.0.1:{self.port}"


class ClusterState(BaseModel):
    """A cluster: what its starter decided, and (not written back) which processes run.

    ``owners`` are the processes it runs for; when the last one is gone, the supervisor stops it.
    ``keep`` is set by ``labkit broker start``: then the cluster runs until it is stopped. ``users``
    are the processes that have called `start_broker`: none of them stops it for the others.
    """

    cluster_id: str
    nodes: list[NodeState]
    owners: list[ProcessMark] = []
    keep: bool = False
    users: list[ClusterUser] = []
    supervisor: ProcessMark | None = Field(None, exclude=True)

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all nodes, as a client takes them."""
        return ",".join(node.address for node in self.nodes)

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor and at least one node run."""
        has_supervisor = self.supervisor is not None and self.supervisor.is_alive
        return has_supervisor and any(node.is_running for node in self.nodes)

    @property
    def other_users(self) -> list[str]:
        """What else works with it: notebooks, terminals, and what this lab runs outside of us."""
        names = {one.pid: one.name for one in self.users if one.is_alive}
        for kind, command in RUNS.items():
            for run in read_run_files(kind):
                if not _is_for_us(run["pid"]):
                    names.setdefault(run["pid"], f"`labkit {command}`")
        me = owner()
        for one in self.owners:
            if one != me and one.is_alive:
                names.setdefault(one.pid, "another program")
        names.pop(os.getpid(), None)
        others = [f"{name} (process {pid})" for pid, name in names.items()]
        return [*others, "`labkit broker start`, which keeps it"] if self.keep else others

    @property
    def majority(self) -> int:
        """How many controllers form a majority; with fewer the cluster stops working."""
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
        msg = f"this lab's cluster has no node {node_id!r}; it has {known}"
        if isinstance(node_id, str):  # as a learner may give it
            msg += ": a number, without quotation marks"
        raise LabError(msg, "labkit broker status")


def cluster_dir() -> Path:
    """Return the folder of the lab's cluster: ``cluster.json`` and a folder for each node."""
    return load_config().state_dir / "cluster"


def cluster_lock(folder: Path) -> FileLock:
    """Return the lock that must be held to start or stop the cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / ".lock", timeout=_LOCK_WAIT_S)


def read_cluster(folder: Path | None = None) -> ClusterState | None:
    """Return the recorded cluster, running or not; None if there is none."""
    folder = folder or cluster_dir()
    content = read_json(folder / "cluster.json")
    if content is None:
        return None
    cluster = ClusterState.model_validate(content)
    running = read_json(folder / "keeper.json")
    if running is not None:
        cluster.supervisor = ProcessMark.model_validate(running["keeper"])
        for node in cluster.nodes:
            if node.name in running["nodes"]:
                node.process = ProcessMark.model_validate(running["nodes"][node.name])
    return cluster


def write_cluster(cluster: ClusterState, folder: Path) -> None:
    """Replace ``cluster.json``; only under `cluster_lock`."""
    write_json(folder / "cluster.json", cluster.model_dump())


def owner() -> ProcessMark:
    """Return the process whose end also ends a broker that is started here.

    That is the lab itself (``labkit lab``, ``labkit up``), else the Jupyter server of this kernel,
    so that a restarted kernel finds its broker again, else this process.
    """
    for variable in (OWNER_PID, "JPY_PARENT_PID"):
        pid = os.environ.get(variable, "")
        if pid.isdigit() and psutil.pid_exists(int(pid)):
            return ProcessMark(**mark_of(int(pid)))
    return ProcessMark(**mark_of(os.getpid()))


def _is_for_us(pid: int) -> bool:
    """Whether a process is a worker that this one, or a worker of it, has started."""
    try:
        return any(one.pid == os.getpid() for one in psutil.Process(pid).parents())
    except psutil.NoSuchProcess:
        return True


def _user() -> ClusterUser:
    """Return this process, with the name of its notebook if it is a kernel."""
    program = Path(sys.argv[0]).name or "Python"
    if is_labkit(os.getpid()):
        program = f"`labkit {' '.join(sys.argv[1:2])}`"
    name = Path(os.environ.get("JPY_SESSION_NAME", "")).name or program
    return ClusterUser(name=name, **mark_of(os.getpid()))


def add_owner(cluster: ClusterState, folder: Path, *, keep: bool) -> None:
    """Record that the cluster runs for us, too; only under `cluster_lock`."""
    me, user = owner(), _user()
    others = (one for one in cluster.users if one.is_alive and one.pid != user.pid)
    cluster.users = [*others, user]
    if keep:
        cluster.keep = True
    elif me not in cluster.owners:
        cluster.owners = [*(one for one in cluster.owners if one.is_alive), me]
    write_cluster(cluster, folder)
