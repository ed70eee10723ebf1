"""Lesson 03's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.broker import Broker
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_03 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.lesson_support.child_programs import run_sender

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED

BY_HAND, PROGRAM = "lesson03-by-hand", "lesson03-program"
TODO: list[dict[str, Any]] = [
    {"facility_id": plant, "co2_kg": float(number)} for plant in ex.PLANTS for number in range(4)
]
PHOTO = {**TODO[0], "photo": "x" * 50_000}


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topics, on the session's broker."""
    for name in ("by-hand", "program", "hard", "kept"):
        try:
            lab.delete_topic(f"lesson03-{name}")
        except TopicNotFound:
            continue


@pytest.fixture
def producer(bootstrap_servers: str) -> Iterator[KafkaProducer]:
    with kafka_clients.producer() as client:
        yield client


def test_p1_what_was_in_memory_is_lost(producer: KafkaProducer) -> None:
    expect_revealed(ex.p1, 0, NOT_ATTEMPTED, says="no topic")
    assert run_sender("lesson03-hard", "os._exit(0)") == 0
    expect_revealed(ex.p1, 24, NOT_YET, says="You said 24. It was 0")
    expect_revealed(ex.p1, 0, CORRECT, says="0 of the 24")
    producer.send("lesson03-hard", value=b"1").get(timeout=10)
    expect_revealed(ex.p1, 0, NOT_YET, says="1 of the 24")  # it counts what is there
    assert run_sender("lesson03-hard", "") == 24


def test_q1_the_answer_of_the_broker(producer: KafkaProducer) -> None:
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_ATTEMPTED, (0, 0), says="no topic")
    lab.ensure_topic(BY_HAND, num_partitions=3)
    expect(ex.q1, NOT_ATTEMPTED, (0, 0), says="no record")
    old = producer.send(BY_HAND, key=b"GB-GAS-001", value=b"{}").get(timeout=10)
    producer.send(BY_HAND, key=b"GB-GAS-001", value=b"{}").get(timeout=10)
    future = producer.send(BY_HAND, key=b"GB-GAS-001", value=b"{}")
    answer = solve(ex.q1, future=future)["answer"]
    expect(ex.q1, CORRECT, answer, says="the record's address")
    expect(ex.q1, CORRECT, (answer.partition, answer.offset), says="the record's address")
    expect(ex.q1, CORRECT, [answer.partition, answer.offset], says="the record's address")
    expect(ex.q1, NOT_YET, future, says="the future itself")
    expect(ex.q1, NOT_YET, old, says="An earlier record")
    expect(ex.q1, NOT_YET, answer.offset, says="two values")
    expect(ex.q1, NOT_YET, (answer.partition, 99), says="No record")
    expect(ex.q1, NOT_YET, None, says="nothing")
    expect(ex.q1, NOT_YET, str(answer.offset), says="text")
    if answer.partition != answer.offset:
        expect(ex.q1, NOT_YET, (answer.offset, answer.partition), says="The partition comes first")


def test_q2_an_abrupt_end_that_loses_nothing() -> None:
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q2, CORRECT, solve(ex.q2)["last_line"], says="All 24 records")


@pytest.mark.parametrize("line", ["producer.close()", "producer.flush(timeout=20)"])
def test_q2_other_ways_are_right(line: str) -> None:
    expect(ex.q2, CORRECT, line, says="All 24 records")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("pass", "0 of 24 records arrived"),
        (None, "between quotation marks"),  # flush() itself
        (print, "between quotation marks"),
        (["producer.flush()"], "is a list, `['producer.flush()']`, not text"),
        ("producer.flsh()", "AttributeError"),
        ("import time; time.sleep(2)", "0 of 24 records arrived"),
        ("os._exit(0)", "before the abrupt end"),
        ("import sys; sys.exit(0)", "before the abrupt end"),
        ("", "0 of 24 records arrived"),
    ],
)
def test_q2_wrong_lines(line: Any, says: str) -> None:
    expect(ex.q2, NOT_YET, line, says=says)


def test_q2_a_pause_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ex, "CHILD_S", 3.0)
    expect(ex.q2, NOT_YET, "import time; time.sleep(70)", says="A pause only guesses")


