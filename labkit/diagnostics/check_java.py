"""Checks of what runs a broker: Java and Kafka's jars; and whether Docker answers."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from pathlib import Path

from labkit.broker.install.java import (
    JAVA_NEEDED,
    OPTION_VARIABLES,
    java_executable,
    version_text,
)
from labkit.broker.install.kafka_jars import jar_dir, kafka_jars, kafka_version, locked_jars
from labkit.core.config import load_config
from labkit.core.errors import JarRefused, LabError
from labkit.diagnostics.machine_report import Check

DOCKER_TIMEOUT_S = 2.0
DOCKER_HELLO = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


def java() -> Check:
    """Check whether there is a Java that can run a Kafka broker."""
    try:
        executable = java_executable()
    except LabError as error:
        if load_config().bootstrap_servers:
            return Check("java", "note", "No Java, and this lab's Kafka runs elsewhere.")
        return Check("java", "broken", f"{error.what}.", error.next_line)
    try:
        said = version_text(executable)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("java", "broken", f"{executable} cannot be run: {error}.", "make setup")
    version = re.search(r'version "((\d+)[^"]*)', said)
    if version is None or int(version[2]) < JAVA_NEEDED:
        problem = (
            f"{executable} says {said.strip()[:200]!r}; Kafka 4 needs Java {JAVA_NEEDED} or newer."
        )
        advice = f"set JAVA_HOME to a Java of {JAVA_NEEDED} or newer"
        return Check("java", "broken", problem, advice)
    ignored = [name for name in OPTION_VARIABLES if os.environ.get(name)]
    if ignored:
        told = f"Java {version[1]} at {executable}. The lab's brokers ignore {', '.join(ignored)}."
        return Check("java", "ok", told, "export LABKIT_JAVA_OPTIONS=...   (what they do take)")
    return Check("java", "ok", f"Java {version[1]} at {executable}.")


def jars() -> Check:
    """Check whether Kafka's jars are in the cache, each byte as it should be."""
    wanted = [jar for jar in locked_jars() if jar.group == "broker"]
    missing = [jar for jar in wanted if not (jar_dir() / jar.file_name).exists()]
    if missing:
        size_mb = sum(jar.size for jar in missing) / 1e6
        said = f"{len(missing)} of {len(wanted)} jars of Kafka {kafka_version()} are not here yet; "
        said += f"the first start fetches them ({size_mb:.0f} MB)."
        return Check("kafka's jars", "note", said, "labkit broker start")
    try:
        kafka_jars()
    except JarRefused as error:
        return Check("kafka's jars", "broken", f"{error.what}.", error.next_line)
    size_mb = sum(jar.size for jar in wanted) / 1e6
    said = f"{len(wanted)} jars of Kafka {kafka_version()}, {size_mb:.0f} MB, all verified, "
    return Check("kafka's jars", "ok", f"{said}in {jar_dir()}.")


def docker() -> Check:
    """Check whether a Docker engine answers; the lab does not need one."""
    path = Path(
        os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    )
    sentence = "No Docker engine answers here, and the lab does not need one."
    if hasattr(socket, "AF_UNIX") and path.exists():
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(DOCKER_TIMEOUT_S)
            client.connect(str(path))
            client.sendall(DOCKER_HELLO)
            if client.recv(64).startswith(b"HTTP/1.1 200"):
                sentence = (
                    "A Docker engine answers: `docker compose up -d` is another way to a broker."
                )
    return Check("docker", "ok", sentence)
