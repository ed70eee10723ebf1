"""Lesson 04c's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_04c as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.lesson_support.child_programs import run_storer, stored_csv

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
KILLED, STORED = "lesson04c-killed", "lesson04c-stored"


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topics, on the session's broker."""
    for name in (KILLED, STORED, f"{STORED}.dlq"):
        try:
            lab.delete_topic(name)
        except TopicNotFound:
            continue


def fill_killed() -> None:
    lab.fresh_topic(KILLED, num_partitions=1)
    with kafka_clients.producer() as producer:
        for number in range(300):
            producer.send(KILLED, value=b"%d kg" % number)


def test_p1_and_q1_what_was_not_committed_is_stored_twice() -> None:
    expect_revealed(ex.p1, 50, NOT_ATTEMPTED, says="no topic")
    expect(ex.q1, NOT_ATTEMPTED, ..., ..., says="three dots")
    fill_killed()
    run_storer(KILLED, [250])
    expect_revealed(ex.p1, 50, NOT_ATTEMPTED, says="has not run")
    expect(ex.q1, NOT_ATTEMPTED, 200, 249, says="has not run")
    fill_killed()
    path = run_storer(KILLED, [250, 1_000])
    assert path == stored_csv(KILLED)
    expect_revealed(ex.p1, 0, NOT_YET, says="You said 0. It was 50")
    expect_revealed(ex.p1, 50, CORRECT, says="350 rows for 300 records")
    found = solve(ex.q1, path=path)
    expect(ex.q1, CORRECT, found["smallest"], found["largest"], says="last commit")
    expect(ex.q1, CORRECT, 200, 249, says="From 200")
    expect(ex.q1, CORRECT, 200.0, 249.0, says="to 249")
    expect(ex.q1, NOT_YET, 201, 249, says="outside of them")
    expect(ex.q1, NOT_YET, 200, 250, says="Offset 250, your largest, is in the file once")
    expect(ex.q1, NOT_YET, 199, 249, says="Offset 199, your smallest, is in the file once")
    expect(ex.q1, NOT_YET, 249, 200, says="The smallest comes first")
    expect(ex.q1, NOT_YET, 200, 300, says="not in the file at all")
    expect(ex.q1, NOT_YET, "200", 249, says="quotation marks")


def rows_in(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def by_seeking(path: Path) -> int:
    """Find the next offset another way."""
    return max([int(row.split(",")[0]) for row in rows_in(path)], default=-1) + 1


def by_reading(path: Path) -> int:
    """Find the next offset, line by line."""
    offset = 0
    for row in rows_in(path):
        offset = int(row.partition(",")[0]) + 1
    return offset


WRONG: list[tuple[Callable[[Path], Any], Outcome, str]] = [
    (lambda path: 0, NOT_YET, "stored twice, offset 0"),
    (lambda path: max(0, by_reading(path) - 1), NOT_YET, "stored already"),
    (lambda path: by_reading(path) + 1, NOT_YET, "not stored, offset 0"),
    (lambda path: len(path.read_text()), ERROR, "FileNotFoundError"),
    (lambda path: len(rows_in(path)), NOT_YET, "offsets 40 and 41 you said 2"),
    (lambda path: str(by_reading(path)), NOT_YET, "text"),
    (lambda path: print(path), NOT_YET, "returned nothing"),
]


def test_q2_where_to_continue() -> None:
    def blank(path): ...

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    next_offset = solve(ex.q2)["next_offset"]
    expect(ex.q2, NOT_ATTEMPTED, next_offset, says="no topic")
    fill_killed()
    for right in (next_offset, by_seeking, by_reading):
        expect(ex.q2, CORRECT, right, says="each of the 300 records is stored once")
    for wrong, outcome, says in WRONG:
        expect(ex.q2, outcome, wrong, says=says)


def test_q3_rows_are_records_less_letters() -> None:
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_ATTEMPTED, 9, says="no topic")
    lab.ensure_topic(STORED, num_partitions=3)
    expect(ex.q3, NOT_ATTEMPTED, 9, says="holds no record")
    with kafka_clients.producer() as producer:
        for number in range(20):
            producer.send(STORED, key=b"%d" % number, value=b"1")
    expect(ex.q3, CORRECT, 20, says="0 dead letters")  # no queue, because nothing was bad
    lab.ensure_topic(f"{STORED}.dlq", num_partitions=1)
    with kafka_clients.producer() as producer:
        for _ in range(4):
            producer.send(f"{STORED}.dlq", value=b"1")
    expect(ex.q3, CORRECT, solve(ex.q3, stored=STORED)["rows"], says="4 dead letters")
    expect(ex.q3, CORRECT, 16.0, says="4 dead letters")
    expect(ex.q3, NOT_YET, 20, says="Some of them have no row")
    expect(ex.q3, NOT_YET, 24, says="do not count it again")
    expect(ex.q3, NOT_YET, 4, says="That many are dead letters")
    expect(ex.q3, NOT_YET, 15, says="not what the broker counts")
    expect(ex.q3, NOT_YET, "16", says="quotation marks")
