"""Clients that fail fast, with a reason, and with nothing left behind."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.broker import kafka_clients
from labkit.core.errors import BrokerUnavailable


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def open_port() -> Iterator[int]:
    """Listen, and never say a word: a port of another program."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_without_a_broker_the_next_line_starts_one(lab_dir: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="No broker of this lab") as raised:
        kafka_clients.bootstrap_servers()
    assert "labkit broker start" in raised.value.next_line


def test_without_assert_kafka_python_cannot_work(lab_dir: Path) -> None:
    code = "from labkit.broker import kafka_clients; kafka_clients.admin()"
    command = [sys.executable, "-O", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("Next: unset PYTHONOPTIMIZE\n")


def test_a_configured_address_wins(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", "kafka.example:9092")
    assert kafka_clients.bootstrap_servers() == "kafka.example:9092"


@pytest.mark.parametrize(
    "client", [kafka_clients.admin, kafka_clients.consumer, kafka_clients.producer]
)
def test_a_dead_address_leaves_no_thread_behind(
    client: object, lab_dir: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", f"127.0.0.1:{closed_port}")
    before = threading.active_count()
    with pytest.raises(BrokerUnavailable, match=str(closed_port)) as raised:
        client()  # type: ignore[operator]
    assert "LABKIT_BOOTSTRAP_SERVERS" in raised.value.next_line
    for thread in threading.enumerate():
        if thread.name.startswith("labkit-probe"):
            thread.join()
    assert threading.active_count() == before


def test_one_good_address_among_several_is_enough(closed_port: int, open_port: int) -> None:
    kafka_clients.probe(f"127.0.0.1:{closed_port}, 127.0.0.1:{open_port}")


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":9092", "localhost:kafka"])
def test_what_is_no_address_is_said_so(lab_dir: Path, address: str) -> None:
    with pytest.raises(BrokerUnavailable, match="host:port"):
        kafka_clients.probe(address)


def test_each_dead_address_is_named_with_its_reason(lab_dir: Path, closed_port: int) -> None:
    with pytest.raises(BrokerUnavailable, match=rf"{closed_port} \(.*refused.*nonsense"):
        kafka_clients.probe(f"127.0.0.1:{closed_port},nonsense")


def test_the_client_is_quiet_unless_somebody_asked_for_its_log() -> None:
    assert logging.getLogger("kafka").level != logging.NOTSET
