"""Lesson 03's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from kafka import KafkaProducer
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_03 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED

PLANTS = [{"facility_id": f"GB-GAS-{number:03d}"} for number in range(1, 6)]


def reading_of(plant: dict[str, str]) -> dict[str, object]:
    return {**plant, "co2_kg": 1.0, "factor_id": "ipcc2006-gas"}


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topics, on the session's broker."""
    for name in ("fleet", "factors", "hard", "plain", "gzip", "kept", "packed", "faulty"):
        try:
            lab.delete_topic(f"lesson03-{name}")
        except TopicNotFound:
            continue


@pytest.fixture
def producer(bootstrap_servers: str) -> Iterator[KafkaProducer]:
    with kafka_clients.producer() as client:
        yield client


def send_all(topic: str, number: int = 500, **settings: object) -> None:
    """Send readings as the lesson does."""
    lab.fresh_topic(topic, num_partitions=3)
    readings = islice(lab.Fleet(seed=7).readings(datetime.now(UTC), 20), number)
    with kafka_clients.producer(**settings) as client:
        for reading in readings:
            client.send(topic, key=reading.facility_id.encode(), value=reading.to_json())


def test_q1_a_fleet_with_keys(producer: KafkaProducer) -> None:
    topic = "lesson03-fleet"
    expect(ex.q1, NOT_ATTEMPTED, says="no topic")
    lab.ensure_topic(topic, num_partitions=3)
    expect(ex.q1, NOT_ATTEMPTED, says="holds no record")

    def send_fresh(key: bytes | None, value: bytes) -> None:
        lab.fresh_topic(topic, num_partitions=3)
        producer.send(topic, key=key, value=value).get(timeout=10)

    good = json.dumps(reading_of(PLANTS[0])).encode()
    send_fresh(None, good)
    expect(ex.q1, NOT_YET, says="has no key")
    send_fresh(b"GB-GAS-001", str(reading_of(PLANTS[0])).encode())  # Python's words, not JSON
    expect(ex.q1, NOT_YET, says="is not JSON")
    send_fresh(b"GB-GAS-001", b"42")
    expect(ex.q1, NOT_YET, says="not an object")
    send_fresh(b"GB", good)
    expect(ex.q1, NOT_YET, says="is a reading of 'GB-GAS-001'")
    send_fresh(b"GB-GAS-001", json.dumps(PLANTS[0]).encode())
    expect(ex.q1, NOT_YET, says="which emission factor")
    send_fresh(b"GB-GAS-001", good)
    expect(ex.q1, NOT_YET, says="Readings of 1 plants")
    solve(ex.q1, plants=PLANTS, reading_of=reading_of, json=json, producer=producer)
    expect(ex.q1, CORRECT, says="of 5 plants")


def test_q2_gross_and_net(producer: KafkaProducer) -> None:
    topic = "lesson03-factors"
    expect(ex.q2, NOT_ATTEMPTED, says="no topic")
    lab.ensure_topic(topic, num_partitions=3)

    def say(factor_id: str, co2_kg: float) -> None:
        value = json.dumps({"factor_id": factor_id, "co2_kg": co2_kg}).encode()
        producer.send(topic, value=value).get(timeout=10)

    say("ipcc2006-gas", 561.0)
    expect(ex.q2, NOT_YET, says="No record with the factor_id `epa98-gas`")
    say("epa98-gas", 1.0)
    expect(ex.q2, NOT_YET, says="By IPCC you have 561 kg")
    say("ipcc2006-gas", 56_100.0)
    expect(ex.q2, NOT_YET, says="far from IPCC")
    for mistake, says in (
        (1000 / 1.055 * 53.06, "takes net heat for gross heat"),
        (1000 * 0.9 / 1.055 * 53.06, "not multiply"),
        (1000 / 0.9 * 53.06, "takes 1 GJ for 1 mmBtu"),
        (1000 / 0.9 * 1.055 * 53.06, "fewer mmBtu than GJ"),
        (1000 * 53.06, "two steps to go"),
    ):
        say("epa98-gas", mistake)
        expect(ex.q2, NOT_YET, says=says)
    solve(ex.q2, json=json, producer=producer)
    expect(ex.q2, CORRECT, says="0.4% apart")


