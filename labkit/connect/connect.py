"""Kafka Connect on this machine: real distributed workers, on the same jars and Java as the broker.

Connect does in Java, for many systems, what the lab's consumer does in Python: read a topic, write
the records elsewhere, commit the offsets. The workers share the tasks; if a worker dies, the others
take over its tasks. Delivery is *at least once*: offsets are committed periodically, and records
after the last commit are written again after a crash.

See: Kafka documentation, "Kafka Connect".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from labkit.broker.cluster_state import NodeState, add_owner, cluster_lock, read_cluster
from labkit.broker.kafka_clients import admin, bootstrap_servers
from labkit.broker.lesson_brokers.side_cluster import SideCluster
from labkit.connect import connect_workers
from labkit.connect.connect_rest import ConnectorStatus, Rest, Task, place
from labkit.connect.connect_workers import connect_dir
from labkit.core import background_workers
from labkit.core.errors import LabError
from labkit.core.progress_bar import waiting
from labkit.topics.topic_refusals import config_text


class Connect(SideCluster):
    """A group of Kafka Connect's distributed workers; see `start_connect`.

    Its connectors and their offsets stay in the group's topics when it is stopped.
    """

    what = "Kafka Connect"

    def __init__(self, folder: Path, group_id: str, name: str = "connect") -> None:
        super().__init__(folder)
        self.name = name
        self.group_id = group_id
        self._rest = Rest(lambda: self.workers)

    @property
    def workers(self) -> list[NodeState]:
        """The workers now: number (``node_id``), port, process, state."""
        cluster = read_cluster(self._folder)
        if cluster is None or cluster.cluster_id != self.group_id:
            return []
        return cluster.nodes

    @property
    def urls(self) -> list[str]:
        """The addresses of the running workers' REST API, on this machine only."""
        return self._rest.urls

    @property
    def is_running(self) -> bool:
        """Whether a worker is alive."""
        return any(one.is_running for one in self.workers)

    @property
    def tasks(self) -> list[Task]:
        """The tasks of all connectors, each with its worker and state."""
        return [task for status in self._rest.statuses() for task in status.tasks]

    def create(
        self, name: str, config: Mapping[str, Any], timeout_s: float = 60.0
    ) -> ConnectorStatus:
        """Create a connector and wait until it runs; one of that name is replaced.

        A connector that runs with exactly these settings is left as it is.

        Parameters
        ----------
        name : str
            Its name. The consumers of a sink form the group ``connect-NAME``.
        config : mapping
            Its settings, by Connect's names: ``connector.class``, ``tasks.max``, ``topics``, ...
        timeout_s : float
            How long to wait for its tasks, in seconds.

        Returns
        -------
        ConnectorStatus
            The connector and its tasks run.

        Raises
        ------
        LabError
            Connect refuses the settings, or the tasks do not run in time.
        WorkerFailed
            The connector or a task failed; its reason is in the message.

        See: Kafka documentation, "Connect: REST API" (``PUT /connectors/{name}/config``).
        """
        settings = {key: config_text(value) for key, value in config.items()}
        known = self._rest.ask("GET", f"{place(name)}/config", may_miss=True)
        if known is not None and (known != settings | {"name": name} or self.status(name).failure):
            # With new settings only, it would seem for a while to run with them already.
            self.delete(name)
        self._rest.ask("PUT", f"{place(name)}/config", settings)
        tasks = int(settings.get("tasks.max", "1"))
        return connect_workers.wait_until_runs(name, tasks, timeout_s, self._rest)

    def wait(self, name: str, timeout_s: float = 60.0) -> ConnectorStatus:
        """Wait until a connector and all its tasks run on running workers.

        After a worker was killed that takes about ten seconds: six until the group notices, and
        three in which the worker may come back.
        """
        tasks = len(self.status(name).tasks)
        return connect_workers.wait_until_runs(name, tasks, timeout_s, self._rest)

    def status(self, name: str) -> ConnectorStatus:
        """Return the status of a connector and its tasks, as the group last heard.

        Raises
        ------
        LabError
            There is no such connector.
        """
        found = self._rest.status(name)
        if found is None:
            names = ", ".join(one.name for one in self._rest.statuses())
            msg = f"there is no connector {name}; there is {names or 'none at all'}"
            raise LabError(msg, f"connect.create({name!r}, {{...}})")
        return found

    def settings(self, name: str) -> dict[str, str]:
        """Return a connector's settings, by Connect's names.

        Raises
        ------
        LabError
            There is no such connector.
        """
        self.status(name)
        found: dict[str, str] = self._rest.ask("GET", f"{place(name)}/config")
        return found

    def delete(self, name: str) -> None:
        """Delete a connector. Its group's offsets stay: one of the same name continues from there.

        Raises
        ------
        LabError
            There is no such connector.
        """
        self.status(name)
        self._rest.ask("DELETE", place(name), may_miss=True)
        connect_workers.wait_until_gone(name, self._rest)

    def kill(self, worker: int) -> None:
        """Kill one worker (SIGKILL), as a power cut would; the others take over its tasks.

        `start_connect` starts it again.

        Parameters
        ----------
        worker : int
            Its number: 1, 2.

        Raises
        ------
        LabError
            There is no such worker, or it is already dead.
        """
        one = next((one for one in self.workers if one.node_id == worker), None)
        if one is None or one.process is None or not one.is_running:
            alive = ", ".join(str(one.node_id) for one in self.workers if one.is_running)
            msg = f"there is no worker {worker} alive; alive are: {alive or 'none'}"
            raise LabError(msg, "lab.start_connect()   (starts the dead ones again)")
        process = psutil.Process(one.process.pid)
        process.kill()
        psutil.wait_procs([process], timeout=10)

    def __repr__(self) -> str:
        if not self.is_running:
            return f"<Connect {self.group_id}: stopped>"
        said = [
            f"worker {one.node_id} at http://{one.address} "
            f"({f'pid {one.process.pid}' if one.process and one.is_running else 'dead'})"
            for one in self.workers
        ]
        return f"<Connect {self.group_id}: {', '.join(said)}>"


