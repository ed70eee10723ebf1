"""What a node needs before it starts: free ports, settings, a formatted data folder, its command.

Kafka 4 has no ZooKeeper. Some nodes are *controllers*, which keep the cluster's metadata in a
separate log (KRaft, KIP-500). The lab's nodes are broker and controller at once, which is fine
for learning; large clusters separate the two roles.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from labkit.broker.broker_process import TEMPORARY_FOLDER
from labkit.broker.cluster_state import NodeState
from labkit.broker.install.java import class_path, java_environment, java_executable
from labkit.broker.install.kafka_jars import cache_dir, kafka_version
from labkit.broker.security_properties import read_properties, write_private
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable
from labkit.core.json_files import read_json, write_json
from labkit.core.tcp import connection_error

LOG_CONFIG = Path(__file__).with_name("broker-log4j2.properties")
SETTINGS = Path(__file__).with_name("broker.properties")
# What formatting writes into a data folder: cluster and node id, and the initial features.
META = "meta.properties"
FEATURES = {
    "4.3.1": Path("bootstrap.checkpoint"),
    "4.4.0": Path("__cluster_metadata-0", f"{0:020}-{0:010}.checkpoint"),
}
# Off, although it is on by default. With it, a broker could not start any more in Kafka 4.3.1 after
# min.insync.replicas of a topic had changed while one of its replicas was dead:
# docs/decisions/0014-eligible-leader-replicas.md
WITHOUT_ELR = "eligible.leader.replicas.version=0"
# What 4.3.1 says of a folder that 4.4.0 has formatted, and of one whose features were raised.
NEWER_DATA = re.compile(
    r"Unsupported metadata version|FeatureLevelRecord.*this controller only supports versions"
)
SUPERVISOR_LOG = "supervisor.log"
PORTS = range(20_000, 32_000)
GIVEN_FOR_S, PORTS_LOCK_S = 60.0, 10.0


def new_cluster_id() -> str:
    """Return a new cluster id: 16 random bytes in URL-safe base64, as Kafka's own `Uuid` is."""
    while True:
        cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not cluster_id.startswith("-"):  # it would look like a command-line option
            return cluster_id


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on.

    They are below those used for outgoing connections (from 32768 on Linux, from 49152 on other
    systems), so that no program gets a broker's port while the broker restarts. A port that another
    lab of this user was given a moment ago is left out: its broker may not listen yet.
    """
    with _given_lately() as given:
        candidates = random.sample(PORTS, len(PORTS))  # so that two labs choose different ones
        free = (port for port in candidates if str(port) not in given and is_free(port))
        found = list(itertools.islice(free, count))
        given.update({str(port): time.time() for port in found})
    if len(found) < count:
        msg = f"no {count} ports between {PORTS.start} and {PORTS.stop} are free"
        raise BrokerUnavailable(msg, "lab.start_broker(port=9092)   (or another port)")
    return found


@contextlib.contextmanager
def _given_lately() -> Iterator[dict[str, float]]:
    """Yield the ports that this user's labs were given in the last minute, and when.

    What is added is remembered, unless the cache folder cannot be written.
    """
    path = cache_dir() / "ports.json"
    with contextlib.ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(path.with_suffix(".lock"), timeout=PORTS_LOCK_S))
        except (OSError, Timeout):
            yield {}
            return
        known: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError):  # damaged: begun again
            known = read_json(path) or {}
        now = time.time()
        given = {port: at for port, at in known.items() if abs(now - at) < GIVEN_FOR_S}
        yield given
        with contextlib.suppress(OSError):
            write_json(path, given)


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a loopback port."""
    with socket.socket() as one:
        if os.name != "nt":  # so that a port just closed by a broker counts as free
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def properties(node: NodeState, nodes: Sequence[NodeState], data_dir: Path) -> dict[str, str]:
    """Return a node's ``server.properties``; a relative ``data_dir`` is in the node's folder.

    The defaults lose no acknowledged record: three replicas where there are three brokers, and a
    write is acknowledged when two of them have it. Topics are not created automatically, because
    a mistyped name would create one.

    See: Kafka documentation, "Broker Configs" and "KRaft".
    """
    copies = min(3, len(nodes))
    in_sync = 2 if copies == 3 else 1
    voters = (f"{one.node_id}@127.0.0.1:{one.controller_port}" for one in nodes)
    return {
        **read_properties(SETTINGS),
        "node.id": str(node.node_id),
        "controller.quorum.voters": ",".join(voters),
        # Loopback only: nothing outside this machine can reach the lab's broker.
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://127.0.0.1:{node.controller_port}",
        # The address that the broker gives its clients, which they use from then on.
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "log.dirs": str(data_dir),
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(in_sync),
    }


def formatted_at(folder: Path) -> datetime | None:
    """Return when a cluster's first data folder was formatted (UTC); None if none is."""
    times = [path.stat().st_mtime for path in folder.glob(f"node-*/data/{META}")]
    return datetime.fromtimestamp(min(times), UTC) if times else None


