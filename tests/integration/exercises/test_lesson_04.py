"""Lesson 04's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_04 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.queries.broker_queries import records_of

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
READINGS = "lesson04-readings"
PLACES = [TopicPartition(READINGS, number) for number in range(3)]


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topic, on the session's broker."""
    try:
        lab.delete_topic(READINGS)
    except TopicNotFound:
        return


def fill(count: int = 300) -> None:
    lab.fresh_topic(READINGS, num_partitions=3)
    filler = lab.start_producer(READINGS, 0, count=count, name="filler")
    assert filler.wait(60)


def test_q1_the_newest_record() -> None:
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_ATTEMPTED, b"x", says="no topic")
    lab.ensure_topic(READINGS, num_partitions=3)
    expect(ex.q1, NOT_ATTEMPTED, b"x", says="has no records")
    fill()
    found = [record for record in records_of(READINGS) if record.partition == 0]
    right = found[-1].key
    other = next(one.key for one in found if one.key != right)
    with kafka_clients.consumer(consumer_timeout_ms=5_000) as reader:
        reader.assign(PLACES[:1])
        key = solve(ex.q1, reader=reader, places=PLACES)["key"]
        reader.seek(PLACES[0], found[-1].offset)
        batch = reader.poll(timeout_ms=5_000)
    expect(ex.q1, CORRECT, key, says=f"offset {found[-1].offset}")
    expect(ex.q1, CORRECT, batch[PLACES[0]][0].key, says=f"offset {found[-1].offset}")
    expect(ex.q1, CORRECT, found[-1].key, says="one before the end")
    expect(ex.q1, NOT_YET, other, says="not the newest")
    expect(ex.q1, NOT_YET, b"XX-COAL-001", says="of no record")
    expect(ex.q1, NOT_YET, batch, says="a list of records")
    expect(ex.q1, NOT_YET, found[-1], says="a whole record")
    expect(ex.q1, NOT_YET, right.decode(), says="a key is bytes")
    expect(ex.q1, NOT_YET, None, says="A key is bytes")
    expect(ex.q1, NOT_YET, 7, says="A key is bytes")


def commit(offsets: dict[int, int] | None) -> None:
    """Commit for the group; None: what a commit after reading everything does."""
    with kafka_clients.consumer(group_id="lesson04-rewound", enable_auto_commit=False) as one:
        one.assign(PLACES)
        if offsets is None:
            one.seek_to_end()
            offsets = {place.partition: one.position(place) for place in PLACES}
        one.commit({PLACES[p]: OffsetAndMetadata(o, "", -1) for p, o in offsets.items()})


def names_of(servers: str) -> dict[str, object]:
    return {
        "address": {"bootstrap_servers": servers},
        "places": PLACES,
        "KafkaConsumer": KafkaConsumer,
        "five": OffsetAndMetadata(5, "", -1),
    }


def test_q2_a_group_that_is_sent_back(bootstrap_servers: str) -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="committed nothing")
    fill()
    expect(ex.q2, NOT_ATTEMPTED, says="committed nothing")
    commit({0: 5})
    expect(ex.q2, NOT_YET, says="Nothing is committed for partition 1")
    for number in (0, 4, 6):
        commit({0: number, 1: number, 2: number})
        expect(ex.q2, NOT_YET, says="the next record to read")
    commit(None)
    expect(ex.q2, NOT_YET, says="its end")
    solve(ex.q2, **names_of(bootstrap_servers))
    expect(ex.q2, CORRECT, says="has 5 for each partition")
    commit({0: 5, 1: 5, 2: 5})  # with an assignment
    expect(ex.q2, CORRECT, says="has 5 for each partition")
    with kafka_clients.consumer(group_id="lesson04-rewound") as one:  # auto commit, at the close
        one.assign(PLACES)
        for place in PLACES:
            one.seek(place, 5)
    expect(ex.q2, CORRECT, says="has 5 for each partition")


def test_q3_what_is_left_to_read(bootstrap_servers: str) -> None:
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    fill()
    expect(ex.q3, NOT_ATTEMPTED, 285, says="solve q2 first")
    commit({0: 5, 1: 5, 2: 5})
    with kafka_clients.consumer() as reader:
        lag = solve(ex.q3, reader=reader, places=PLACES)["lag"]
        ends = reader.end_offsets(PLACES)
    expect(ex.q3, CORRECT, lag, says="Ends less committed offsets")
    expect(ex.q3, CORRECT, 285.0, says="Ends less committed offsets")
    expect(ex.q3, NOT_YET, 300, says="behind it")
    expect(ex.q3, NOT_YET, 15, says="what is left to read")
    expect(ex.q3, NOT_YET, ends[PLACES[1]] - 5, says="Add those of the others")
    expect(ex.q3, NOT_YET, 1, says="less the group's committed offset")
    expect(ex.q3, NOT_YET, "285", says="quotation marks")
    commit({0: 6, 1: 5, 2: 5})  # it asks the coordinator
    expect(ex.q3, CORRECT, 284, says="Ends less committed offsets")


@pytest.fixture
def members(bootstrap_servers: str) -> Iterator[list[threading.Thread]]:
    """Return four members of the lesson's group, not yet started; end them afterwards."""
    stop = threading.Event()

    def read() -> None:
        settings = {"group_id": "lesson04-shared", "heartbeat_interval_ms": 300}
        with kafka_clients.consumer(**settings) as member:
            member.subscribe([READINGS])
            while not stop.is_set():
                member.poll(timeout_ms=300)

    made = [threading.Thread(target=read) for _ in range(4)]
    yield made
    stop.set()
    for member in made:
        if member.ident:
            member.join(30)


def test_p1_one_member_is_idle(members: list[threading.Thread]) -> None:
    lab.fresh_topic(READINGS, num_partitions=3)
    expect_revealed(ex.p1, 1, NOT_ATTEMPTED, members, says="have left")
    for member in members:
        member.start()
    # At once: however long the members need, the check waits for them.
    expect_revealed(ex.p1, 0, NOT_YET, members, says="1, 1, 1, 0 partitions")
    expect_revealed(ex.p1, 1, CORRECT, members, says="1, 1, 1, 0 partitions")
