"""Lesson 04's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.broker import Broker
from labkit.core.errors import BadReading, TopicNotFound
from labkit.exercises import lesson_04 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.lesson_support.child_programs import STORER
from labkit.exercises.queries.broker_queries import records_of
from labkit.readings.reading import Reading

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
READINGS, KILLED, SENSORS = "lesson04-readings", "lesson04-killed", "lesson04-sensors"


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topics, on the session's broker."""
    for name in ("readings", "killed", "sensors", "sensors.dlq", "substitutes"):
        try:
            lab.delete_topic(f"lesson04-{name}")
        except TopicNotFound:
            continue


def fill(topic: str, count: int, faults: float = 0.0) -> None:
    lab.fresh_topic(topic, num_partitions=3)
    filler = lab.start_producer(topic, 0, count=count, faults=faults, name="filler")
    assert filler.wait(60)


def test_q1_a_record_by_its_address() -> None:
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_ATTEMPTED, b"x", says="no topic")
    lab.ensure_topic(READINGS, num_partitions=3)
    expect(ex.q1, NOT_ATTEMPTED, b"x", says="no such record")
    fill(READINGS, 300)
    expect(ex.q1, NOT_YET, b"XX-COAL-001", says="no record at all")
    records = {(record.partition, record.offset): record for record in records_of(READINGS)}
    right = records[1, 10].key
    other = next(one.key for one in records.values() if one.key != right)
    expect(ex.q1, NOT_YET, other, says="partition")
    expect(
        ex.q1, NOT_YET, {TopicPartition(READINGS, 1): [records[1, 10]]}, says="a list of records"
    )
    expect(ex.q1, NOT_YET, right.decode(), says="a key is bytes")
    with kafka_clients.consumer() as reader:
        key = solve(ex.q1, reader=reader, TopicPartition=TopicPartition)["key"]
    expect(ex.q1, CORRECT, key, says="reading removes nothing")


def test_q2_a_group_that_is_sent_back(broker: Broker) -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="committed nothing")
    fill(READINGS, 300)
    places = [TopicPartition(READINGS, number) for number in range(3)]

    def commit(offsets: dict[int, int] | None) -> None:
        with kafka_clients.consumer(group_id="lesson04-rewound", enable_auto_commit=False) as one:
            one.assign(places)
            if offsets is None:  # what a commit after reading everything does
                one.seek_to_end()
                offsets = {place.partition: one.position(place) for place in places}
            one.commit({places[p]: OffsetAndMetadata(o, "", -1) for p, o in offsets.items()})

    commit({0: 5})
    expect(ex.q2, NOT_YET, says="Nothing is committed for partition 1")
    commit({0: 4, 1: 4, 2: 4})
    expect(ex.q2, NOT_YET, says="the next record to read")
    commit(None)
    expect(ex.q2, NOT_YET, says="its end")
    names = {
        "broker": broker,
        "KafkaConsumer": KafkaConsumer,
        "TopicPartition": TopicPartition,
        "OffsetAndMetadata": OffsetAndMetadata,
    }
    solve(ex.q2, **names)
    expect(ex.q2, CORRECT, says="offset 5")


def read_all() -> tuple[list[Reading], list[tuple[Any, Exception]]]:
    """Sort the sensors' records as the lesson does."""
    good, bad = [], []
    for record in records_of(SENSORS):
        try:
            good.append(Reading.from_json(record.value, record.timestamp))
        except BadReading as error:
            bad.append((record, error))
    return good, bad


def set_aside(headers_of: Any, bad: list[tuple[Any, Exception]]) -> None:
    """Fill the dead-letter queue as the lesson does."""
    lab.fresh_topic("lesson04-sensors.dlq", num_partitions=1)
    with kafka_clients.producer() as queue:
        for record, error in bad:
            letter = {"key": record.key, "value": record.value}
            headers = headers_of(record, error)
            queue.send("lesson04-sensors.dlq", **letter, headers=headers).get(timeout=10)