Send = Callable[..., int]


@pytest.fixture
def send() -> Send:
    """Return a program as a learner would write it: how many records are acknowledged."""
    lab.fresh_topic(PROGRAM, config={"max.message.bytes": 10_000})

    def run(todo: list[dict[str, Any]], key: Any = None, value: Any = None) -> int:
        key_of = key or (lambda one: one["facility_id"].encode())
        value_of = value or (lambda one: json.dumps(one).encode())
        with kafka_clients.producer() as mine:
            futures = [mine.send(PROGRAM, key=key_of(one), value=value_of(one)) for one in todo]
        return sum(future.succeeded() for future in futures)

    return run


def test_q3_a_whole_program(broker: Broker, send: Send) -> None:
    names = {"json": json, "KafkaProducer": KafkaProducer, "broker": broker}
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_ATTEMPTED, 20, says="no record")
    send(TODO, key=lambda one: None if one["co2_kg"] else b"x")  # what failed before does not count
    acknowledged = solve(ex.q3, todo=[*TODO, PHOTO], **names)["acknowledged"]
    assert acknowledged == 20
    expect(ex.q3, CORRECT, acknowledged, says="20 records")
    expect(ex.q3, NOT_YET, 21, says="every call of `send`")
    expect(ex.q3, NOT_YET, 1, says="you counted 1 record:")
    expect(ex.q3, NOT_YET, "20", says="quotation marks")
    solve(ex.q3, todo=[*TODO, PHOTO], **names)  # the cell is run again
    expect(ex.q3, CORRECT, acknowledged, says="20 records")


def test_q3_a_producer_that_was_refused_a_record(send: Send, producer: KafkaProducer) -> None:
    def acknowledged() -> int:
        records = [(one["facility_id"].encode(), json.dumps(one).encode()) for one in todo]
        futures = [producer.send(PROGRAM, key=key, value=value) for key, value in records]
        producer.flush()
        return sum(future.succeeded() for future in futures)

    todo = [*TODO, PHOTO]
    expect(ex.q3, CORRECT, acknowledged(), says="20 records")
    expect(ex.q3, NOT_YET, acknowledged(), says="begin the cell with a new `KafkaProducer`")


def test_q3_the_photo_is_not_wanted(send: Send) -> None:
    lab.alter_topic(PROGRAM, config={"max.message.bytes": 100_000})
    expect(ex.q3, NOT_YET, send([*TODO, PHOTO]), says="The reading with the photo is in the topic")


def test_q3_another_way_is_right(send: Send, producer: KafkaProducer) -> None:
    places = []
    for one in TODO:  # one at a time, and another order
        record = {"key": one["facility_id"].encode(), "value": json.dumps(one, indent=1).encode()}
        places.append(producer.send(PROGRAM, **record).get(timeout=10))
    expect(ex.q3, CORRECT, len(places), says="20 records")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"key": lambda one: None}, "has no key"),
        ({"key": lambda one: b"GB"}, "is a reading of 'GB-GAS-001'"),
        ({"value": lambda one: str(one).encode()}, "is not JSON"),
        ({"value": lambda one: b"42"}, "not one of the readings"),
        ({"value": lambda one: b'{"facility_id": "GB-GAS-001"}'}, "not one of the readings"),
    ],
)
def test_q3_wrong_records(send: Send, wrong: dict[str, Any], says: str) -> None:
    send(TODO, **wrong)
    expect(ex.q3, NOT_YET, 20, says=says)


@pytest.mark.parametrize(
    ("todo", "says"),
    [
        (TODO[:5], "5 records are 4 of GB-GAS-001, 1 of GB-GAS-002. Asked for: 4 of each"),
        ([{**TODO[0], "co2_kg": float(n)} for n in range(20)], "20 records are 20 of GB-GAS-001."),
        (TODO[:19] + TODO[:1], "the same reading, sent twice"),
        (TODO * 2, "the same reading, sent twice"),
    ],
)
def test_q3_not_all_of_them(send: Send, todo: list[dict[str, Any]], says: str) -> None:
    send(todo)
    expect(ex.q3, NOT_YET, 20, says=says)
