"""What the tests of the fault matrix share: a stream that flows, and consumers to do harm to.

The matrix is in docs/reliability.md; each of its rows is a test ``test_row_NN_...``. The short
forms belong to the suite; ``make test-long`` runs the long ones. ``LABKIT_TEST_SEED`` repeats one.
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
    """Return how often to do it: in the suite, or as the variable of the long form says."""
    return int(os.environ.get(f"LABKIT_TEST_{variable}", short))


def dice(what: str) -> random.Random:
    """Return dice whose seed is printed."""
    print(f"seed {SEED}: LABKIT_TEST_SEED={SEED} rolls the same {what} again")
    return random.Random(f"{SEED}-{what}")


def readings(count: int, seed: int = 7) -> list[Reading]:
    found = itertools.islice(Fleet(seed=seed).readings(datetime.now(UTC), 1000.0), count)
    return [one for one in found if isinstance(one, Reading)]


def send(
    bootstrap_servers: str, topic: str, values: list[Any], partition: int | None = None
) -> Any:
    """Send with a producer that is not the lab's; return what the broker acknowledged."""
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
    """Wait until more is stored than now."""
    before = bytes_on_disk(data_dir / topic)
    wait_until(lambda: bytes_on_disk(data_dir / topic) > before, "more rows")


@contextmanager
def a_consumer(name: str, topic: str, group_id: str, data_dir: Path) -> Iterator[Consumer]:
    """Run a consumer; whatever it has been through, it is gone at the end."""
    consumer = Consumer(name, topic, group_id, data_dir)
    try:
        yield consumer
    finally:
        kill(consumer)


def kill(consumer: Consumer) -> None:
    """Kill -9, frozen or not."""
    if consumer.is_running:
        consumer.process.kill()
        consumer.wait()
    consumer.ask_to_stop()  # closes our end of its input


@contextmanager
def a_stream(topic: str, readings_per_s: float = 300, faults: float = 0.01) -> Iterator[Producer]:
    """Have readings sent until the end, a few bad ones among them."""
    producer = lab.start_producer(
        topic, readings_per_s, seed=SEED, faults=faults, name=f"stream-{topic}"
    )
    try:
        yield producer
    finally:
        with contextlib.suppress(lab.LabError):  # who wants to know stops it, and hears of it
            producer.stop(60.0)


def drain(topic: str, data_dir: Path, group_id: str = "drain") -> Any:
    return consume(topic, group_id, data_dir, threading.Event(), until_end=True)


def assert_exactly_once(
    bootstrap_servers: str, topic: str, data_dir: Path, producer: Producer
) -> int:
    """Compare producer, topic and CSV, once all is stored; return how many records there are."""
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
