"""Kafka to CSV, compared with Quix Streams' sink and with pandas for each record.

All three read the same topic, and all are timed in the same way: from the first record that is
handled to the last row written and committed, so that starting and joining do not count. The
lab's time includes leaving the group, and only the lab validates and stores exactly once.
"""

from __future__ import annotations

import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import peers
from bench.figures import Bar, Figure, Scale, from_pairs, in_turn
from bench.producer import filled_topic
from labkit.broker.kafka_clients import bootstrap_servers
from labkit.consumer.poll_loop import consume

LOOK_EVERY_S = 0.005


def measure(scale: Scale) -> list[Figure]:
    """Return rows per second of the lab and of each peer."""
    records, fewer = scale.of(120_000, 10_000), scale.of(2_000, 500)
    topic = filled_topic(records)
    rounds = in_turn(
        scale.rounds,
        lambda: lab(topic, records),
        lambda: quix(topic, records),
        lambda: pandas(topic, fewer),
    )
    return [
        from_pairs(
            "Kafka to CSV, exactly once, against a streaming library",
            "rows/s",
            "Quix Streams' CSVSink, at least once, one file",
            [(ours, theirs) for ours, theirs, _ in rounds],
            bar=Bar("≥", 2.0),
            note=f"{records:,} rows from the first to the last commit; Quix commits each 5 s, "
            "its default, and the lab each 0.2 s",
        ),
        from_pairs(
            "Kafka to CSV, exactly once, against a tutorial's loop",
            "rows/s",
            "pandas' to_csv appends each record",
            [(ours, theirs) for ours, _, theirs in rounds],
            bar=Bar("≥", 60),
            note=f"{records:,} rows of the lab, {fewer:,} of the peer",
        ),
    ]


def lab(topic: str, records: int) -> float:
    """Store the topic as the lab does."""
    with tempfile.TemporaryDirectory() as name:
        folder, group = Path(name), f"bench-{uuid.uuid4().hex[:8]}"
        with first_row(folder) as first_at:
            counts = consume(topic, group, folder, threading.Event(), until_end=True)
            ended_at = time.perf_counter()
        assert counts.rows == records, counts
        return records / (ended_at - first_at())


@contextmanager
def first_row(folder: Path) -> Iterator[Callable[[], float]]:
    """Record, while the block runs, the last moment without a row in a topic's CSV."""
    over = threading.Event()
    seen: list[float] = []

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            now = time.perf_counter()
            if any(path.stat().st_size for path in folder.glob("*/*.csv")):
                return
            seen[:] = [now]

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield lambda: seen[0]
    finally:
        over.set()
        thread.join()


def quix(topic: str, records: int) -> float:
    """Store the topic with Quix Streams."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "readings.csv"
        took = peers.run("quix_csv", bootstrap_servers(), topic, path, "--count", records)
        assert lines(path) == records + 1, lines(path)
        return records / float(took)


def pandas(topic: str, records: int) -> float:
    """Store some of the topic with pandas, record by record."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "readings.csv"
        took = peers.run("pandas_append", bootstrap_servers(), topic, path, records)
        assert lines(path) == records + 1, lines(path)
        return records / float(took)


def lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
