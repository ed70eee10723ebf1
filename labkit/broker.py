"""A real Apache Kafka on this machine: started where none runs, found where one does.

One broker serves all notebooks and terminals of a lab. It is a process of its own; it survives
the kernel that started it, and ends with the lab, with ``labkit down`` or with `Broker.stop`. Its
records stay on disk for the next start.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

from labkit import launch
from labkit.cluster import (
    ClusterState,
    NodeState,
    cluster_dir,
    cluster_lock,
    owner,
    read_cluster,
    write_cluster,
)
from labkit.config import load_config
from labkit.connection import admin
from labkit.errors import BrokerUnavailable, LabError
from labkit.jars import KAFKA_VERSION
from labkit.waiting import waiting

_READY_TIMEOUT_S = 60


class Broker:
    """A Kafka cluster that answers: the lab's own, or the one that was configured.

    With ``with``, the cluster is stopped at the end if this very call started it.
    """

    name = "broker"

    def __init__(
        self,
        bootstrap_servers: str,
        cluster_id: str,
        data_dir: Path | None = None,
        *,
        started_here: bool = False,
    ) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.cluster_id = cluster_id
        self.data_dir = data_dir
        """Where the lab's own brokers keep their records; None for a cluster of your own."""
        self._started_here = started_here

    @property
    def is_own(self) -> bool:
        """Whether it is the lab's own, and not one that was configured."""
        return self.data_dir is not None

    @property
    def version(self) -> str | None:
        """Kafka's version; None for a cluster that is not the lab's own."""
        return KAFKA_VERSION if self.is_own else None

    @property
    def nodes(self) -> list[NodeState]:
        """The lab's own nodes, as they are now."""
        cluster = read_cluster(self.data_dir) if self.data_dir else None
        return cluster.nodes if cluster is not None else []

    @property
    def is_running(self) -> bool:
        """Whether the lab's own nodes are alive; a configured cluster counts as running."""
        return all(one.is_running for one in self.nodes)

    def stop(self) -> None:
        """Stop the lab's cluster, for everybody who uses it. Its records stay on disk.

        A cluster that is not the lab's own is left alone.
        """
        if self.data_dir is not None:
            with waiting("Stopping Apache Kafka"):
                launch.stop_cluster(self.data_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._started_here:
            self.stop()

    def __repr__(self) -> str:
        if not self.is_own:
            return f"<Broker at {self.bootstrap_servers}: a cluster of your own>"
        pids = ", ".join(
            str(one.process.pid) if one.is_running and one.process else "stopped"
            for one in self.nodes
        )
        kind = "Broker" if len(self.nodes) == 1 else f"{len(self.nodes)} brokers"
        return (
            f"<{kind} at {self.bootstrap_servers}: Apache Kafka {self.version}, pid {pids}, "
            f"data in {self.data_dir}>"
        )


def start_broker(brokers: int | None = None, port: int = 0, *, keep: bool = False) -> Broker:
    """Start a real Apache Kafka on this machine, or find the one that this lab runs.

    Each node is broker and controller at once (KRaft). With ``LABKIT_BOOTSTRAP_SERVERS`` set,
    nothing is started, and that cluster is used.

    Parameters
    ----------
    brokers : int, optional
        How many nodes; three show replication. By default as many as this lab's cluster has,
        and one in a new lab.
    port : int
        The first node's port; 0: any free one, the same at every start.
    keep : bool
        Run until it is stopped. Otherwise until this lab, this Jupyter server or this program
        ends, whichever started it.

    Returns
    -------
    Broker
        It answers when this returns.

    Raises
    ------
    BrokerUnavailable
        It did not start, or the configured cluster does not answer.
    JarRefused
        A jar of Kafka is not the one in ``jars.lock``.
    LabError
        This lab's cluster runs with another number of brokers, or on another port.

    See: Kafka documentation, "KRaft"; KIP-500.
    """
    configured = load_config().bootstrap_servers
    if configured:
        return Broker(configured, _ask_cluster_id())
    folder = cluster_dir()
    with waiting(f"Starting Apache Kafka {KAFKA_VERSION}"), cluster_lock(folder):
        cluster = read_cluster(folder)
        found = cluster is not None and cluster.is_running
        if cluster is None or not found:
            cluster = launch.plan(cluster, brokers, port, folder)
        elif brokers not in (None, len(cluster.nodes)) or port not in (0, cluster.nodes[0].port):
            msg = f"this lab runs {len(cluster.nodes)} broker(s) at {cluster.bootstrap_servers}"
            raise LabError(msg, "labkit broker stop   (then start it as you want it)")
        _take_part(cluster, folder, keep=keep)
        if not found:
            cluster = launch.start(cluster, folder)
        _wait_until_complete(cluster)
    return Broker(cluster.bootstrap_servers, cluster.cluster_id, folder, started_here=not found)


def _take_part(cluster: ClusterState, folder: Path, *, keep: bool) -> None:
    """Write down that the cluster runs for us, too."""
    me = owner()
    if keep:
        cluster.keep = True
    elif me not in cluster.owners:
        cluster.owners = [*(one for one in cluster.owners if one.is_alive), me]
    write_cluster(cluster, folder)


def find_broker() -> Broker | None:
    """Return the lab's own cluster if it runs, otherwise None; nothing is started."""
    folder = cluster_dir()
    cluster = read_cluster(folder)
    if cluster is None or not any(one.is_running for one in cluster.nodes):
        return None
    return Broker(cluster.bootstrap_servers, cluster.cluster_id, folder)


def stop_cluster() -> bool:
    """Stop the lab's own cluster; return whether one ran. Its records stay on disk."""
    return launch.stop_cluster(cluster_dir())


def _wait_until_complete(cluster: ClusterState) -> None:
    """Wait until the cluster itself says that all its brokers have joined."""
    deadline = time.monotonic() + _READY_TIMEOUT_S
    with admin(
        bootstrap_servers=cluster.bootstrap_servers, bootstrap_timeout_ms=_READY_TIMEOUT_S * 1000
    ) as client:
        while len(client.describe_cluster()["brokers"]) < len(cluster.nodes):
            if time.monotonic() > deadline:
                msg = f"not all of {len(cluster.nodes)} brokers joined the cluster"
                raise BrokerUnavailable(msg, "read their logs, in .labkit/logs")
            time.sleep(0.1)


def _ask_cluster_id() -> str:
    with admin() as client:
        return str(client.describe_cluster()["cluster_id"])
