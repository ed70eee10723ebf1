"""A stand-in for the ``caddy`` image, of the Caddy that is installed on this machine."""

from __future__ import annotations

import struct
import tarfile
from pathlib import Path

from layers import add, add_programs, import_image, which

NAME = "caddy:2.11.4"
CONFIGURATION = (
    "ENV PATH=/usr/bin XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
    "VOLUME /config /data",
    'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]',
)
NET_BIND_SERVICE = 1 << 10
VERSION_2_EFFECTIVE = 0x02000001


def build() -> None:
    """Import the image."""
    import_image(NAME, CONFIGURATION, write_layer)


def write_layer(layer: tarfile.TarFile) -> None:
    """Write the files of the image.

    Its program has a capability of its own, as in the official image: where that is dropped, the
    program cannot be started at all.

    See: capabilities(7), "File capabilities".
    """
    caddy = which("caddy", must=True)
    assert caddy is not None
    for folder in ("config/caddy", "data/caddy", "etc/caddy", "srv"):
        add(layer, tarfile.TarInfo(folder), folder=True, mode=0o755)
    add_programs(layer, loaded_by=[caddy])
    program = tarfile.TarInfo("usr/bin/caddy")
    capability = struct.pack("<5I", VERSION_2_EFFECTIVE, NET_BIND_SERVICE, 0, 0, 0)
    program.pax_headers = {"SCHILY.xattr.security.capability": capability.decode()}
    add(layer, program, content=Path(caddy).read_bytes(), mode=0o755)
