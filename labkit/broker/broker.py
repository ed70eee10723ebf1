"""The lab's broker: `start_broker` and `Broker`, a real Apache Kafka on this machine.

One broker serves all notebooks and terminals of a lab. It is a separate process that survives the
kernel that started it, and stops with the lab, with ``labkit down``, or with `Broker.stop` of the
last one that uses it. Its records stay on disk for the next start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from labkit.broker import cluster_start, node_control
from labkit.broker.cluster_state import (
    ClusterState,
    NodeState,
    add_owner,
    cluster_dir,
    cluster_lock,
    read_cluster,
)
from labkit.broker.install.kafka_jars import kafka_version
from labkit.broker.kafka_clients import admin
from labkit.core.assert_statements import refuse_without_assert
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.progress_bar import waiting
from labkit.core.text_tables import many


class Broker:
    """A running Kafka cluster: the lab's own, or the configured one.

    As a context manager it stops the cluster at the end, if this call started it.
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
        """The folder of the lab's own cluster; None for a configured cluster."""
        self._started_here = started_here

    @property
    def is_own(self) -> bool:
        """Whether it is the lab's own, rather than a configured one."""
        return self.data_dir is not None

    @property
    def version(self) -> str | None:
        """Kafka's version; None for a cluster that is not the lab's own."""
        versions = {one.version for one in self.nodes if one.version}
        return " and ".join(sorted(versions)) or (kafka_version() if self.is_own else None)

    @property
    def nodes(self) -> list[NodeState]:
        """The lab's own nodes, as they are now."""
        cluster = read_cluster(self.data_dir) if self.data_dir else None
        return cluster.nodes if cluster is not None else []

    @property
    def is_running(self) -> bool:
        """Whether the lab's own nodes are alive; a configured cluster counts as running."""
        return all(one.is_running for one in self.nodes)

    def kill(self, node_id: int) -> None:
        """Kill one node (SIGKILL), as a power cut would; the others go on.

        What was acknowledged is on two other disks. Within about four seconds another replica leads
        each of its partitions, and writes go on. `restart` starts it again.

        Parameters
        ----------
        node_id : int
            Its number: 1, 2, 3.

        Raises
        ------
        LabError
            There is no such node, it is dead already, or the cluster is not the lab's own.
        """
        node_control.kill(self._own_folder("kill"), node_id)

    def freeze(self, node_id: int) -> None:
        """Freeze one node: its process gets no processor time, but its connections stay open.

        A machine that hangs looks like this, or a Java in a long garbage collection. Its clients
        wait; the other brokers stop waiting after about four seconds. `thaw` resumes it.

        Raises
        ------
        LabError
            There is no such node, it is dead or frozen already, or not the lab's own.
        """
        node_control.freeze(self._own_folder("freeze"), node_id)

    def thaw(self, node_id: int) -> None:
        """Resume a frozen node. It is no longer a leader, and catches up as a follower.

        Raises
        ------
        LabError
            There is no such node, it is not frozen, or the cluster is not the lab's own.
        """
        node_control.thaw(self._own_folder("thaw"), node_id)

    def restart(self, node_id: int) -> None:
        """Stop one node cleanly and start it again on its port; start it if it was dead.

        Raises
        ------
        LabError
            There is no such node, or the cluster is not the lab's own.
        BrokerUnavailable
            It does not start, or does not join the cluster.
        """
        node_control.restart(self._own_folder("restart"), node_id)

    def _own_folder(self, verb: str) -> Path:
        if self.data_dir is None:
            msg = (
                f"the cluster at {self.bootstrap_servers} is not the lab's own: the lab cannot "
                f"{verb} its brokers"
            )
            raise LabError(msg, "unset LABKIT_BOOTSTRAP_SERVERS, then lab.start_broker(brokers=3)")
        return self.data_dir

    def stop(self) -> None:
        """Stop the lab's cluster, unless others use it. Its records stay on disk.

        If another notebook or terminal works with it, or ``labkit broker start`` started it, it
        goes on, and that is printed. ``labkit broker stop`` stops it for all. A configured cluster
        is left alone.
        """
        if others := self.leave():
            print(  # noqa: T201
                f"The broker goes on for {', '.join(others)}. "
                "In a terminal, `labkit broker stop` stops it for all."
            )

    def leave(self) -> list[str]:
        """Stop it as `stop` does, and print nothing: return who else uses it, if it goes on."""
        if self.data_dir is None:
            return []
        with waiting("Stopping Apache Kafka"):
            return cluster_start.leave_cluster(self.data_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._started_here:
            self.stop()

    def __repr__(self) -> str:
        if not self.is_own:
            return f"<Broker at {self.bootstrap_servers}: a cluster of your own>"
        nodes = self.nodes
        pids = ", ".join(one.in_words for one in nodes)
        kind = "Broker" if len(nodes) == 1 else f"{len(nodes)} brokers"
        return (
            f"<{kind} at {self.bootstrap_servers}: Apache Kafka {self.version}, pid {pids}, "
            f"data in {self.data_dir}>"
        )


def start_broker(brokers: int | None = None, port: int = 0, *, keep: bool = False) -> Broker:
    """Start a real Apache Kafka on this machine, or find the one that this lab runs.

    Each node is broker and controller at once (KRaft). If some nodes of the lab's cluster have
    died, only these are started. If ``LABKIT_BOOTSTRAP_SERVERS`` is set, nothing is started and
    that cluster is used.

    Parameters
    ----------
    brokers : int, optional
        How many nodes. With three, each record is on three disks, and acknowledged when it is on
        two. By default as many as this lab's cluster has, and one in a new lab.
    port : int
        The first node's port; 0: any free one, the same at every start.
    keep : bool
        Run until it is stopped. Otherwise until the lab, Jupyter server or program that started it
        ends.

    Returns
    -------
    Broker
        A cluster that answers.

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
    refuse_without_assert()
    if servers := load_config().bootstrap_servers:
        return _configured(servers)
    folder = cluster_dir()
    with waiting(f"Starting Apache Kafka {kafka_version()}"), cluster_lock(folder):
        found = _running_cluster(folder, brokers, port)
        cluster = found or cluster_start.plan(read_cluster(folder), brokers, port, folder)
        add_owner(cluster, folder, keep=keep)  # it stops when its last owner has ended
        if found is None:
            cluster = cluster_start.start(cluster, folder)  # Java, until each port is open
            node_control.wait_until_joined(cluster, {one.node_id for one in cluster.nodes})
        else:
            cluster = node_control.complete(cluster, folder)  # nodes that have died
    started_here = found is None
    return Broker(cluster.bootstrap_servers, cluster.cluster_id, folder, started_here=started_here)


def _configured(servers: str) -> Broker:
    with admin() as client:
        return Broker(servers, str(client.describe_cluster()["cluster_id"]))


def _running_cluster(folder: Path, brokers: int | None, port: int) -> ClusterState | None:
    """Return the lab's cluster if it runs; raise `LabError` if it is another one than asked for."""
    cluster = read_cluster(folder)
    if cluster is None or not cluster.is_supervised:
        return None
    if brokers not in (None, len(cluster.nodes)) or port not in (0, cluster.nodes[0].port):
        msg = f"this lab runs {many(len(cluster.nodes), 'broker')} at {cluster.bootstrap_servers}"
        raise LabError(msg, "labkit broker stop   (then start it as you want it)")
    return cluster


def find_broker() -> Broker | None:
    """Return the lab's own cluster if it runs, otherwise None; start nothing."""
    folder = cluster_dir()
    cluster = read_cluster(folder)
    if cluster is None or not any(one.is_running for one in cluster.nodes):
        return None
    return Broker(cluster.bootstrap_servers, cluster.cluster_id, folder)


def stop_cluster() -> bool:
    """Stop the lab's own cluster; return whether one ran. Its records stay on disk."""
    return cluster_start.stop_cluster(cluster_dir())
