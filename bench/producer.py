"""The whole producer beside a bare one.

Ours simulates a plant, validates the reading, serialises it, sends it with acks=all and accounts
for every answer. The peer is kafka-python's ``send`` with a key and bytes that are ready already.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from bench.figures import Bar, Figure, Scale, compare, seconds
from labkit import connection
from labkit.fleet import Fleet
from labkit.pace import Pace
from labkit.producer_loop import RELIABLE, fleet_source, produce
from labkit.topics import ensure_topic


def measure(scale: Scale) -> list[Figure]:
    """Return records per second of both."""
    records = scale.of(60_000, 3_000)
    ensure_topic("bench-producer", num_partitions=3)
    fleet = Fleet(seed=7)
    ready = [fleet.reading(datetime.now(UTC), 1.0) for _ in fleet.facilities]
    pairs = [(one.facility_id.encode(), one.to_json()) for one in ready]

    def ours() -> float:
        source = fleet_source(Pace(0, 0.0), seed=7)

        def work() -> None:
            counts = produce("bench-producer", source, threading.Event(), count=records)
            assert counts.acked == records, counts

        return records / seconds(work)

    def bare() -> float:
        def work() -> None:
            client = connection.producer(**RELIABLE)
            try:
                for number in range(records):
                    key, value = pairs[number % len(pairs)]
                    client.send("bench-producer", key=key, value=value)
                client.flush(60)
            finally:
                client.close(timeout=10)

        return records / seconds(work)

    return [
        compare(
            "producer: simulate, validate, send, account",
            "records/s",
            ours,
            "bare kafka-python send of ready bytes",
            bare,
            rounds=scale.rounds,
            bar=Bar("≥", 1.2),
        )
    ]
