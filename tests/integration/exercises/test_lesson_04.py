"""Lesson 04's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

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


def names_of(servers: str) -> dict[str, Any]:
    """Return what the lesson's cells above the exercise define."""
    own = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    return {
        "address": {"bootstrap_servers": servers},
        "own": own | {"consumer_timeout_ms": 1_500},
        "KafkaConsumer": KafkaConsumer,
        "islice": islice,
        "READINGS": READINGS,
    }


RIGHT = {
    "poll until there are enough": """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            found, empty = [], 0
            while len(found) < limit and empty < 4:
                batch = one.poll(timeout_ms=500, max_records=limit - len(found))
                empty = 0 if batch else empty + 1
                found += [record for records in batch.values() for record in records]
            one.commit()
        return found
    """,
    "a loop that ends": """
        found = []
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            for record in one:
                found.append(record)
                if len(found) == limit:
                    break
            one.commit()
        return found
    """,
    "each record is committed": """
        found = []
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            for record in islice(one, limit):
                found.append(record)
                place = TopicPartition(record.topic, record.partition)
                one.commit({place: OffsetAndMetadata(record.offset + 1, "", -1)})
        return tuple(found)
    """,
    "the client commits when it is closed": """
        mine = own | {"enable_auto_commit": True}
        with KafkaConsumer(READINGS, **address, **mine, group_id=group_id) as one:
            return list(islice(one, limit))
    """,
}

WRONG = {
    "never commits": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            return list(islice(one, limit))
        """,
        "the group has committed nothing",
    ),
    "no group": (
        """
        with KafkaConsumer(READINGS, **address, **own) as one:
            return list(islice(one, limit))
        """,
        "the group has committed nothing",
    ),
    "a group of its own making": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id="lesson04-mine") as one:
            found = list(islice(one, limit))
            one.commit()
        return found
        """,
        "the group has committed nothing",
    ),
    "begins at the end": (
        """
        mine = own | {"auto_offset_reset": "latest"}
        with KafkaConsumer(READINGS, **address, **mine, group_id=group_id) as one:
            return list(islice(one, limit))
        """,
        "Where does a new group begin?",
    ),
    "reads all, and keeps some": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            found = list(one)
            one.commit()
        return found[:limit]
        """,
        "it never gets the others",
    ),
    "returns all": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            found = list(one)
            one.commit()
        return found
        """,
        "`limit` is the most",
    ),
    "keys": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            return [record.key for record in islice(one, limit)]
        """,
        "Return the records as the consumer gives them",
    ),
    "one more than was read": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            found = list(islice(one, limit + 1))
            one.commit()
        return found[:limit]
        """,
        "it never gets the others",
    ),
    "remembers in a variable (a cheat)": (
        """
        seen = done.setdefault(group_id, [])
        with KafkaConsumer(READINGS, **address, **own) as one:
            found = list(islice(one, len(seen), len(seen) + limit))
        seen += found
        return found
        """,
        "the group has committed nothing",
    ),
    "starts from the beginning each time": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            one.poll(timeout_ms=3_000, max_records=1)
            one.seek_to_beginning()
            found = list(islice(one, limit))
            one.commit()
        return found
        """,
        "again",
    ),
    "without a return": (
        """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            print(list(islice(one, limit)))
        """,
        "returned nothing",
    ),
}


def as_function(body: str, names: dict[str, Any]) -> Any:
    space = {**names, "done": {}, "TopicPartition": TopicPartition}
    space["OffsetAndMetadata"] = OffsetAndMetadata
    exec("def read_some(group_id, limit):\n" + indent(dedent(body), "    "), space)
    return space["read_some"]


def test_q2_a_group_reads_on(bootstrap_servers: str) -> None:
    names = names_of(bootstrap_servers)
    solution = solve(ex.q2, **names)["read_some"]

    def blank(group_id, limit): ...

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q2, NOT_ATTEMPTED, solution, says="no topic")
    lab.ensure_topic(READINGS, num_partitions=3)
    expect(ex.q2, NOT_ATTEMPTED, solution, says="too few records")
    fill()
    expect(ex.q2, CORRECT, solution, says="then the other 288: each one once")
    for body in RIGHT.values():
        expect(ex.q2, CORRECT, as_function(body, names), says="each one once")
    for body, says in WRONG.values():
        expect(ex.q2, NOT_YET, as_function(body, names), says=says)
    expect(ex.q2, NOT_YET, lambda group_id, limit: 7, says="a list of records")
    expect(ex.q2, NOT_YET, [], says="You gave")
    expect(ex.q2, ERROR, lambda group_id: [], says="takes 1 positional argument")


def test_q2_a_call_that_does_not_return(
    bootstrap_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ex, "ANSWER_S", 6.0)
    fill()
    names = names_of(bootstrap_servers)
    del names["own"]["consumer_timeout_ms"]
    ended = names["ended"] = threading.Event()
    endless = """
        with KafkaConsumer(READINGS, **address, **own, group_id=group_id) as one:
            found = []
            while len(found) < limit and not ended.is_set():
                for records in one.poll(timeout_ms=300, max_records=limit).values():
                    found += records
            one.commit()
        return found[:limit]
    """
    before = set(threading.enumerate())
    try:
        body = endless.replace("< limit", "< 1_000")
        expect(ex.q2, NOT_YET, as_function(body, names), says="has not returned for 6 seconds")
    finally:
        ended.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(20)


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
