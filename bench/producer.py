"""The whole producer, compared with a bare one.

Ours simulates a plant, validates the reading, serialises it, sends it with acks=all and accounts
for every answer. The peer is kafka-python's ``send`` with a key and bytes that are ready already:
once with the client's defaults (acks=all and idempotent, too), once with the lab's batches.
"""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from bench.figures import Bar, Figure, Scale, from_pairs, in_turn, seconds, timed
from labkit.broker import kafka_clients
from labkit.producer.producer_client import RELIABLE
from labkit.producer.send_loop import fleet_source, produce
from labkit.readings.fleet import Fleet
from labkit.readings.pacing import Pace
from labkit.topics.topics import ensure_topic

TOPIC = "bench-producer"


def measure(scale: Scale) -> list[Figure]:
    """Return records per second of the lab and of the peer."""
    records = scale.of(100_000, 3_000)
    ensure_topic(TOPIC, num_partitions=3)
    rounds = in_turn(
        scale.rounds,
        lambda: lab(TOPIC, records),
        lambda: bare(records, {}),
        lambda: bare(records, RELIABLE),
    )
    return [
        from_pairs(
            "producer: simulate, validate, send, account",
            "records/s",
            "bare kafka-python send of ready bytes",
            [(ours, default) for ours, default, _ in rounds],
            bar=Bar("≥", 1.2),
            note=f"{records:,} records, acks=all and idempotent on both sides",
        ),
        from_pairs(
            "producer, against a tuned client",
            "records/s",
            f"the same send with linger_ms={RELIABLE['linger_ms']}, "
            f"batch_size={RELIABLE['batch_size']}",
            [(ours, tuned) for ours, _, tuned in rounds],
            note="no bar: what the client can do at most",
        ),
    ]


def lab(topic: str, records: int) -> float:
    """Produce as the lab does, as fast as it goes."""
    source = fleet_source(Pace(0, 0.0), seed=7)
    counts, took_s = timed(lambda: produce(topic, source, threading.Event(), count=records))
    assert counts.acked == records, counts
    return records / took_s


def filled_topic(records: int) -> str:
    """Return a new topic of three partitions that holds this many readings."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    ensure_topic(topic, num_partitions=3)
    lab(topic, records)
    return topic


def bare(records: int, settings: dict[str, Any]) -> float:
    """Send the same few readings over and over, with kafka-python alone."""
    fleet = Fleet(seed=7)
    ready = [fleet.reading(datetime.now(UTC), 1.0) for _ in fleet.facilities]
    pairs = [(one.facility_id.encode(), one.to_json()) for one in ready]

    def work() -> None:
        client = kafka_clients.producer(**settings)
        try:
            for number in range(records):
                key, value = pairs[number % len(pairs)]
                last = client.send(TOPIC, key=key, value=value)
            client.flush(60)
            assert last.succeeded(), last.exception
        finally:
            client.close(timeout=10)

    return records / seconds(work)
