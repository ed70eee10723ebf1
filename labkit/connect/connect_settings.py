"""The settings of a Kafka Connect worker: its ``worker.properties`` and its command.

Kafka Connect is Kafka's own system for moving records in and out. Its *workers* are Java processes
that form a group, as consumers do. A *connector* is a job for the group, divided into *tasks*,
which the group assigns to its workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.broker import node_setup
from labkit.broker.security_properties import client_properties, write_private
from labkit.core.config import LabConfig

HEAP_MB = 256
MAIN_CLASS = "org.apache.kafka.connect.cli.ConnectDistributed"
STRING = "org.apache.kafka.connect.storage.StringConverter"


def worker_properties(
    group_id: str, bootstrap_servers: str, port: int, copies: int
) -> dict[str, str]:
    """Return a worker's settings, which differ within a group only by the port.

    Parameters
    ----------
    group_id : str
        The workers' group; the names of its three topics begin with it.
    bootstrap_servers : str
        The cluster that stores the group and its topics.
    port : int
        The port of the worker's REST API, on 127.0.0.1 only.
    copies : int
        The replication factor of its topics.

    See: Kafka documentation, "Kafka Connect: Running Kafka Connect" and "Connect Configs".
    """
    # The whole state of the group is in three topics: the connectors' settings, the source
    # connectors' offsets and the tasks' status. So any worker can die and another can take over.
    topics = {
        f"{kind}.storage.{key}": value
        for kind in ("config", "offset", "status")
        for key, value in (
            ("topic", f"{group_id}-{kind}s" if kind != "status" else f"{group_id}-status"),
            ("replication.factor", str(copies)),
        )
    }
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": group_id,
        **topics,
        "offset.storage.partitions": "3",  # 25 by default
        "status.storage.partitions": "3",
        # Loopback only: there is no password, and anyone who creates a connector can write files.
        "listeners": f"http://127.0.0.1:{port}",
        "rest.advertised.host.name": "127.0.0.1",
        "rest.advertised.port": str(port),
        # Records are passed on as text, unless a connector's own settings differ.
        "key.converter": STRING,
        "value.converter": STRING,
        # Plugins are listed in a file of their jar. The default, a search through all classes,
        # makes a start take four times as long.
        "plugin.discovery": "service_load",
        # How soon a silent worker counts as dead; the default for its consumers is 45 s.
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "2000",
        "consumer.session.timeout.ms": "6000",
        # How long a lost worker's tasks wait for it to come back; by default five minutes.
        "scheduled.rebalance.max.delay.ms": "3000",
        # How often a sink's offsets are committed; by default once a minute.
        "offset.flush.interval.ms": "5000",
    }


def security_properties(config: LabConfig) -> dict[str, str]:
    """Return the login settings of the worker and its tasks' clients; empty if not needed."""
    if config.security_protocol == "PLAINTEXT":
        return {}
    own = client_properties(config)
    prefixes = ("", "producer.", "consumer.", "admin.")
    return {f"{prefix}{key}": value for prefix in prefixes for key, value in own.items()}


def worker_command(
    jars: Sequence[Path], folder: Path, log: Path, properties: dict[str, str]
) -> list[str]:
    """Write a worker's properties into its folder, and return the command that runs it."""
    path = write_private(folder / "worker.properties", properties)
    return [*node_setup.java(jars, HEAP_MB, *node_setup.logging_to(log)), MAIN_CLASS, str(path)]
