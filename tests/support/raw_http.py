"""Raw HTTP: send bytes to a port and read the answer, even if the bytes are not valid HTTP.

An HTTP library would correct what these tests send: it encodes a path, drops ``..``, refuses a NUL.
"""

from __future__ import annotations

import socket
from typing import NamedTuple

PATIENCE_S = 30.0


class Answer(NamedTuple):
    """One answer: its status, its headers by lower-case name, its body."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, request: bytes) -> Answer:
    """Send bytes to a port of this machine, and return the first answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while part := connection.recv(65_536):
            said += part
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    assert first.startswith("HTTP/1."), f"{request[:200]!r} was answered by {said[:200]!r}"
    pairs = (line.partition(": ") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body)


def get(port: int, target: bytes, host: bytes = b"localhost", method: bytes = b"GET") -> Answer:
    """Request a target exactly as it is written."""
    line = b"%b %b HTTP/1.1\r\n" % (method, target)
    return ask(port, line + b"Host: %b\r\nConnection: close\r\n\r\n" % host)
