"""What a worker of Kafka Connect is told in its ``worker.properties``.

Kafka Connect is Kafka's own way to run what carries records in and out. Its *workers* are Java
processes that form a group, as consumers do; a *connector* is a job given to the group, cut into
*tasks*, which the group shares out among its workers.
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
    """Return a worker's settings; all workers of a group have the same, but for the port.

    Parameters
    ----------
    group_id : str
        The workers' group; its three topics are named after it.
    bootstrap_servers : str
        The cluster that the workers meet at, and keep everything in.
    port : int
        Where the worker takes orders (REST), on 127.0.0.1 alone.
    copies : int
        The replication factor of its topics.

    See: Kafka documentation, "Kafka Connect: Running Kafka Connect" and "Connect Configs".
    """
    # All that a worker knows is in three topics: the connectors it was given, how far each source
    # has come, and how the tasks are. So any worker can die, and another one can take over.
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
        "offset.storage.partitions": "3",  # 25 by default, for many connectors
        "status.storage.partitions": "3",
        # Loopback only: who may make a connector may write files, and there is no password.
        "listeners": f"http://127.0.0.1:{port}",
        "rest.advertised.host.name": "127.0.0.1",
        "rest.advertised.port": str(port),
        # Records as the text they are; a connector's own settings may say otherwise.
        "key.converter": STRING,
        "value.converter": STRING,
        # Connectors say in a file of their jar what they offer: no search through all classes,
        # which made a start take four times as long.
        "plugin.discovery": "service_load",
        # How soon a silent worker is given up; for its tasks' consumers Kafka's own is 45 s.
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "2000",
        "consumer.session.timeout.ms": "6000",
        # How long the tasks of a lost worker wait for it to come back: five minutes by default.
        "scheduled.rebalance.max.delay.ms": "3000",
        # How often a sink's offsets are committed: once a minute by default.
        "offset.flush.interval.ms": "5000",
    }


def security_properties(config: LabConfig) -> dict[str, str]:
    """Return how the worker, and the clients of its tasks, log in; empty where nobody has to."""
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
