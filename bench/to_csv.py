"""Kafka to CSV, exactly once, beside a loop that polls and drops.

Ours is the consumer as it runs in the lab: poll, parse, validate, write rows with checksums,
commit. The peer only polls: kafka-python's own speed, with nothing done to the records.
"""

from __future__ import annotations

import tempfile
import threading
import uuid
from pathlib import Path

from kafka import TopicPartition

from bench.figures import Bar, Figure, Scale, compare, seconds
from labkit import connection
from labkit.consumer import consume
from labkit.pace import Pace
from labkit.producer_loop import fleet_source, produce
from labkit.topics import ensure_topic


def measure(scale: Scale) -> list[Figure]:
    """Return records per second of both, over the same topic."""
    records = scale.of(200_000, 10_000)
    topic = f"bench-csv-{uuid.uuid4().hex[:8]}"
    ensure_topic(topic, num_partitions=3)
    produce(topic, fleet_source(Pace(0, 0.0), seed=7), threading.Event(), count=records)

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:

            def work() -> None:
                group = f"bench-{uuid.uuid4().hex[:8]}"
                counts = consume(topic, group, Path(folder), threading.Event(), until_end=True)
                assert counts.rows == records, counts

            return records / seconds(work)

    def bare() -> float:
        def work() -> None:
            client = connection.consumer(enable_auto_commit=False, max_poll_records=2000)
            try:
                partitions = [TopicPartition(topic, number) for number in range(3)]
                client.assign(partitions)
                client.seek_to_beginning(*partitions)
                left = records
                while left:
                    batches = client.poll(timeout_ms=1000)
                    left -= sum(len(batch) for batch in batches.values())
            finally:
                client.close()

        return records / seconds(work)

    return [
        compare(
            "Kafka to CSV, exactly once",
            "rows/s",
            ours,
            "bare kafka-python poll that drops the records",
            bare,
            rounds=scale.rounds,
            bar=Bar("≥", 0.75),
        )
    ]
