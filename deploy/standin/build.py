"""Build the stand-in for the ``apache/kafka`` image; the README beside this file says why.

The image is one layer, written as a tar stream into ``docker import``: no registry, no base
image, no download beyond Kafka's verified jars.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from labkit.broker.install import kafka_jars
from labkit.broker.install.java import java_executable
from labkit.broker.kafka_tools import TOOLS

FILES = Path(__file__).with_name("files")
APPUSER = 1000
JAVA_HOME = "/opt/java/openjdk"
LABEL = "labkit.standin"

# What the start scripts use, and what a person looking into the container expects.
NEEDED = "bash sh env id cat ls grep sed cut head tail sort tr mkdir rm cp mv chmod sleep date"
HANDY = "awk basename dirname find hostname kill mktemp nc pgrep ps stat tee test touch uname wc"

MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
FOLDERS = {  # path: owner
    "tmp": 0,
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
    f"LABEL {LABEL}=true",
)


def main() -> int:
    """Build the image unless one of that name is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default=f"apache/kafka:{kafka_jars.KAFKA_VERSION}")
    parser.add_argument("--rebuild", action="store_true", help="replace an older stand-in")
    arguments = parser.parse_args()
    kind = existing(arguments.image)
    if kind == "official" or (kind == "stand-in" and not arguments.rebuild):
        print(f"{arguments.image} is there already ({kind})")
        return 0
    build(arguments.image)
    print(f"built {arguments.image}: a stand-in made for labkit's tests, not the official image")
    return 0


def existing(image: str) -> str | None:
    """Tell whether an image of that name is there, and whether it is one of ours."""
    command = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}']
    answer = subprocess.run([*command, image], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return None
    return "stand-in" if answer.stdout.strip() == "true" else "official"


def build(image: str) -> None:
    """Stream the layer into ``docker import``."""
    changes = [word for line in CONFIGURATION for word in ("--change", line)]
    importer = subprocess.Popen(["docker", "import", *changes, "-", image], stdin=subprocess.PIPE)
    assert importer.stdin is not None
    with importer.stdin as stream:
        write_layer(stream)
    if importer.wait() != 0:
        sys.exit("docker import failed; its message is above")


def write_layer(stream: IO[bytes]) -> None:
    """Write every file of the image as one tar stream."""
    java = java_executable().resolve().parents[1]
    programs = [path for name in NEEDED.split() if (path := which(name, must=True))]
    programs += [path for name in HANDY.split() if (path := which(name, must=False))]
    native = [path for path in java.rglob("*.so*") if path.is_file()]
    with tarfile.open(fileobj=stream, mode="w|") as layer:
        for link, target in MERGED.items():
            add(layer, tarfile.TarInfo(link), link_to=target)
        for folder, owner in FOLDERS.items():
            mode = 0o1777 if folder == "tmp" else 0o775
            add(layer, tarfile.TarInfo(folder), folder=True, owner=owner, mode=mode)
        for name, text in TEXTS.items():
            add(layer, tarfile.TarInfo(name), content=text.encode())
        for path in sorted({*programs, *libraries([*programs, java / "bin/java", *native])}):
            add(layer, tarfile.TarInfo(merged(path)), content=path.read_bytes(), mode=0o755)
        add_tree(layer, java, JAVA_HOME[1:], owner=0)
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


def which(name: str, must: bool) -> Path | None:
    """Find a command of this machine."""
    found = shutil.which(name)
    if found is None and must:
        sys.exit(f"the stand-in image needs the command {name!r}, which this machine lacks")
    return Path(found) if found else None


def libraries(binaries: Iterable[Path]) -> set[Path]:
    """Return the shared libraries that binaries load from this machine, by ``ldd``."""
    found: set[Path] = set()
    for binary in binaries:
        answer = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False)
        found.update(map(Path, re.findall(r"(?:=> |^\s*)(/\S+) \(", answer.stdout, re.MULTILINE)))
    return {path for path in found if path.is_relative_to("/lib") or path.parts[1] in LIB_FOLDERS}


LIB_FOLDERS = ("lib", "lib64", "usr")


def merged(path: Path) -> str:
    """Return where a file of this machine goes in an image whose ``/lib`` is ``/usr/lib``."""
    top, *rest = path.parts[1:]
    return str(Path(MERGED.get(top, top), *rest))


def add_tree(layer: tarfile.TarFile, root: Path, prefix: str, owner: int) -> None:
    """Add a folder's files under ``prefix``."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = str(Path(prefix) / path.relative_to(root))
            mode = 0o755 if os.access(path, os.X_OK) else 0o644
            add(layer, tarfile.TarInfo(name), content=path.read_bytes(), owner=owner, mode=mode)


def add(
    layer: tarfile.TarFile,
    entry: tarfile.TarInfo,
    *,
    content: bytes = b"",
    folder: bool = False,
    link_to: str = "",
    owner: int = 0,
    mode: int = 0o644,
) -> None:
    """Add one file, folder or link to the layer."""
    entry.uid = entry.gid = owner
    entry.mode = mode
    entry.size = len(content)
    if folder:
        entry.type = tarfile.DIRTYPE
    elif link_to:
        entry.type, entry.linkname = tarfile.SYMTYPE, link_to
    layer.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    sys.exit(main())
