"""Lesson 02's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka.partitioner.default import murmur2
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.core.wait_until import wait_until
from labkit.exercises import lesson_02 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
MASK = 0x7FFFFFFF


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topics, on the session's broker."""
    for topic in lab.list_topics():
        if topic.name.startswith("lesson02-"):
            lab.delete_topic(topic.name)


def send(topic: str, *keys: bytes | None) -> None:
    with kafka_clients.producer() as producer:
        for key in keys:
            producer.send(topic, key=key, value=b"1")


def by_command_line() -> None:
    from typer.testing import CliRunner

    from labkit.cli import app

    done = CliRunner().invoke(app, ["topics", "create", "lesson02-plants", "--partitions", "4"])
    assert done.exit_code == 0, done.output


def test_q1_a_topic_of_four_partitions() -> None:
    expect(ex.q1, NOT_ATTEMPTED, says="no topic `lesson02-plants`")
    lab.ensure_topic("lesson02-plant", num_partitions=4)
    expect(ex.q1, NOT_ATTEMPTED, says="no topic `lesson02-plants`")
    lab.ensure_topic("lesson02-plants", num_partitions=1)
    expect(ex.q1, NOT_YET, says="with 1 partition. `lab.alter_topic` adds some")
    lab.alter_topic("lesson02-plants", num_partitions=3)
    expect(ex.q1, NOT_YET, says="with 3 partitions")
    lab.alter_topic("lesson02-plants", num_partitions=4)
    expect(ex.q1, CORRECT, says="with 4 partitions")
    lab.fresh_topic("lesson02-plants", num_partitions=5)
    expect(ex.q1, NOT_YET, says="Kafka cannot remove any; `lab.fresh_topic` begins again")
    solve(ex.q1)  # right also after something else
    expect(ex.q1, CORRECT, says="with 4 partitions")


@pytest.mark.parametrize(
    "make", [lambda: lab.ensure_topic("lesson02-plants", num_partitions=4), by_command_line]
)
def test_q1_may_be_solved_in_other_ways(make: Callable[[], Any]) -> None:
    make()
    expect(ex.q1, CORRECT, says="with 4 partitions")


def test_q2_blank_or_without_a_number() -> None:
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")

    def blank(key, num_partitions): ...

    def prints(key, num_partitions):
        print(murmur2(key) % num_partitions)

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q2, NOT_YET, prints, says="returned nothing. It has to end with `return`")
    expect(ex.q2, NOT_YET, lambda key, n: str((murmur2(key) & MASK) % n), says="Leave out the quot")
    expect(ex.q2, ERROR, lambda key: 0, says="TypeError")
    expect(ex.q2, ERROR, lambda key, n: murmur2(key.encode()) % n, says="AttributeError")


@pytest.mark.parametrize(
    "right",
    [
        lambda key, n: (murmur2(key) & MASK) % n,
        lambda key, n: murmur2(key) % 2**31 % n,
        lambda key, n: divmod(murmur2(key) - (murmur2(key) >> 31 << 31), n)[1],
    ],
)
def test_q2_is_right_in_several_ways(right: Callable[[bytes, int], int]) -> None:
    expect(ex.q2, CORRECT, right, says="40 keys that nobody had sent before")


def test_q2_the_solution() -> None:
    expect(ex.q2, CORRECT, solve(ex.q2, murmur2=murmur2)["partition_of"], says="40 keys")
    assert "lesson02-check" not in {topic.name for topic in lab.list_topics()}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda key, n: 0, "In a topic of 5 partitions you said 0"),
        (lambda key, n: murmur2(key) % n, "The others have a hash whose highest bit is set"),
        (lambda key, n: (murmur2(key) & MASK) % 3, "records are elsewhere"),
        (lambda key, n: hash(key) % n, "records are elsewhere"),
        (lambda key, n: murmur2(key) & MASK, "records are elsewhere"),
        (lambda key, n: (murmur2(key) & MASK) % 5, "right for 5 partitions, and wrong for 7"),
        (3, "`partition_of` has to be a function, and is `3`."),
    ],
)
def test_q2_is_wrong_in_several_ways(wrong: Callable[[bytes, int], int], says: str) -> None:
    expect(ex.q2, NOT_YET, wrong, says=says)


def test_q2_a_table_of_the_records_that_are_known_is_no_answer() -> None:
    lab.ensure_topic("lesson02-keys", num_partitions=3)
    send("lesson02-keys", *(b"PLANT-%d" % number for number in range(1, 7)))
    known = {record.key: record.partition for record in ex.records_of("lesson02-keys")}
    expect(ex.q2, NOT_YET, lambda key, n: known.get(key, 0), says="records are elsewhere")
    expect(ex.q2, ERROR, lambda key, n: known[key], says="KeyError")


@pytest.mark.parametrize(
    ("kept_ms", "says"),
    [
        (3_600, "for 3.6 seconds: `retention.ms` is 3,600. An hour has 3,600 seconds"),
        (60, "for 60 milliseconds: `retention.ms` is 60. An hour has"),
        (1, "for 1 millisecond:"),
        (7_200_000, "for 2 hours: `retention.ms` is 7,200,000."),
        (86_400_000, "for 1 day:"),
        (5_400_000, "for 90 minutes:"),
        (-1, "for ever: `retention.ms` is -1."),
    ],
)
def test_q3_another_time_than_an_hour(kept_ms: int, says: str) -> None:
    lab.ensure_topic("lesson02-hour", config={"retention.ms": kept_ms})
    told = expect(ex.q3, NOT_YET, says=says)
    assert ("milliseconds." in told.message) is (kept_ms in (1, 60, 3_600))


def test_q3_an_hour_in_milliseconds() -> None:
    expect(ex.q3, NOT_ATTEMPTED, says="no topic `lesson02-hour`")
    lab.ensure_topic("lesson02-hour")
    expect(ex.q3, NOT_YET, says="no `retention.ms` was set")
    lab.alter_topic("lesson02-hour", config={"retention.ms": "3600000"})
    expect(ex.q3, CORRECT, says="3,600,000")
    lab.fresh_topic("lesson02-hour", config={"retention.ms": 1})
    expect(ex.q3, NOT_YET, says="1 millisecond:")
    solve(ex.q3)  # right also after something else
    expect(ex.q3, CORRECT, says="not deleted earlier")


def test_p1_one_key_lies_in_one_partition() -> None:
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, says="no topic")
    lab.ensure_topic("lesson02-keys", num_partitions=3)
    expect_revealed(ex.p1, 1, NOT_ATTEMPTED, says="Nothing has been sent")
    send("lesson02-keys", *[ex.KEY] * 12)
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
    expect_revealed(ex.p2, "moves", CORRECT, says="division by 5 is not that")
    assert "Say 'stays' or 'moves'" in ex.p2.predict("stay").message


def test_a_record_older_than_its_topics_retention_is_deleted() -> None:
    """The lesson says so, and shows it within seconds; a broker that has just started, later."""
    lab.fresh_topic("lesson02-seconds", num_partitions=1, config={"retention.ms": 1_000})
    send("lesson02-seconds", *[ex.KEY] * 6)

    def ends() -> tuple[int | None, int | None]:
        (one,) = lab.describe_topic("lesson02-seconds").partitions
        return one.start_offset, one.end_offset

    wait_until(lambda: ends() == (6, 6), 60)
