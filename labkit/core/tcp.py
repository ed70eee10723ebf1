"""Try whether anything accepts a TCP connection at an address."""

from __future__ import annotations

import socket


def connection_error(address: str, timeout_s: float) -> OSError | None:
    """Return why nothing accepts a connection at ``host:port``; None if something does."""
    host, _, port = address.strip().rpartition(":")
    if not host or not port.isdigit():
        return OSError("not an address of the form host:port")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
    except (OSError, OverflowError) as error:  # OverflowError: a port above 65535
        return error if isinstance(error, OSError) else OSError(str(error))
    return None
