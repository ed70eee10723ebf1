"""A stand-in for the ``python:3.x-slim-bookworm`` image, of the Python that runs this."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import pip
from layers import add, add_programs, add_tree, import_image, which

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
NAME = f"python:{VERSION}-slim-bookworm"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "__pycache__", "site-packages", "turtledemo"}
LEFT_OUT |= {"dist-packages"}
CONFIGURATION = (
    "ENV PATH=/usr/local/bin:/usr/bin",
    "ENV LANG=C.UTF-8",
    # Where this machine reaches its registries by an authority of its own.
    f"ENV PIP_CERT=/{CERTIFICATES} SSL_CERT_FILE=/{CERTIFICATES}",
    'CMD ["python3"]',
)
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/group": "root:x:0:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def build() -> None:
    """Import the image."""
    import_image(NAME, CONFIGURATION, write_layer)


def write_layer(layer: tarfile.TarFile) -> None:
    """Write the files of the image."""
    base = Path(sys.base_prefix)
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = base / "lib" / f"python{VERSION}"
    for name, text in TEXTS.items():
        add(layer, tarfile.TarInfo(name), content=text.encode())
    certificates = Path("/", CERTIFICATES)
    add(layer, tarfile.TarInfo(CERTIFICATES), content=certificates.read_bytes())
    # Of all of Debian's libraries, packages from PyPI expect this one, too.
    for_packages = list(Path("/usr/lib").glob("*/libstdc++.so.6"))
    strip = which("strip", must=True)  # which the official image would install
    assert strip is not None
    add_programs(layer, [strip], loaded_by=[executable, *library.rglob("*.so"), *for_packages])
    own = (base / "lib").glob("libpython*.so.*")  # where Python is not in /usr
    for path in (*own, *for_packages):
        add(layer, tarfile.TarInfo(f"usr/lib/{path.name}"), content=path.read_bytes(), mode=0o755)
    program = tarfile.TarInfo(f"usr/local/bin/python{VERSION}")
    add(layer, program, content=executable.read_bytes(), mode=0o755)
    for name in ("python3", "python"):
        add(layer, tarfile.TarInfo(f"usr/local/bin/{name}"), link_to=f"python{VERSION}")
    target = f"usr/local/lib/python{VERSION}"
    to_build_with = {path.name for path in library.glob("config-*")}
    add_tree(layer, library, target, left_out=LEFT_OUT | to_build_with)
    packages = Path(pip.__file__).parents[1]
    for path in (packages / "pip", *packages.glob("pip-*.dist-info")):
        add_tree(layer, path, f"{target}/site-packages/{path.name}", left_out={"__pycache__"})