def start_connect(
    workers: int = 2, group_id: str = "lab-connect", *, keep: bool = False, name: str = "connect"
) -> Connect:
    """Start Kafka Connect's workers, which share the tasks of connectors, or find the lab's.

    Each worker is a Java process (`ConnectDistributed`, about 200 MB). The first time, its jars are
    fetched (11 MB). Running workers of this group are found, and dead ones started again; another
    group or number of workers replaces them.

    Parameters
    ----------
    workers : int
        How many.
    group_id : str
        Their group. Its connectors are in the topics ``<group_id>-configs``, ``-offsets`` and
        ``-status``, so a group that is started again continues with them.
    keep : bool
        Run until it is stopped. Otherwise until this lab, this Jupyter server or this program ends.
    name : str
        Its name in the lab.

    Returns
    -------
    Connect
        Its workers all answer.

    Raises
    ------
    BrokerUnavailable
        No cluster answers, or a worker did not start.
    JarRefused
        A jar is not the one in ``jars.lock``.

    See: Kafka documentation, "Kafka Connect: Running Kafka Connect" (distributed mode).
    """
    folder = connect_dir()
    with waiting(f"Starting {workers} workers of Kafka Connect"), cluster_lock(folder):
        servers = bootstrap_servers()
        with admin() as client:
            kafka = client.describe_cluster()
        cluster = connect_workers.plan(
            read_cluster(folder), workers, group_id, str(kafka["cluster_id"]), folder
        )
        add_owner(cluster, folder, keep=keep)
        dead = [one for one in cluster.nodes if not one.is_running]
        if dead:
            cluster = connect_workers.start(
                cluster, folder, dead, servers, min(3, len(kafka["brokers"]))
            )
        connect_workers.wait_until_joined(cluster, folder)
    found = next((one for one in background_workers.running() if one.name == name), None)
    if isinstance(found, Connect) and found.group_id == group_id:
        return found
    connect = Connect(folder, group_id, name)
    if not keep:  # a registered one ends with this program
        background_workers.register(connect)
    return connect


def find_connect() -> Connect | None:
    """Return the lab's Connect if one of its workers runs, otherwise None; start nothing."""
    cluster = read_cluster(connect_dir())
    if cluster is None or not any(one.is_running for one in cluster.nodes):
        return None
    return Connect(connect_dir(), cluster.cluster_id)
