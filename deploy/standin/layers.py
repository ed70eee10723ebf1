"""What the stand-in images share: files of this machine as one tar stream for ``docker import``.

So an image needs no registry, no base image and no root on this machine.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Container, Iterable
from pathlib import Path

LABEL = "labkit.standin"
MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
LIB_FOLDERS = ("lib", "lib64", "usr")

# What start scripts use, and what a person looking into the container expects.
NEEDED = "bash sh env id cat ls grep sed cut head tail sort tr mkdir rm cp mv chmod sleep date"
HANDY = "awk basename dirname find hostname install kill mktemp nc pgrep ps stat tee test touch "
HANDY += "uname wc"


def existing(image: str) -> str | None:
    """Tell whether an image of that name is there, and whether it is one of ours."""
    command = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}']
    answer = subprocess.run([*command, image], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return None
    return "stand-in" if answer.stdout.strip() == "true" else "official"


def import_image(
    image: str, configuration: Iterable[str], write_layer: Callable[[tarfile.TarFile], None]
) -> None:
    """Stream one layer into ``docker import``."""
    changes = [
        word for line in (*configuration, f"LABEL {LABEL}=true") for word in ("--change", line)
    ]
    importer = subprocess.Popen(["docker", "import", *changes, "-", image], stdin=subprocess.PIPE)
    assert importer.stdin is not None
    with importer.stdin as stream, tarfile.open(fileobj=stream, mode="w|") as layer:
        for link, target in MERGED.items():
            add(layer, tarfile.TarInfo(link), link_to=target)
        add(layer, tarfile.TarInfo("tmp"), folder=True, mode=0o1777)
        write_layer(layer)
    if importer.wait() != 0:
        sys.exit("docker import failed; its message is above")


def add_programs(
    layer: tarfile.TarFile, more: Iterable[Path] = (), loaded_by: Iterable[Path] = ()
) -> None:
    """Add a shell, a few commands and more, with the libraries that they and other files load."""
    programs = list(more)
    programs += [path for name in NEEDED.split() if (path := which(name, must=True))]
    programs += [path for name in HANDY.split() if (path := which(name, must=False))]
    for path in sorted({*programs, *libraries([*programs, *loaded_by])}):
        add(layer, tarfile.TarInfo(merged(path)), content=path.read_bytes(), mode=0o755)


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


def merged(path: Path) -> str:
    """Return where a file of this machine goes in an image whose ``/lib`` is ``/usr/lib``."""
    top, *rest = path.parts[1:]
    return str(Path(MERGED.get(top, top), *rest))


def add_tree(
    layer: tarfile.TarFile,
    root: Path,
    prefix: str,
    owner: int = 0,
    left_out: Container[str] = (),
) -> None:
    """Add a folder's files under ``prefix``, without folders of some names."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and not any(part in left_out for part in inside.parts[:-1]):
            mode = 0o755 if os.access(path, os.X_OK) else 0o644
            name = str(Path(prefix) / inside)
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
