"""Lesson 10b's checks on real Connect workers: blank, solved, and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.connect.connect import Connect
from labkit.exercises import lesson_10b as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@pytest.fixture
def connect(lab_dir: Path, bootstrap_servers: str) -> Iterator[Connect]:
    """Run one worker of a group of its own: the lesson's second one is not needed to be marked."""
    lab.fresh_topic(ex.STORED_TOPIC, num_partitions=3)
    with lab.start_connect(workers=1, group_id="lesson10b-test") as one:
        yield one


def test_q1_q2_and_p1_with_connect(
    connect: Connect, lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = lab_dir / "lines.txt"
    expect(ex.q1, NOT_ATTEMPTED, connect, says="There is no connector")
    expect_revealed(ex.p1, "more", NOT_ATTEMPTED, lines, says="There is no lines.txt yet")
    settings = {"connector.class": FILE_SINK, "topics": ex.STORED_TOPIC, "file": str(lines)}
    connect.create(ex.CONNECTOR, settings | {"tasks.max": 1})
    expect(ex.q1, NOT_YET, connect, says="It has 1 task, not 2")
    connect.create(ex.CONNECTOR, settings | {"tasks.max": 3})
    expect(ex.q1, NOT_YET, connect, says="It has 3 tasks, not 2")
    lab.fresh_topic("lesson10b-wrong", num_partitions=3)
    connect.create(ex.CONNECTOR, settings | {"tasks.max": 2, "topics": "lesson10b-wrong"})
    expect(ex.q1, NOT_YET, connect, says="`topics` are `lesson10b-wrong`")
    connect.create(ex.CONNECTOR, settings | {"tasks.max": 2, "file": "lines.txt"})
    expect(ex.q1, NOT_YET, connect, says="`str(lines)`")
    connect.create(ex.CONNECTOR, settings | {"tasks.max": 2})
    connect.create("lesson10b-fil", settings | {"tasks.max": 1})
    expect(ex.q1, NOT_YET, connect, says='connect.delete("lesson10b-fil")')
    connect.delete("lesson10b-fil")
    other = str(lab_dir / "other.txt")
    connect.create(ex.CONNECTOR, settings | {"tasks.max": "2", "file": other})
    expect(ex.q1, CORRECT, connect, says="task 1 on worker 1")
    solve(ex.q1, connect=connect, lines=lines)
    expect(ex.q1, CORRECT, connect, says="task 0 on worker 1")
    expect(ex.q1, NOT_YET, "connect", says="You gave text")
    lines_too = {"topics": ex.STORED_TOPIC, "tasks.max": "2", "file": lines.as_posix()}
    connect.create(ex.CONNECTOR, {"connector.class": FILE_SINK.rpartition(".")[2]} | lines_too)
    expect(ex.q1, CORRECT, connect, says="task 0 on worker 1")

    assert lab.start_producer(ex.STORED_TOPIC, readings_per_s=0, count=60, seed=7).wait(60)
    expect_revealed(ex.p1, "more", NOT_ATTEMPTED, lines, says="No worker was killed")
    monkeypatch.setattr(ex, "FIRST_RECORDS", 50)
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, lines, says="Each of the 60 records")
    expect_revealed(ex.p1, "fewer", NOT_YET, lines, says="at least once")
    expect_revealed(ex.p1, "as many", CORRECT, lines, says="has one line")
    with lines.open("a", encoding="utf-8") as file:
        file.write(lines.read_text(encoding="utf-8").splitlines(keepends=True)[0])
    expect_revealed(ex.p1, "more", CORRECT, lines, says="1 line too many")

    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q2, NOT_YET, ex.CONNECTOR, says="a prefix")
    expect(ex.q2, NOT_YET, 4, says="text, in quotation marks")
    expect(ex.q2, NOT_YET, "csv-writers", says="knows no group 'csv-writers' with a member")
    with lab.start_consumer(ex.STORED_TOPIC, "lesson10b-other", lab_dir / "data"):
        expect(ex.q2, NOT_YET, "lesson10b-other", says="not the connector's tasks")
    expect(ex.q2, NOT_YET, "lesson10b-test", says="with a member")  # that of the workers
    assert "(not of consumers)" in str(lab.doctor(ex.STORED_TOPIC, "lesson10b-test"))
    expect(ex.q2, NOT_YET, None, says="text, in quotation marks")
    with kafka_clients.admin() as client:  # as the list of all groups has it
        listed = {one["group_id"] for one in client.list_groups()} - {"lesson10b-other"}
    for right in (solve(ex.q2)["group_id"], *(one for one in listed if ex.CONNECTOR in one)):
        expect(ex.q2, CORRECT, right, says="its lag is")


def test_q3_each_line_once(lab_dir: Path) -> None:
    def blank(lines): ...

    def by_loop(lines: list[str]) -> list[str]:
        seen: set[str] = set()
        kept = []
        for line in lines:
            if line not in seen:
                seen.add(line)
                kept.append(line)
        return kept

    def neighbours(lines: list[str]) -> list[str]:
        return [one for one, before in zip(lines, ["", *lines], strict=False) if one != before]

    def last_ones(lines: list[str]) -> list[str]:
        return list(dict.fromkeys(lines[::-1]))[::-1]

    expect(ex.q3, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q3, NOT_YET, lambda lines: print(lines[:1]), says="has to end with `return`")
    expect(ex.q3, NOT_YET, lambda lines: set(lines), says="The answer is a list")
    expect(ex.q3, NOT_YET, lambda lines: lines, says="10 lines too many")
    expect(ex.q3, NOT_YET, lambda lines: sorted(set(lines)), says="not in their order")
    expect(ex.q3, NOT_YET, neighbours, says="too many")
    expect(ex.q3, NOT_YET, last_ones, says="not in their order")
    expect(ex.q3, NOT_YET, lambda lines: lines[: len(set(lines)) - 1], says="are not in your list")
    expect(ex.q3, ERROR, lambda lines: lines.unique(), says="AttributeError")
    for right in (by_loop, lambda lines: list(dict.fromkeys(lines)), solve(ex.q3)["once"]):
        expect(ex.q3, CORRECT, right, says="Right for 5 files")
