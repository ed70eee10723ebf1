"""Lesson 10's checks on a real broker and real Connect workers: blank, solved, and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.connect.connect import Connect
from labkit.exercises import lesson_10 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@pytest.fixture
def scale(lab_dir: Path, bootstrap_servers: str) -> None:
    lab.fresh_topic(ex.TOPIC, num_partitions=3)


@pytest.fixture
def connect(lab_dir: Path, bootstrap_servers: str) -> Iterator[Connect]:
    """Run one worker of a group of its own: the lesson's second one is not needed to be marked."""
    lab.fresh_topic(ex.STORED_TOPIC, num_partitions=3)
    with lab.start_connect(workers=1, group_id="lesson10-test") as one:
        yield one


def test_q1_partitions_for_six(scale: None) -> None:
    expect(ex.q1, NOT_ATTEMPTED, says="first 3 partitions")
    lab.alter_topic(ex.TOPIC, num_partitions=5)
    expect(ex.q1, NOT_YET, says="1 of six members would be idle")
    lab.alter_topic(ex.TOPIC, num_partitions=12)
    expect(ex.q1, NOT_YET, says="12 partitions keep six busy too")
    lab.fresh_topic(ex.TOPIC, num_partitions=3)
    solve(ex.q1)
    expect(ex.q1, CORRECT, says="each of six members has one")


def test_q2_a_key_that_spreads(lab_dir: Path, bootstrap_servers: str) -> None:
    def begin(*keys: bytes | None) -> None:
        lab.fresh_topic(ex.KEYS_TOPIC, num_partitions=3)
        with kafka_clients.producer() as producer:
            for key in keys:
                producer.send(ex.KEYS_TOPIC, key=key, value=b"1")

    begin()
    expect(ex.q2, NOT_ATTEMPTED, says="is empty")
    begin(*[b"PL-COAL-001"] * 10)
    expect(ex.q2, NOT_YET, says="holds 10 records")
    begin(*[b"PL-COAL-001"] * 600)
    expect(ex.q2, NOT_YET, says="too much in one, with 1 different keys")
    begin(*[None] * 600)
    expect(ex.q2, NOT_YET, says="their order is lost")
    begin()
    solve(ex.q2)
    expect(ex.q2, CORRECT, says="with 24 keys")


def test_p1_one_of_four_is_idle(scale: None) -> None:
    expect_revealed(ex.p1, 3, NOT_ATTEMPTED, says="has 0 members")
    with lab.start_consumer(ex.TOPIC, ex.GROUP, "data/lesson10", workers=4):
        expect_revealed(ex.p1, 4, NOT_YET, says="[1, 1, 1, 0]")
        expect_revealed(ex.p1, 3, CORRECT, says="so 1 is idle")


def test_q3_q4_and_p2_with_connect(connect: Connect, lab_dir: Path) -> None:
    lines = lab_dir / "lines.txt"
    expect(ex.q3, NOT_ATTEMPTED, connect, says="There is no connector")
    expect_revealed(ex.p2, "more", NOT_ATTEMPTED, lines, says="There is no lines.txt yet")
    settings = {"connector.class": FILE_SINK, "topics": ex.STORED_TOPIC, "file": str(lines)}
    connect.create(ex.CONNECTOR, settings | {"tasks.max": 1})
    expect(ex.q3, NOT_YET, connect, says="It has 1 task, not 2")
    solve(ex.q3, connect=connect, lines=lines)
    expect(ex.q3, CORRECT, connect, says="task 0 on worker 1")

    assert lab.start_producer(ex.STORED_TOPIC, readings_per_s=0, count=60, seed=7).wait(60)
    expect_revealed(ex.p2, ..., NOT_ATTEMPTED, lines, says="Each of the 60 records")
    expect_revealed(ex.p2, "fewer", NOT_YET, lines, says="at least once")
    expect_revealed(ex.p2, "as many", CORRECT, lines, says="has one line")
    with lines.open("a", encoding="utf-8") as file:
        file.write(lines.read_text(encoding="utf-8").splitlines(keepends=True)[0])
    expect_revealed(ex.p2, "more", CORRECT, lines, says="1 line too many")

    expect(ex.q4, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q4, NOT_YET, ex.CONNECTOR, says="a prefix")
    expect(ex.q4, NOT_YET, "csv-writers", says="knows no group 'csv-writers' with a member")
    with lab.start_consumer(ex.STORED_TOPIC, "lesson10-other", lab_dir / "data"):
        expect(ex.q4, NOT_YET, "lesson10-other", says="not the connector's tasks")
    expect(ex.q4, CORRECT, solve(ex.q4)["group_id"], says="its lag is")
