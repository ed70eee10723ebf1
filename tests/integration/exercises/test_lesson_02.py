"""Lesson 02's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka.partitioner.default import murmur2
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_02 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topics, on the session's broker."""
    for name in ("plants", "hour", "keys", "grown"):
        try:
            lab.delete_topic(f"lesson02-{name}")
        except TopicNotFound:
            continue


def send(topic: str, *keys: bytes | None) -> None:
    with kafka_clients.producer() as producer:
        for key in keys:
            producer.send(topic, key=key, value=b"1")


def test_q1_a_topic_of_four_partitions() -> None:
    expect(ex.q1, NOT_ATTEMPTED, says="no topic `lesson02-plants`")
    lab.ensure_topic("lesson02-plants", num_partitions=3)
    expect(ex.q1, NOT_YET, says="has 3 partitions")
    lab.fresh_topic("lesson02-plants", num_partitions=5)
    expect(ex.q1, NOT_YET, says="never remove one")
    lab.delete_topic("lesson02-plants")
    solve(ex.q1)
    expect(ex.q1, CORRECT, says="with 4 partitions")


def test_q2_the_partition_of_a_key() -> None:
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")

    def blank(key, num_partitions): ...

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q2, NOT_ATTEMPTED, lambda key, n: 0, says="no topic")
    lab.ensure_topic("lesson02-keys", num_partitions=3)
    expect(ex.q2, NOT_ATTEMPTED, lambda key, n: 0, says="no records with a key")
    send("lesson02-keys", *(b"PLANT-%03d" % number for number in range(30)), None)
    expect(ex.q2, NOT_YET, lambda key, n: 0, says="are elsewhere")
    expect(ex.q2, NOT_YET, lambda key, n: murmur2(key) % n, says="are elsewhere")  # the top bit
    expect(ex.q2, ERROR, lambda key: 0, says="TypeError")
    expect(ex.q2, CORRECT, solve(ex.q2, murmur2=murmur2)["partition_of"], says="all 30 records")


def test_q3_no_more_copies_than_brokers() -> None:
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_YET, 3, says="This cluster has 1 broker.")
    expect(ex.q3, NOT_YET, "one", says="'one'")
    expect(ex.q3, CORRECT, solve(ex.q3)["largest"], says="The cluster has 1 broker")


def test_q4_an_hour_in_milliseconds() -> None:
    expect(ex.q4, NOT_ATTEMPTED, says="no topic `lesson02-hour`")
    lab.ensure_topic("lesson02-hour")
    expect(ex.q4, NOT_YET, says="no `retention.ms` was set")
    lab.alter_topic("lesson02-hour", config={"retention.ms": 3_600})
    expect(ex.q4, NOT_YET, says="0.001 hours")
    lab.delete_topic("lesson02-hour")
    solve(ex.q4)
    expect(ex.q4, CORRECT, says="3,600,000")


def test_p1_one_key_lies_in_one_partition() -> None:
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, says="no topic")
    lab.ensure_topic("lesson02-keys", num_partitions=3)
    expect_revealed(ex.p1, 1, NOT_ATTEMPTED, says="Nothing has been sent")
    send("lesson02-keys", *[b"PL-COAL-001"] * 12)
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, says="All 12 records")
    expect_revealed(ex.p1, 3, NOT_YET, says="You said 3. It was 1")
    expect_revealed(ex.p1, 1, CORRECT, says="It was 1")


def test_p2_a_key_moves_when_the_topic_grows() -> None:
    plants = [b"PLANT-%03d" % number for number in range(20)]
    lab.ensure_topic("lesson02-grown", num_partitions=3)
    send("lesson02-grown", *plants)
    expect_revealed(ex.p2, "moves", NOT_ATTEMPTED, says="not grown yet")
    lab.alter_topic("lesson02-grown", num_partitions=5)
    send("lesson02-grown", *plants)
    expect_revealed(ex.p2, "stays", NOT_YET, says="of 20 keys")
    expect_revealed(ex.p2, "moves", CORRECT, says="hash % 5 is not hash % 3")