def test_q3_a_hard_end_that_loses_nothing() -> None:
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_YET, "pass", says="0 of 24 records arrived")
    expect(ex.q3, NOT_YET, None, says="Put it between quotation marks")  # flush() itself
    expect(ex.q3, NOT_YET, "producer.flsh()", says="AttributeError")
    expect(ex.q3, NOT_YET, "os._exit(0)", says="0 of 24 records arrived")
    expect(ex.q3, CORRECT, solve(ex.q3)["last_line"], says="All 24 records")
    expect(ex.q3, CORRECT, "producer.close()", says="All 24 records")


def test_q4_few_bytes() -> None:
    topic = "lesson03-packed"
    expect(ex.q4, NOT_ATTEMPTED, says="no topic")
    send_all(topic, number=20)
    expect(ex.q4, NOT_YET, says="20 records")
    send_all(topic, linger_ms=500, batch_size=262_144)
    expect(ex.q4, NOT_YET, says="nothing was compressed")
    send_all(topic, batch_size=4_096, linger_ms=500, compression_type="gzip")
    expect(ex.q4, NOT_YET, says="in small batches")
    solve(ex.q4, send_all=send_all)
    expect(ex.q4, CORRECT, says="bytes of JSON")
    with kafka_clients.producer() as client:
        client.send(topic, value=b"{}")
    expect(ex.q4, NOT_YET, says="is not a reading")


def test_q5_bad_readings() -> None:
    expect(ex.q5, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q5, NOT_ATTEMPTED, 3, says="no topic")
    lab.ensure_topic("lesson03-faulty")
    expect(ex.q5, NOT_ATTEMPTED, 3, says="holds no record")
    careless = lab.start_producer("lesson03-faulty", 0, count=300, faults=0.1, name="careless")
    assert careless.wait(60)
    expect(ex.q5, NOT_YET, 30, says="You said 30")  # a tenth, by and large
    expect(ex.q5, NOT_YET, careless.counts.acked, says="of 300 values")
    answer = solve(ex.q5, careless=careless)["bad"]
    expect(ex.q5, CORRECT, answer, says=f"{answer} of 300")


def test_p1_what_was_in_memory_is_lost(producer: KafkaProducer) -> None:
    expect_revealed(ex.p1, 0, NOT_ATTEMPTED, says="no topic")
    lab.ensure_topic("lesson03-hard")
    expect_revealed(ex.p1, 24, NOT_YET, says="You said 24. It was 0")
    expect_revealed(ex.p1, 0, CORRECT, says="0 of the 24")
    producer.send("lesson03-hard", value=b"1").get(timeout=10)
    expect_revealed(ex.p1, 0, NOT_YET, says="1 of the 24")  # it counts what is there


def test_p2_gzip_among_its_like() -> None:
    expect_revealed(ex.p2, 11, NOT_ATTEMPTED, says="no topic")
    for name in ("plain", "gzip"):
        lab.ensure_topic(f"lesson03-{name}", num_partitions=3)
    expect_revealed(ex.p2, 11, NOT_ATTEMPTED, says="Nothing has been sent")
    roomy = {"linger_ms": 500, "batch_size": 262_144}
    send_all("lesson03-plain", **roomy)
    send_all("lesson03-gzip", **roomy, compression_type="gzip")
    expect_revealed(ex.p2, 80, NOT_YET, says="You said 80")
    expect_revealed(ex.p2, "a tenth", NOT_ATTEMPTED, says="It was 11")
    for near in (15, "15", "11 %"):
        expect_revealed(ex.p2, near, CORRECT, says="Percent")