def rows_in(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_q3_where_to_go_on() -> None:
    def blank(path): ...

    expect(ex.q3, NOT_ATTEMPTED, blank, says="three dots")
    next_offset = solve(ex.q3)["next_offset"]
    expect(ex.q3, NOT_ATTEMPTED, next_offset, says="no topic")
    store_killed()
    expect(ex.q3, NOT_YET, lambda path: 0, says="stored twice, offset 0")
    expect(ex.q3, NOT_YET, lambda path: max(0, next_offset(path) - 1), says="one more")
    expect(ex.q3, NOT_YET, lambda path: next_offset(path) + 1, says="not stored, offset 0")
    expect(ex.q3, ERROR, lambda path: len(path.read_text()), says="FileNotFoundError")
    expect(ex.q3, NOT_YET, lambda path: len(rows_in(path)), says="offsets 40 and 41 you said 2")
    expect(ex.q3, CORRECT, next_offset, says="each of the 300 records is stored once")


def test_q4_dead_letters() -> None:
    def blank(record, error): ...

    expect(ex.q4, NOT_ATTEMPTED, blank, says="three dots")
    headers_of = solve(ex.q4)["headers_of"]
    expect(ex.q4, NOT_ATTEMPTED, headers_of, says="no topic")
    fill(SENSORS, 400, faults=0.03)
    _, bad = read_all()
    assert bad
    set_aside(blank, bad)
    expect(ex.q4, NOT_YET, headers_of, says="run the loop again")
    set_aside(lambda record, error: headers_of(record, error)[:3], bad)
    expect(ex.q4, NOT_YET, headers_of, says="has no `__connect.errors.exception.message`")
    set_aside(lambda record, error: headers_of(bad[0][0], error), bad)  # always the same place
    expect(ex.q4, NOT_YET, headers_of, says="its value comes from elsewhere")
    words = [("__connect.errors.partition", b"the first")]
    set_aside(lambda record, error: headers_of(record, error) + words, bad)
    expect(ex.q4, NOT_YET, headers_of, says="are not numbers")
    set_aside(headers_of, bad[1:])
    expect(ex.q4, NOT_YET, headers_of, says=f"{len(bad) - 1} of the {len(bad)} bad records")
    set_aside(headers_of, bad)
    expect(ex.q4, CORRECT, headers_of, says=f"All {len(bad)} bad records")


def test_q5_a_substitute(broker: Broker) -> None:
    expect(ex.q5, NOT_ATTEMPTED, says="no topic")
    lab.ensure_topic("lesson04-substitutes")
    expect(ex.q5, NOT_ATTEMPTED, says="holds no record")
    fill(SENSORS, 400, faults=0.03)
    good, bad = read_all()
    key = bad[0][0].key
    mine = sorted(
        (one for one in good if one.facility_id.encode() == key), key=lambda one: one.load_mw
    )
    largest = mine[-1].model_copy(update={"quality": "substituted"})
    smallest = mine[0].model_copy(update={"quality": "substituted"})
    spoilt = {record.key for record, _ in bad}
    sound = next(one for one in good if one.facility_id.encode() not in spoilt)

    def say(key: bytes | None, value: bytes) -> None:
        with kafka_clients.producer() as producer:
            producer.send("lesson04-substitutes", key=key, value=value).get(timeout=10)

    say(key, b"{}")
    expect(ex.q5, NOT_YET, says="is not a reading")
    say(None, largest.to_json())
    expect(ex.q5, NOT_YET, says="Its key is None")
    say(key, mine[-1].model_copy(update={"quality": "measured"}).to_json())
    expect(ex.q5, NOT_YET, says="is `measured`")
    say(key, smallest.to_json())
    expect(ex.q5, NOT_YET, says="must not be to the plant's advantage")
    healthy = sound.model_copy(update={"quality": "substituted"})
    say(healthy.facility_id.encode(), healthy.to_json())
    expect(ex.q5, NOT_YET, says="sent no bad record")
    solve(ex.q5, good=good, bad=bad, broker=broker, KafkaProducer=KafkaProducer)
    expect(ex.q5, CORRECT, says="its largest load")


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_p1_one_member_is_idle(bootstrap_servers: str, stop: threading.Event) -> None:
    lab.fresh_topic(READINGS, num_partitions=3)
    expect_revealed(ex.p1, 1, NOT_ATTEMPTED, says="0 members")

    def read() -> None:
        settings = {"group_id": "lesson04-shared", "heartbeat_interval_ms": 300}
        with kafka_clients.consumer(**settings) as member:
            member.subscribe([READINGS])
            while not stop.is_set():
                member.poll(timeout_ms=300)

    members = [threading.Thread(target=read) for _ in range(4)]
    for member in members:
        member.start()
    while not ex.shares_of("lesson04-shared"):
        assert not stop.wait(0.05)
    expect_revealed(ex.p1, 0, NOT_YET, says="1, 1, 1, 0 partitions")
    expect_revealed(ex.p1, 1, CORRECT, says="1, 1, 1, 0 partitions")
    stop.set()
    for member in members:
        member.join(30)


def store_killed(*ends: int) -> None:
    """Send 300 records, and store them by the lesson's program, which dies after so many."""
    lab.fresh_topic(KILLED, num_partitions=1)
    with kafka_clients.producer() as producer:
        for number in range(300):
            producer.send(KILLED, value=b"%d kg" % number)
    path = ex.killed_csv()
    path.parent.mkdir(parents=True, exist_ok=True)
    for end_after in ends:
        arguments = [kafka_clients.bootstrap_servers(), KILLED, str(path), str(end_after)]
        subprocess.run([sys.executable, "-c", STORER, *arguments], check=False, timeout=60)


def test_p2_what_was_not_committed_is_stored_twice() -> None:
    expect_revealed(ex.p2, 50, NOT_ATTEMPTED, says="no topic")
    store_killed(250)
    expect_revealed(ex.p2, 50, NOT_ATTEMPTED, says="has not run")
    ex.killed_csv().unlink()
    store_killed(250, 1000)
    expect_revealed(ex.p2, 0, NOT_YET, says="You said 0. It was 50")
    expect_revealed(ex.p2, 50, CORRECT, says="350 rows for 300 records")
