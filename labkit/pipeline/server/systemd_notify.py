"""Readiness of a service of ``Type=notify``."""

from __future__ import annotations

import os
import socket


def notify_ready() -> None:
    """Tell systemd that this process is ready; do nothing if systemd did not start it.

    See: sd_notify(3).
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"READY=1", address.replace("@", "\0", 1))
