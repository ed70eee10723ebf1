"""Helpers for the fault tests: a running producer, consumers to break, and the final comparison.

docs/reliability.md lists the faults; each is a test ``test_row_NN_...``. ``make test`` runs the
short forms, ``make test-long`` the long ones. ``LABKIT_TEST_SEED`` repeats a run's random choices.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from oracle import assert_agrees
from waiting import wait_until

import labkit as lab
from labkit.consumer.consumer import Consumer
from labkit.consumer.poll_loop import consume
from labkit.producer.producer import Producer
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink.partition_status import PartitionStatus, read_progress

SEED = int(os.environ["LABKIT_TEST_SEED"])  # conftest.py chooses one


def times(variable: str, short: int) -> int:
    """Return how often to do something: ``short``, unless a variable sets another number."""
    return int(os.environ.get(f"LABKIT_TEST_{variable}", short))


def dice(what: str) -> random.Random:
    """Return a random generator, and print its seed."""
    print(f"seed {SEED}: LABKIT_TEST_SEED={SEED} repeats the same {what}")
    return random.Random(f"{SEED}-{what}")


def readings(count: int, seed: int = 7) -> list[Reading]:
    found = itertools.islice(Fleet(seed=seed).readings(datetime.now(UTC), 1000.0), count)
    return [one for one in found if isinstance(one, Reading)]


def send(
    bootstrap_servers: str, topic: str, values: list[Any], partition: int | None = None
) -> Any:
    """Send with a plain kafka-python producer; return what the broker acknowledged."""
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, max_request_size=2_000_000)
    futures = []
    for number, value in enumerate(values):
        is_reading = isinstance(value, Reading)
        key = value.facility_id if is_reading else f"key-{number}"
        content = value.to_json() if is_reading else value
        futures.append(producer.send(topic, content, key.encode(), partition=partition))
    producer.flush()
    found = [future.get(timeout=30) for future in futures]
    producer.close()
    return found


def stored(data_dir: Path, topic: str) -> int:
    return sum(status.rows for status in read_progress(data_dir, topic))


def bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.csv"))


def status_of(data_dir: Path, topic: str, partition: int) -> PartitionStatus | None:
    found = (one for one in read_progress(data_dir, topic) if one.partition == partition)
    return next(found, None)


def flows(data_dir: Path, topic: str) -> None:
    """Wait until more rows are stored than now."""
    before = bytes_on_disk(data_dir / topic)
    wait_until(lambda: bytes_on_disk(data_dir / topic) > before, "more rows")


@contextmanager
def a_consumer(name: str, topic: str, group_id: str, data_dir: Path) -> Iterator[Consumer]:
    """Run a consumer, and kill it at the end if it still runs."""
    consumer = Consumer(name, topic, group_id, data_dir)
    try:
        yield consumer
    finally:
        kill(consumer)


def kill(consumer: Consumer) -> None:
    """Send SIGKILL, which also ends a frozen process."""
    if consumer.is_running:
        consumer.process.kill()
        consumer.wait()
    consumer.ask_to_stop()  # closes our end of its input


@contextmanager
def a_stream(topic: str, readings_per_s: float = 300, faults: float = 0.01) -> Iterator[Producer]:
    """Send readings until the end, a few of them malformed."""
    producer = lab.start_producer(
        topic, readings_per_s, seed=SEED, faults=faults, name=f"stream-{topic}"
    )
    try:
        yield producer
    finally:
        with contextlib.suppress(lab.LabError):  # a test that must know stops it itself
            producer.stop(60.0)


def drain(topic: str, data_dir: Path, group_id: str = "drain") -> Any:
    return consume(topic, group_id, data_dir, threading.Event(), until_end=True)


def assert_exactly_once(
    bootstrap_servers: str, topic: str, data_dir: Path, producer: Producer
) -> int:
    """Compare producer, topic and CSV after everything is stored; return the number of records."""
    counts = producer.counts
    bad = 0
    for status in read_progress(data_dir, topic):
        bad += status.dead_letters
    records = assert_agrees(bootstrap_servers, topic, data_dir, bad=bad)
    total = sum(map(len, records.values()))
    acked, unknown = counts.acked + counts.bad_acked, counts.unknown + counts.bad - counts.bad_acked
    assert acked <= total <= acked + unknown, counts
    assert counts.bad_acked <= bad <= counts.bad
    return total
