"""Lesson 03b's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_03b as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED
PACKED = "lesson03b-packed"
ROOMY = {"linger_ms": 500, "batch_size": 262_144}


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topics, on the session's broker."""
    for name in ("plain", "gzip", "packed", "faulty"):
        try:
            lab.delete_topic(f"lesson03b-{name}")
        except TopicNotFound:
            continue


def send_all(topic: str, number: int = 500, **settings: Any) -> None:
    """Send readings as the lesson does."""
    lab.fresh_topic(topic, num_partitions=3)
    readings = islice(lab.Fleet(seed=7).readings(datetime.now(UTC), 20), number)
    with kafka_clients.producer(**settings) as client:
        for reading in readings:
            client.send(topic, key=reading.facility_id.encode(), value=reading.to_json())


@pytest.mark.parametrize(
    "settings",
    [
        {"enable_idempotence": True},
        {"enable_idempotence": True, "acks": "all"},
        {"enable_idempotence": True, "linger_ms": 5},
    ],
)
def test_q1_asked_for_idempotence(settings: dict[str, Any]) -> None:
    expect(ex.q1, CORRECT, settings, says="refuses to start")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "starts all the same"),
        ({"acks": "all"}, "starts all the same"),
        ({"acks": 1}, "starts all the same"),
        ({"enable_idempotence": False}, "starts all the same"),
        ({"enable_idempotence": True, "acks": 1}, "does not start with these settings"),
        ({"enable_idempotense": True}, "no setting `enable_idempotense`"),
        ("all", "The answer is a dictionary"),
        (True, "The answer is a dictionary"),
    ],
)
def test_q1_others(settings: Any, says: str) -> None:
    expect(ex.q1, NOT_YET, settings, says=says)


def test_q1_blank_and_solved() -> None:
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, CORRECT, solve(ex.q1)["settings"], says="refuses to start")


def test_p1_gzip_among_its_like() -> None:
    expect_revealed(ex.p1, 16, NOT_ATTEMPTED, says="no topic")
    for name in ("plain", "gzip"):
        lab.ensure_topic(f"lesson03b-{name}", num_partitions=3)
    expect_revealed(ex.p1, 16, NOT_ATTEMPTED, says="Nothing has been sent")
    send_all("lesson03b-plain", linger_ms=200)
    send_all("lesson03b-gzip", linger_ms=200, compression_type="gzip")
    expect_revealed(ex.p1, 80, NOT_YET, says="You said 80")
    for near in (15, "20", "11 %"):
        expect_revealed(ex.p1, near, CORRECT, says="That is the percentage")


def test_q2_few_bytes() -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="no topic")
    lab.ensure_topic(PACKED, num_partitions=3)
    expect(ex.q2, NOT_ATTEMPTED, says="holds no record")
    solve(ex.q2, send_all=send_all)
    expect(ex.q2, CORRECT, says="bytes of JSON")
    with kafka_clients.producer() as client:
        client.send(PACKED, value=b"{}")
    expect(ex.q2, NOT_YET, says="`send_all` replaces the topic")
    send_all(PACKED, **ROOMY, compression_type="zstd")  # a second try, and another codec
    expect(ex.q2, CORRECT, says="bytes of JSON")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"number": 20, **ROOMY}, "20 records"),
        (ROOMY, "Nothing was compressed"),
        ({"linger_ms": 500, "compression_type": "gzip"}, "not enough"),
        ({"batch_size": 4_096, "linger_ms": 500, "compression_type": "gzip"}, "not enough"),
        ({**ROOMY, "compression_type": "lz4"}, "not enough"),
    ],
)
def test_q2_too_many_bytes(settings: dict[str, Any], says: str) -> None:
    send_all(PACKED, **settings)
    expect(ex.q2, NOT_YET, says=says)


def test_q3_bad_readings() -> None:
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_ATTEMPTED, 3, says="no topic")
    lab.ensure_topic("lesson03b-faulty")
    expect(ex.q3, NOT_ATTEMPTED, 3, says="holds no record")
    careless = lab.start_producer("lesson03b-faulty", 0, count=300, faults=0.1, name="careless")
    assert careless.wait(60)
    answer = solve(ex.q3, careless=careless)["bad"]
    assert answer not in (0, 150, 300)
    expect(ex.q3, CORRECT, answer, says=f"{answer} of 300")
    expect(ex.q3, CORRECT, float(answer), says=f"{answer} of 300")
    expect(ex.q3, NOT_YET, answer + 1, says="only the chance")  # such as a tenth, by and large
    expect(ex.q3, NOT_YET, 0, says="begins at the end")
    expect(ex.q3, NOT_YET, 300, says="how many values there are")
    expect(ex.q3, NOT_YET, 300 - answer, says="how many are valid")
    expect(ex.q3, NOT_YET, str(answer), says="quotation marks")
    expect(ex.q3, NOT_YET, careless.counts, says="a whole number")
