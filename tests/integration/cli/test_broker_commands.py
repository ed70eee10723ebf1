"""``labkit broker start --foreground``: how a service manager runs a broker."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker.broker import find_broker

COMMAND = [sys.executable, "-m", "labkit", "broker", "start", "--foreground"]


@pytest.fixture
def started(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """Start it as systemd does a service of ``Type=notify``, and wait until it says READY."""
    address = lab_dir / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        monkeypatch.delenv("LABKIT_BOOTSTRAP_SERVERS", raising=False)
        with subprocess.Popen(COMMAND, text=True, stderr=subprocess.PIPE) as process:
            try:
                assert manager.recv(100) == b"READY=1"
                yield process
            finally:
                process.kill()


def test_it_is_ready_when_kafka_answers_and_stops_it_when_told_to(
    started: subprocess.Popen[str],
) -> None:
    broker = find_broker()
    assert broker is not None
    assert lab.ensure_topic("ready").num_partitions == 3
    started.send_signal(signal.SIGTERM)
    assert started.wait(PATIENCE_S) == 0
    assert find_broker() is None


def test_it_ends_with_an_error_when_its_broker_ends(started: subprocess.Popen[str]) -> None:
    broker = find_broker()
    assert broker is not None
    broker.kill(1)
    assert started.wait(PATIENCE_S) == 1
    assert started.stderr is not None
    assert "A broker has ended" in started.stderr.read()
    wait_until(lambda: find_broker() is None, "no broker is left")
