"""One node of a Kafka cluster: its ports, its settings, its data folder, its command.

Kafka 4 has no ZooKeeper. Some nodes are *controllers*: they keep the cluster's metadata in a log
of their own (KRaft, KIP-500). The lab's nodes are broker and controller at once, which is fine
for learning; large clusters keep the two apart.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import shutil
import socket
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from labkit.broker.cluster_state import NodeState
from labkit.broker.install.kafka_jars import KAFKA_VERSION, cache_dir, class_path, java_executable
from labkit.core.errors import BrokerUnavailable

LOG_CONFIG = Path(__file__).with_name("broker-log4j2.properties")
# What formatting leaves in a data folder: whose it is, and with which features a cluster begins.
META, FEATURES = "meta.properties", "bootstrap.checkpoint"
PORTS = range(20_000, 32_000)


def new_cluster_id() -> str:
    """Return a new cluster id: 16 random bytes in URL-safe base64, as Kafka's own `Uuid` is."""
    while True:
        cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not cluster_id.startswith("-"):  # it would look like an option on a command line
            return cluster_id


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on.

    They lie below those that systems give to outgoing connections (from 32768 on Linux, from
    49152 elsewhere). So nobody is given a broker's port while the broker is down for a moment.
    """
    candidates = random.sample(PORTS, len(PORTS))  # two labs at once should not want the same
    found = list(itertools.islice(filter(is_free, candidates), count))
    if len(found) < count:
        msg = f"no {count} ports between {PORTS.start} and {PORTS.stop} are free"
        raise BrokerUnavailable(msg, "lab.start_broker(port=9092)   (or another port)")
    return found


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a loopback port."""
    with socket.socket() as one:
        if os.name != "nt":  # a port that a broker left a moment ago is free as well
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def properties(node: NodeState, nodes: Sequence[NodeState], data_dir: Path) -> dict[str, str]:
    """Return a node's ``server.properties``.

    The defaults of a cluster that loses nothing: three copies where there are three brokers, and
    a write counts when two of them have it. A topic exists because somebody made it, never
    because somebody mistyped its name.

    See: Kafka documentation, "Broker Configs" and "KRaft".
    """
    copies = min(3, len(nodes))
    in_sync = 2 if copies == 3 else 1
    voters = (f"{one.node_id}@127.0.0.1:{one.controller_port}" for one in nodes)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": ",".join(voters),
        "controller.listener.names": "CONTROLLER",
        # Loopback only: nothing outside this machine reaches the lab's broker.
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://127.0.0.1:{node.controller_port}",
        # What the broker answers to "where are you?"; a client uses this address from then on.
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "log.dirs": str(data_dir),
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        # How soon a broker that hangs or has died is given up, and others lead in its place:
        # with Kafka's own nine seconds, a learner would only sit and wait.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        # Fewer than 50 partitions for the groups' offsets: one group or two start faster.
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.num.partitions": "3",
        # What compaction remembers keys in. Kafka's own 128 MB, half of the lab's heap, are written
        # through at each start; this is enough for 150,000 keys at a time.
        "log.cleaner.dedupe.buffer.size": str(4 * 1024**2),
        # A new group starts at once instead of waiting three seconds for more members.
        "group.initial.rebalance.delay.ms": "0",
    }


def write_properties(node: NodeState, nodes: Sequence[NodeState], folder: Path) -> Path:
    """Write a node's ``server.properties``, and return its path."""
    settings = properties(node, nodes, folder / "data")
    return _write(folder / "server.properties", settings)


