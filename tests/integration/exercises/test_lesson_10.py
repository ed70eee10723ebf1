"""Lesson 10's checks on a real broker: blank, solved, and wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.exercises import lesson_10 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED


@pytest.fixture
def scale(lab_dir: Path, bootstrap_servers: str) -> None:
    lab.fresh_topic(ex.TOPIC, num_partitions=3)


def test_q1_partitions_for_six(scale: None) -> None:
    expect(ex.q1, NOT_ATTEMPTED, says="first 3 partitions")
    lab.alter_topic(ex.TOPIC, num_partitions=5)
    expect(ex.q1, NOT_YET, says="a member of the six would be idle")
    lab.alter_topic(ex.TOPIC, num_partitions=6)
    expect(ex.q1, CORRECT, says="each of six members has one")
    lab.alter_topic(ex.TOPIC, num_partitions=7)
    expect(ex.q1, NOT_YET, says="7 partitions keep six busy too")
    lab.alter_topic(ex.TOPIC, num_partitions=12)
    expect(ex.q1, NOT_YET, says="12 partitions keep six busy too")
    expect(ex.q1, NOT_YET, says="lab.fresh_topic")
    lab.fresh_topic(ex.TOPIC, num_partitions=1)
    expect(ex.q1, NOT_YET, says="With 1 partition")
    lab.fresh_topic(ex.TOPIC, num_partitions=6)
    expect(ex.q1, CORRECT, says="each of six members has one")
    lab.fresh_topic(ex.TOPIC, num_partitions=3)
    solve(ex.q1)
    expect(ex.q1, CORRECT, says="each of six members has one")


def test_q2_a_key_that_spreads(lab_dir: Path, bootstrap_servers: str) -> None:
    def begin() -> None:
        lab.fresh_topic(ex.KEYS_TOPIC, num_partitions=3)

    def send(count: int, key: Any) -> None:
        assert lab.start_producer(ex.KEYS_TOPIC, readings_per_s=0, count=count, key=key).wait(60)

    def send_by_hand(*keys: bytes) -> None:
        start = datetime.now(UTC) - timedelta(hours=1)
        readings = lab.Fleet(seed=7).readings(start, 20.0)
        with kafka_clients.producer() as producer:
            for key, one in zip(keys, readings, strict=False):
                producer.send(
                    ex.KEYS_TOPIC, key=key or one.facility_id.encode(), value=one.to_json()
                )

    begin()
    expect(ex.q2, NOT_ATTEMPTED, says="is empty")
    send(10, "facility_id")
    expect(ex.q2, NOT_YET, says="holds 10 records")
    send(600, "country")
    expect(ex.q2, NOT_YET, says="partitions")
    begin()
    send(600, "country")
    expect(ex.q2, NOT_YET, says="too much in one")
    expect(ex.q2, NOT_YET, says="lab.fresh_topic")
    begin()
    send_by_hand(*[b"all the same"] * 600)
    expect(ex.q2, NOT_YET, says="with 1 different key")
    begin()
    send_by_hand(*[f"{number}".encode() for number in range(600)])  # spreads, and breaks the order
    expect(ex.q2, NOT_YET, says="their order is lost")
    with kafka_clients.producer() as producer:
        producer.send(ex.KEYS_TOPIC, value=b"1")
    expect(ex.q2, NOT_YET, says="is not a reading")
    lab.fresh_topic(ex.KEYS_TOPIC, num_partitions=1)
    send(600, "facility_id")
    expect(ex.q2, NOT_YET, says="The partitions hold [600]")
    lab.fresh_topic(ex.KEYS_TOPIC, num_partitions=6)
    send(600, "facility_id")
    expect(ex.q2, CORRECT, says="with 24 keys")
    begin()
    send_by_hand(*[b""] * 600)
    expect(ex.q2, CORRECT, says="with 24 keys")
    send(300, "facility_id")
    expect(ex.q2, CORRECT, says="with 24 keys")
    solve(ex.q2)
    expect(ex.q2, CORRECT, says="with 24 keys")


def test_q3_the_hot_key(lab_dir: Path, bootstrap_servers: str) -> None:
    lab.fresh_topic(ex.HOT_TOPIC, num_partitions=3)
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_ATTEMPTED, "PL-COAL-001", says="is empty")
    with kafka_clients.producer() as producer:
        for key in [b"cold"] * 5 + [b"hot"] * 20 + [b"warm"] * 10:
            producer.send(ex.HOT_TOPIC, key=key, value=b"1")
    expect(ex.q3, NOT_YET, "warm", says="10 records of `lesson10-hot` have that key")
    expect(ex.q3, NOT_YET, "cold", says="another key has more")
    expect(ex.q3, NOT_YET, "PL", says="No record of `lesson10-hot` has the key")
    expect(ex.q3, NOT_YET, 2, says="text, in quotation marks")
    expect(ex.q3, NOT_YET, b"hot", says="`.decode()`")
    expect(ex.q3, NOT_YET, ["hot"], says="text, in quotation marks")
    settings = {"bootstrap_servers": bootstrap_servers, "auto_offset_reset": "earliest"}
    solved = solve(ex.q3, settings=settings, KafkaConsumer=KafkaConsumer)["hot"]
    assert solved == "hot"
    expect(ex.q3, CORRECT, solved, says="20 records of 35")


def test_p1_one_of_four_is_idle(scale: None) -> None:
    expect_revealed(ex.p1, 3, NOT_ATTEMPTED, says="has 0 members")
    with lab.start_consumer(ex.TOPIC, ex.GROUP, "data/lesson10", workers=4):
        expect_revealed(ex.p1, 4, NOT_YET, says="[1, 1, 1, 0]")
        expect_revealed(ex.p1, 3, CORRECT, says="so 1 is idle")