def format_data(node: NodeState, folder: Path, jars: Sequence[Path], cluster_id: str) -> None:
    """Format a node's data folder, unless it is formatted already.

    Formatting writes the cluster's id, the node's id and the cluster's initial features into the
    folder. The features are the same each time, so Kafka's own tool writes them once per machine
    and later folders get a copy, which saves a start of Java. A draft folder is formatted first
    and then renamed: a half-formatted one is discarded, and one with records is never touched.

    Raises
    ------
    BrokerUnavailable
        Kafka refused to format the folder; its own words are in the message.
    """
    if (folder / "data" / META).exists():
        return
    draft = folder / "formatting"
    shutil.rmtree(draft, ignore_errors=True)
    features = draft / FEATURES[kafka_version()]
    kept = cache_dir() / f"kafka-{kafka_version()}-without-elr-bootstrap.checkpoint"
    if kept.exists():
        features.parent.mkdir(parents=True)
        shutil.copyfile(kept, features)
        own = {"version": "1", "cluster.id": cluster_id, "node.id": str(node.node_id)}
        # Kafka identifies a disk by an id of the same form.
        write_private(draft / META, {**own, "directory.id": new_cluster_id()})
    else:
        _let_kafka_format(node, draft, jars, cluster_id)
        partial = kept.with_name(f".{kept.name}-{os.getpid()}-{node.node_id}")
        shutil.copyfile(features, partial)
        partial.replace(kept)
    shutil.rmtree(folder / "data", ignore_errors=True)  # without META it holds no record
    draft.replace(folder / "data")


def _let_kafka_format(node: NodeState, draft: Path, jars: Sequence[Path], cluster_id: str) -> None:
    own = properties(node, [node], Path(draft.name))
    config = write_private(draft.with_suffix(".properties"), own)
    done = subprocess.run(
        [
            *java(jars, 128, "-Dlog4j2.level=error"),
            *("kafka.tools.StorageTool", "format"),
            *("--cluster-id", cluster_id, "--config", config.name, "--feature", WITHOUT_ELR),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd=draft.parent,
        env=java_environment(),
    )
    if done.returncode != 0:
        msg = f"Kafka would not format {draft}: {done.stdout[-500:]}{done.stderr[-500:]}"
        raise BrokerUnavailable(msg, "labkit reset   (starts with an empty cluster)")
    config.unlink()


def formatted_as(folder: Path) -> dict[str, str]:
    """Return the ``meta.properties`` of a node's data folder; empty if it is not formatted."""
    try:
        return read_properties(folder / "data" / META)
    except FileNotFoundError:
        return {}


def java(jars: Sequence[Path], heap_mb: int, *options: str) -> list[str]:
    """Return a command that runs a class of Kafka's in a node's folder, up to the class.

    Files in that folder are named relative to it, so that its path may contain any sign: Kafka
    splits ``log.dirs`` at commas, and Log4j reads ``%`` and ``${`` as its own.
    """
    return [
        str(java_executable()),
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",  # the smallest, and the fastest to start
        # Only the first compiler: the second one uses almost half of a start's processor time, and
        # has not made up for it after 450,000 records.
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={TEMPORARY_FOLDER}",
        *shlex.split(load_config().java_options),
        *options,
        "-cp",
        class_path(jars),
    ]


def logging_to(log: Path) -> tuple[str, str]:
    """Return the options that make a Kafka server log to a file only."""
    return f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}", f"-Dlabkit.log={log}"


def command(
    jars: Sequence[Path], heap_mb: int, config: Path, log: Path, *options: str
) -> list[str]:
    """Return the command that runs a broker; ``config`` and ``log`` relative to its folder."""
    return [*java(jars, heap_mb, *logging_to(log), *options), "kafka.Kafka", str(config)]


def is_listening(port: int) -> bool:
    """Tell whether something accepts connections at a loopback port."""
    return connection_error(f"127.0.0.1:{port}", 1.0) is None


def logs_of(log: Path) -> list[Path]:
    """Return which logs of a node have content: its own, its Java's output, the supervisor's."""
    logs = (log, log.with_suffix(".out"), log.with_name(SUPERVISOR_LOG))
    return [path for path in logs if path.is_file() and path.stat().st_size]


def where_to_read(log: Path) -> str:
    """Return the next line after a node has failed: the log that there is to read."""
    return f"read its log: {next(iter(logs_of(log)), log.parent)}"


def is_of_newer_kafka(log: Path) -> bool:
    """Tell whether a node ended because a newer Kafka has written its data folder."""
    return NEWER_DATA.search(last_error(log)) is not None


def last_error(log: Path) -> str:
    """Return the last error in a node's log, or what was printed before there was a log."""
    for path in logs_of(log):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [n for n, line in enumerate(lines) if " ERROR " in line or " FATAL " in line]
        if found:
            said, *rest = lines[found[-1] : found[-1] + 2]
            # The reason is often on the next line, in the exception that Java prints.
            return " ".join([said, *(line for line in rest if not line.startswith(("[", "\t")))])
        spoken = [line for line in lines if not re.match(r"WARNING: |\[.*\[warning\]", line)]
        if path != log and spoken:
            return spoken[-1]
    return "it left no log"
