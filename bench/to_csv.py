"""Kafka to CSV, exactly once, compared with a loop that polls and drops.

Ours is the consumer as it runs in the lab: poll, parse, validate, write rows with checksums,
commit. The peer only polls, and does nothing to the records: once as kafka-python is by default,
once told to fetch as ours does. All are timed from the first record on, so nobody's start counts.
"""

from __future__ import annotations

import time

from kafka import TopicPartition

from bench.csv_peers import lab
from bench.figures import Bar, Figure, Scale, from_pairs, in_turn
from bench.producer import filled_topic
from labkit.broker import kafka_clients
from labkit.consumer.group_member import FETCH_MAX_WAIT_MS, MAX_POLL_RECORDS

AS_OURS = {"max_poll_records": MAX_POLL_RECORDS, "fetch_max_wait_ms": FETCH_MAX_WAIT_MS}


def measure(scale: Scale) -> list[Figure]:
    """Return rows per second of the lab, and records per second of the peer."""
    records = scale.of(200_000, 10_000)
    topic = filled_topic(records)
    rounds = in_turn(
        scale.rounds,
        lambda: lab(topic, records),
        lambda: poll(topic, records),
        lambda: poll(topic, records, **AS_OURS),
    )
    return [
        from_pairs(
            "Kafka to CSV, exactly once",
            "rows/s",
            "bare kafka-python poll that drops the records",
            [(ours, bare) for ours, bare, _ in rounds],
            bar=Bar("≥", 0.75),
            note=f"{records:,} records, from the first on",
        ),
        from_pairs(
            "Kafka to CSV, exactly once, against a tuned client",
            "rows/s",
            f"the same poll with {', '.join(f'{key}={value}' for key, value in AS_OURS.items())}",
            [(ours, tuned) for ours, _, tuned in rounds],
            note="no bar: what the client can do at most",
        ),
    ]


def poll(topic: str, records: int, **settings: int) -> float:
    """Read the topic with kafka-python alone."""
    client = kafka_clients.consumer(enable_auto_commit=False, **settings)
    try:
        partitions = [TopicPartition(topic, number) for number in range(3)]
        client.assign(partitions)
        client.seek_to_beginning(*partitions)
        left, first_at = records, 0.0
        while left:
            began_at = time.perf_counter()
            found = sum(map(len, client.poll(timeout_ms=1000).values()))
            if found and left == records:
                first_at = began_at
            left -= found
        return records / (time.perf_counter() - first_at)
    finally:
        client.close()
