"""The whole producer, compared with the one that most tutorials write.

Ours simulates a plant, validates the reading, serialises it, sends it with acks=all and accounts
for every answer. The peer makes up every field of every record with Faker, turns it into JSON and
sends it with kafka-python's defaults; it checks no answer, and flushes at the end.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from faker import Faker
from kafka import KafkaProducer

from bench.figures import Bar, Figure, Scale, compare, seconds
from bench.producer import lab
from labkit.broker.kafka_clients import bootstrap_servers
from labkit.topics.topics import ensure_topic

TOPIC = "bench-producer-faker"


def measure(scale: Scale) -> list[Figure]:
    """Return records per second of both."""
    records, fewer = scale.of(60_000, 3_000), scale.of(3_000, 300)
    ensure_topic(TOPIC, num_partitions=3)

    return [
        compare(
            "producer, against a tutorial's",
            "records/s",
            lambda: lab(TOPIC, records),
            "Faker for each field of each record, json.dumps, kafka-python send",
            lambda: fewer / seconds(lambda: tutorial(fewer)),
            rounds=scale.rounds,
            bar=Bar("≥", 10),
            note=f"{records:,} records of the lab, {fewer:,} of the peer; the same fields",
        )
    ]


def tutorial(records: int) -> None:
    """Send records as a tutorial does."""
    fake = Faker()
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers())
    sent = []
    for _ in range(records):
        reading = fake_reading(fake)
        key, value = reading["facility_id"].encode(), json.dumps(reading).encode()
        sent.append(producer.send(TOPIC, key=key, value=value))
    producer.flush()
    producer.close()
    assert all(future.succeeded() for future in sent)


def fake_reading(fake: Faker) -> dict[str, Any]:
    """Return the fields of a reading, each of them generated."""
    return {
        "reading_id": fake.uuid4(),
        "recorded_at": datetime.now(UTC).isoformat(),
        "interval_s": fake.pyfloat(min_value=1, max_value=60),
        "facility_id": fake.bothify("??-####").upper(),
        "facility": f"{fake.city()} Power Station",
        "operator": fake.company(),
        "country": fake.country_code(),
        "latitude": float(fake.latitude()),
        "longitude": float(fake.longitude()),
        "sector": fake.random_element(("power", "cement", "steel", "waste")),
        "fuel": fake.random_element(("coal", "gas", "oil", "biomass")),
        "load_mw": fake.pyfloat(min_value=50, max_value=900, right_digits=2),
        "co2_kg": fake.pyfloat(min_value=10, max_value=9_000, right_digits=3),
        "factor_id": fake.bothify("IPCC-####"),
        "quality": fake.random_element(("measured", "substituted")),
    }
