"""A stand-in for the ``apache/kafka`` image, of this machine's Java and Kafka's verified jars."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from layers import add, add_programs, add_tree, import_image

from labkit.broker.install import kafka_jars
from labkit.broker.install.java import java_executable
from labkit.broker.kafka_tools import TOOLS

NAME = f"apache/kafka:{kafka_jars.KAFKA_VERSION}"
FILES = Path(__file__).with_name("files")
APPUSER = 1000
JAVA_HOME = "/opt/java/openjdk"

FOLDERS = {  # path: owner
    "root": 0,
    "home/appuser": APPUSER,
    "etc/kafka/docker": APPUSER,
    "etc/kafka/secrets": APPUSER,
    "mnt/shared/config": APPUSER,
    "opt/kafka/config": APPUSER,
    "opt/kafka/libs": APPUSER,
    "opt/kafka/logs": APPUSER,
    "usr/logs": APPUSER,
    "var/lib/kafka/data": APPUSER,
}
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
    f"appuser:x:{APPUSER}:{APPUSER}::/home/appuser:/bin/bash\n",
    "etc/group": f"root:x:0:\nappuser:x:{APPUSER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
CONFIGURATION = (
    f"ENV JAVA_HOME={JAVA_HOME}",
    f"ENV PATH=/usr/bin:/usr/sbin:{JAVA_HOME}/bin:/opt/kafka/bin",
    "ENV LANG=C.UTF-8",
    "USER appuser",
    "EXPOSE 9092",
    "VOLUME /etc/kafka/secrets /var/lib/kafka/data /mnt/shared/config",
    'CMD ["/etc/kafka/docker/run"]',
)


def build() -> None:
    """Import the image."""
    import_image(NAME, CONFIGURATION, write_layer)


def write_layer(layer: tarfile.TarFile) -> None:
    """Write the files of the image."""
    java = java_executable().resolve().parents[1]
    native = [path for path in java.rglob("*.so*") if path.is_file()]
    for folder, owner in FOLDERS.items():
        add(layer, tarfile.TarInfo(folder), folder=True, owner=owner, mode=0o775)
    for name, text in TEXTS.items():
        add(layer, tarfile.TarInfo(name), content=text.encode())
    add_programs(layer, loaded_by=[java / "bin/java", *native])
    add_tree(layer, java, JAVA_HOME[1:])
    add_tree(layer, FILES, "", owner=APPUSER)
    for jar in kafka_jars.kafka_jars("broker"):
        name = f"opt/kafka/libs/{jar.name}"
        add(layer, tarfile.TarInfo(name), content=jar.read_bytes(), owner=APPUSER)
    for name, script in tool_scripts():
        name = f"opt/kafka/bin/{name}.sh"
        add(layer, tarfile.TarInfo(name), content=script, owner=APPUSER, mode=0o755)


def tool_scripts() -> Iterator[tuple[str, bytes]]:
    """Write Kafka's ``bin/`` from the lab's table of tools."""
    for name, tool in TOOLS.items():
        if tool.group == "broker" and name != "kafka-server-start":
            start = f'exec /opt/kafka/bin/kafka-run-class.sh {tool.main_class} "$@"'
            yield name, f"#!/usr/bin/env bash\n{start}\n".encode()
