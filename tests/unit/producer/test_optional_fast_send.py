"""The producer with and without its optional fast path: the same batches, byte by byte."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from fake_client import Client
from kafka import KafkaProducer
from kafka.producer.record_accumulator import RecordAccumulator
from sample_readings import AT

from labkit.broker import kafka_clients
from labkit.producer import send_loop
from labkit.producer.optional_fast_send import ROUTINE_BYTES, FastProducer
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import spoil

PARTITIONS = {0, 1, 2}


def unconnected(producer: type) -> Any:
    """Return a producer of kafka-python that fills batches, and has no broker to send them to."""
    client = object.__new__(producer)
    client._closed = False
    client._transaction_manager = None
    client._metadata = SimpleNamespace(
        partitions_for_topic=lambda _topic: PARTITIONS, topics=lambda: {"t"}
    )
    client._accumulator = RecordAccumulator(batch_size=2_000)
    client._sender = SimpleNamespace(wakeup=lambda: None)
    client.config = {**KafkaProducer.DEFAULT_CONFIG, "api_version": (4, 0)}
    client.close = lambda *_arguments, **_named: None  # what the garbage collector would call
    return client


def batches(client: Any) -> dict[Any, list[bytes]]:
    found: dict[Any, list[bytes]] = {}
    for place, waiting in client._accumulator._batches.items():
        for batch in waiting:
            batch.records.close()
            found.setdefault(place, []).append(bytes(batch.records.buffer()))
    return found


def test_it_fills_the_batches_that_the_client_fills() -> None:
    fleet = Fleet(size=5)
    plain, fast = unconnected(KafkaProducer), unconnected(FastProducer)
    for number in range(60):
        value: bytes | None = fleet.reading(AT, 1.0).to_json()
        key: bytes | None = f"plant-{number % 5}".encode()
        headers: list[tuple[str, bytes]] = [("h", b"1")] if number % 7 == 0 else []
        if number % 11 == 0:
            value = None
        if number % 13 == 0:
            value = b"x" * (ROUTINE_BYTES + 1)
        if number % 17 == 1:
            key, value = None, b"without a key"
        for client in (plain, fast):
            client.send("t", value, key, headers, number % 3, 1_700_000_000_000 + number)
    assert batches(fast) == batches(plain)
    assert sum(map(len, batches(fast).values())) > 10


def test_it_refuses_what_the_client_refuses() -> None:
    for client in (unconnected(KafkaProducer), unconnected(FastProducer)):
        client.send("t", b"v", b"k", [], 0, 1)
        with pytest.raises(ValueError, match="Unrecognized partition 3"):
            client.send("t", b"v", b"k", [], 3, 1)


@pytest.mark.parametrize("fast", [True, False])
def test_the_loop_sends_the_same_without_it(
    fast: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Acknowledging(Client):
        def send(self, *arguments: Any, **named: Any) -> Any:
            future = super().send(*arguments, **named)
            self.answer(len(self.sent) - 1, None)
            return future

        def close(self, timeout: float) -> None:
            pass

    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))
    client, made = Acknowledging(), []
    monkeypatch.setattr(send_loop, "FAST", fast)
    monkeypatch.setattr(send_loop, "describe_topic", lambda _topic: SimpleNamespace(topic_id="id"))
    monkeypatch.setattr(kafka_clients, "producer", lambda kind, **_: made.append(kind) or client)
    fleet = Fleet(size=5)
    items = [fleet.reading(AT, 1.0) for _ in range(30)]
    items.insert(10, spoil("truncated", items[0]))
    counts = send_loop.produce("t", iter(items), threading.Event())
    assert made == [FastProducer if fast else KafkaProducer]
    assert (counts.emitted, counts.acked, counts.bad, counts.bad_acked) == (30, 30, 1, 1)
    assert [one.value for one in client.sent] == [
        one.value if hasattr(one, "name") else one.to_json() for one in items
    ]
