"""Each bad record becomes one dead letter with its reason, and the good ones flow past it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from oracle import assert_agrees, read_topic

from labkit.consumer.poll_loop import StoredCounts, consume
from labkit.readings.fleet import BAD_RECORDS, Fleet
from labkit.readings.reading import Reading
from labkit.sink.partition_status import read_progress

ERRORS = "__connect.errors."
PATIENCE_S = 60.0


def good(number: int) -> Reading:
    return Fleet(seed=number).reading(datetime.now(UTC), 1.0)


class Sender:
    """A producer that is not the lab's; remembers what it sent where."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self.topic = topic
        self.places: dict[tuple[int, int], str] = {}
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap_servers, max_request_size=2_000_000
        )

    def send(self, name: str, value: bytes | None, **more: Any) -> None:
        future = self._producer.send(self.topic, value, **({"key": name.encode()} | more))
        sent = future.get(timeout=30)
        self.places[sent.partition, sent.offset] = name

    def close(self) -> None:
        self._producer.close()


@contextmanager
def sender(bootstrap_servers: str, topic: str) -> Iterator[Sender]:
    one = Sender(bootstrap_servers, topic)
    try:
        yield one
    finally:
        one.close()


def drain(topic: str, data_dir: Path) -> StoredCounts:
    return consume(topic, "drain", data_dir, threading.Event(), until_end=True)


def dead_letters(bootstrap_servers: str, topic: str) -> dict[tuple[int, int], list[Any]]:
    """Return the records of the queue, by the place that their headers name."""
    found: dict[tuple[int, int], list[Any]] = {}
    for group in read_topic(bootstrap_servers, f"{topic}.dlq").values():
        for record in group:
            headers = dict(record.headers)
            place = int(headers[f"{ERRORS}partition"]), int(headers[f"{ERRORS}offset"])
            found.setdefault(place, []).append(record)
    return found


def test_every_kind_of_bad_record(bootstrap_servers: str, topic: str, tmp_path: Path) -> None:
    assert len(BAD_RECORDS) >= 30
    bad, fine = {}, 0
    with sender(bootstrap_servers, topic) as out:
        for number, (name, spoil) in enumerate(BAD_RECORDS.items()):
            bad[name] = spoil(good(number))
            out.send(name, bad[name], timestamp_ms=int(time.time() * 1000))
            # From the same key, so that a good record follows each bad one.
            out.send("fine", good(number).to_json(), key=name.encode())
            fine += 1

    counts = drain(topic, tmp_path)

    assert (counts.rows, counts.dead_letters) == (fine, len(bad))
    records = assert_agrees(bootstrap_servers, topic, tmp_path, bad=len(bad))
    letters = dead_letters(bootstrap_servers, topic)
    reasons = {}
    for place, name in out.places.items():
        if name == "fine":
            assert place not in letters
            continue
        (letter,) = letters.pop(place)
        (record,) = (one for one in records[place[0]] if one.offset == place[1])
        headers = dict(letter.headers)
        assert (letter.key, letter.value) == (record.key, record.value)
        assert letter.timestamp == record.timestamp
        assert headers[f"{ERRORS}topic"] == topic.encode()
        assert headers[f"{ERRORS}exception.class.name"] == b"labkit.errors.BadReading"
        reasons[name] = headers[f"{ERRORS}exception.message"].decode()
        assert reasons[name].strip()
    assert not letters
    assert len(set(reasons.values())) >= 30, "reasons tell the mistakes apart"
    assert drain(topic, tmp_path).dead_letters == 0, "a restart sends none again"
    assert sum(map(len, dead_letters(bootstrap_servers, topic).values())) == len(bad)


def test_a_record_is_kept_as_it_was(bootstrap_servers: str, topic: str, tmp_path: Path) -> None:
    limit = 1_048_588  # Kafka's default for the largest batch
    with sender(bootstrap_servers, topic) as out:
        out.send("headers", b"x", headers=[("a", b"1"), ("a", b"2"), ("ü", b"\xff")])
        out.send("no key", b"x", key=None)
        out.send("largest", b"x" * (limit - 200), key=b"k" * 20, headers=[("h", b"v" * 50)])
        out.send("tombstone", None, key=b"k")
        out.send("again", b"x", headers=[(f"{ERRORS}topic", b"of an earlier life")])
    assert drain(topic, tmp_path).dead_letters == 5

    letters = dead_letters(bootstrap_servers, topic)
    records = read_topic(bootstrap_servers, topic)
    for place in out.places:
        (letter,) = letters[place]
        (record,) = (one for one in records[place[0]] if one.offset == place[1])
        assert (letter.key, letter.value) == (record.key, record.value)
        assert list(letter.headers)[: len(record.headers)] == list(record.headers)
        assert [name for name, _ in list(letter.headers)[len(record.headers) :]] == [
            ERRORS + name
            for name in (
                "topic",
                "partition",
                "offset",
                "connector.name",
                "stage",
                "class.name",
                "exception.class.name",
                "exception.message",
            )
        ]
        assert dict(letter.headers)[f"{ERRORS}topic"] == topic.encode()


def test_a_compressed_giant_is_cut_to_what_the_queue_takes(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    giant = b"x" * 5_000_000  # 5 kB on the way, five times the limit when unpacked
    producer = KafkaProducer(
        bootstrap_servers=bootstrap_servers, compression_type="gzip", max_request_size=10_000_000
    )
    producer.send(topic, giant, b"k").get(timeout=30)
    producer.send(topic, good(1).to_json(), b"k").get(timeout=30)
    producer.close()

    counts = drain(topic, tmp_path)

    assert (counts.rows, counts.dead_letters) == (1, 1)
    ((letter,),) = dead_letters(bootstrap_servers, topic).values()
    kept = len(letter.value)
    assert giant.startswith(letter.value)
    assert kept > 1_000_000
    assert dict(letter.headers)["labkit.value.kept"] == f"{kept} of 5000000 bytes".encode()


@pytest.mark.quick
def test_the_status_tells_of_the_last_dead_letter(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    with sender(bootstrap_servers, topic) as out:
        for value in (good(1).to_json(), b"", b"nonsense", good(2).to_json()):
            out.send("k", value, key=b"k")
    drain(topic, tmp_path)

    ((partition, _), *_) = out.places
    (status,) = (one for one in read_progress(tmp_path, topic) if one.partition == partition)
    assert (status.rows, status.dead_letters) == (2, 2)
    assert status.last_dead_letter is not None
    assert status.last_dead_letter.offset == 2
    assert "not JSON" in status.last_dead_letter.reason