def format_data(node: NodeState, folder: Path, jars: Sequence[Path], cluster_id: str) -> None:
    """Format a node's data folder, unless that was done before.

    Formatting writes the cluster's id and the node's into the folder, once and for all, and with
    which features a cluster of this Kafka begins. The features are the same each time: Kafka's own
    tool writes them once on a machine, and later folders get a copy, without a second of Java. It
    is done under another name first: a folder that was only half formatted when the power went out
    is begun anew, and one with records in it is never touched.

    Raises
    ------
    BrokerUnavailable
        Kafka refused to format the folder; its own words are in the message.
    """
    if (folder / "data" / META).exists():
        return
    draft = folder / "formatting"
    shutil.rmtree(draft, ignore_errors=True)
    kept = cache_dir() / f"kafka-{KAFKA_VERSION}-{FEATURES}"
    if kept.exists():
        draft.mkdir(parents=True)
        shutil.copyfile(kept, draft / FEATURES)
        own = {"version": "1", "cluster.id": cluster_id, "node.id": str(node.node_id)}
        # Kafka knows a disk by an id of the same form.
        _write(draft / META, {**own, "directory.id": new_cluster_id()})
    else:
        _let_kafka_format(node, draft, jars, cluster_id)
        partial = kept.with_name(f".{kept.name}-{os.getpid()}-{node.node_id}")
        shutil.copyfile(draft / FEATURES, partial)
        partial.replace(kept)
    shutil.rmtree(folder / "data", ignore_errors=True)  # without META it holds no record
    draft.replace(folder / "data")


def _let_kafka_format(node: NodeState, draft: Path, jars: Sequence[Path], cluster_id: str) -> None:
    config = _write(draft.with_suffix(".properties"), properties(node, [node], draft))
    done = subprocess.run(
        [
            *java(jars, 128, "-Dlog4j2.level=error"),
            *("kafka.tools.StorageTool", "format"),
            *("--cluster-id", cluster_id, "--config", str(config)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        msg = f"Kafka would not format {draft}: {done.stdout[-500:]}{done.stderr[-500:]}"
        raise BrokerUnavailable(msg, "labkit reset   (begins with an empty cluster)")
    config.unlink()


def formatted_cluster_id(folder: Path) -> str | None:
    """Return the id of the cluster that a node's data folder was formatted for, if it was."""
    return formatted_as(folder).get("cluster.id")


def formatted_as(folder: Path) -> dict[str, str]:
    """Return whom a node's data folder was formatted for (its ``meta.properties``), if it was."""
    try:
        lines = (folder / "data" / META).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def _write(path: Path, settings: dict[str, str]) -> Path:
    # Java reads "\\" as an escape, and Windows writes its paths with it.
    lines = [f"{key}={value.replace(os.sep, '/')}" for key, value in settings.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def java(jars: Sequence[Path], heap_mb: int, *options: str) -> list[str]:
    """Return the start of a command that runs a class of Kafka's."""
    return [
        str(java_executable()),
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",  # the smallest and soonest ready; a lab's heap is small
        # The first compiler alone: the second takes almost half of a start's processor time, and
        # had not paid that back after 450,000 records.
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        *options,
        "-cp",
        class_path(jars),
    ]


def logging_to(log: Path) -> tuple[str, str]:
    """Return the options that make a server of Kafka's log to a file, and nowhere else."""
    return f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}", f"-Dlabkit.log={log}"


def command(
    jars: Sequence[Path], heap_mb: int, config: Path, log: Path, *options: str
) -> list[str]:
    """Return the command that runs a broker."""
    return [*java(jars, heap_mb, *logging_to(log), *options), "kafka.Kafka", str(config)]


def is_listening(port: int) -> bool:
    """Tell whether something accepts connections at a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def last_error(log: Path) -> str:
    """Return the last complaint of a node's log, or what its Java said before there was one."""
    for path in (log, log.with_suffix(".out")):
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found = [n for n, line in enumerate(lines) if " ERROR " in line or " FATAL " in line]
            if found:
                said, *rest = lines[found[-1] : found[-1] + 2]
                # Why it ended is often told on the next line, by the exception that Java prints.
                return " ".join(
                    [said, *(line for line in rest if not line.startswith(("[", "\t")))]
                )
            if path.suffix == ".out" and lines:
                return lines[-1]
    return "it left no log"
