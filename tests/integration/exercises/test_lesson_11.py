"""The capstone's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from flask import Flask, abort
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.exercises import lesson_11 as ex
from labkit.exercises.capstone import capstone_checks, capstone_feed
from labkit.exercises.engine.outcome import NotAttempted, NotYet, Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED
TOPIC, DLQ = capstone_feed.TOPIC, capstone_feed.DLQ

Names = dict[str, Any]


@pytest.fixture
def names(lab_dir: Path, bootstrap_servers: str) -> Names:
    """Return what the lesson's cells have defined before the first exercise, and an empty lab."""
    ex.clear()
    feed = ex.write_feed()
    return {
        "ex": ex,
        "broker": lab.start_broker(),
        "feed": feed,
        "path": feed.with_name("readings.csv"),
        **{
            "json": json,
            "csv": csv,
            "time": time,
            "pandas": pandas,
            "Flask": Flask,
            "abort": abort,
        },
        "KafkaConsumer": KafkaConsumer,
        "KafkaProducer": KafkaProducer,
        "TopicPartition": TopicPartition,
    }


@pytest.fixture
def sent(names: Names) -> Names:
    solve(ex.q1)
    solve(ex.q2, **names)
    return names


@pytest.fixture
def stored(sent: Names) -> Names:
    return solve(ex.q3, **sent)


def produce(change: Callable[[dict[str, Any]], dict[str, Any]], lines: list[Any]) -> None:
    """Send lines of the feed as the solution does, each changed in one way."""
    with kafka_clients.producer() as producer:
        for line in lines:
            record = {
                "key": line.facility_id.encode(),
                "value": line.value,
                "timestamp_ms": line.timestamp_ms,
                "headers": [capstone_feed.SOURCE],
            }
            producer.send(TOPIC, **change(record))


def test_q1_the_topics(names: Names) -> None:
    expect(ex.q1, NOT_ATTEMPTED, says="no topic `capstone-co2`")
    lab.ensure_topic(TOPIC, num_partitions=3)
    expect(ex.q1, NOT_YET, says="has 3 partitions, not 4")
    expect(ex.q1, NOT_YET, says="ex.clear()")
    lab.fresh_topic(TOPIC, num_partitions=4, config={"retention.ms": 30})
    expect(ex.q1, NOT_YET, says="in milliseconds: that is 0.03 s")
    lab.fresh_topic(TOPIC, num_partitions=4)
    expect(ex.q1, NOT_YET, says="No `retention.ms` is set")
    month_ms = {"retention.ms": 30 * 24 * 3_600_000}
    lab.fresh_topic(TOPIC, num_partitions=4, config=month_ms)
    expect(ex.q1, NOT_ATTEMPTED, says=f"no topic `{DLQ}`")
    lab.fresh_topic(DLQ, num_partitions=4)
    expect(ex.q1, NOT_YET, says="has 4 partitions, not 1")
    lab.fresh_topic(DLQ, num_partitions=1)
    expect(ex.q1, CORRECT, says="The topic has 4 partitions")
    ex.clear()
    solve(ex.q1)
    result = expect(ex.q1, CORRECT, says="The topic has 4 partitions. They are numbered 0 to 3.")
    assert "`retention.ms` is 2,592,000,000." in result.message


@pytest.mark.parametrize(
    ("criterion", "change", "says"),
    [
        (capstone_checks.keys, {"key": b"all the same"}, "has the key b'all the same'"),
        (capstone_checks.keys, {"key": None}, "without a key"),
        (capstone_checks.timestamps, {"timestamp_ms": None}, "from its line"),
        (capstone_checks.headers, {"headers": []}, "without"),
        (capstone_checks.all_sent, {"value": b"{}"}, "lacks 240 lines of the file"),
    ],
)
def test_q2_a_record_that_is_not_as_ordered(
    names: Names, criterion: Any, change: dict[str, Any], says: str
) -> None:
    solve(ex.q1)
    produce(lambda record: {**record, **change}, capstone_feed.feed()[:40])
    with pytest.raises(NotYet, match=says):
        criterion()


def test_q2_lost_doubled_and_out_of_order(names: Names) -> None:
    with pytest.raises(NotAttempted, match="no topic"):
        capstone_checks.all_sent()
    solve(ex.q1)
    expect(ex.q2, NOT_ATTEMPTED, says="holds no record yet")
    lines = capstone_feed.feed()
    produce(dict, lines[:-3])
    expect(ex.q2, NOT_YET, says="The topic lacks 3 lines of the file")
    produce(dict, lines[-4:])
    expect(ex.q2, NOT_YET, says="The topic has 1 record more")
    expect(ex.q2, NOT_YET, says="ex.clear()")
    for change, says in (
        ({"timestamp_ms": None}, "`timestamp_ms=`"),
        ({"headers": [("source", b"gateway-12")]}, "gateway-12"),
    ):
        ex.clear()
        solve(ex.q1)
        produce(lambda record, change=change: {**record, **change}, lines)
        expect(ex.q2, NOT_YET, says=says)
    ex.clear()
    solve(ex.q1)
    produce(dict, lines[::-1])
    expect(ex.q2, NOT_YET, says="comes after a later line of its plant")


def test_q2_by_labkit(names: Names) -> None:
    solve(ex.q1)
    produce(dict, capstone_feed.feed())
    expect(ex.q2, CORRECT, says="240 lines, 240 records")


def test_q2_as_ordered(sent: Names) -> None:
    expect(ex.q2, CORRECT, says="240 lines, 240 records")


def test_p1_the_bad_ones(sent: Names) -> None:
    expect_revealed(ex.p1, 0, NOT_YET, says="You said 0. It was 4")
    solve(ex.p1, ex=ex)
    assert ex.p1.reveal().is_correct
    with kafka_clients.producer() as again:  # a line twice, or a record of no line
        again.send(capstone_feed.TOPIC, capstone_feed.feed()[0].value)
        again.send(capstone_feed.TOPIC, b"hello")
    assert ex.p1.reveal().is_correct


def test_q3_nothing_yet(sent: Names) -> None:
    def consume() -> None: ...

    expect(ex.q3, NOT_ATTEMPTED, consume, says="three dots")
    expect(ex.q3, NOT_YET, 7, says="has to be a function")
    expect(ex.q3, NOT_ATTEMPTED, print, says="committed nothing")


def test_q3_stored(stored: Names) -> None:
    expect(ex.q3, CORRECT, stored["consume"], says="The lag is 0.")


def test_q3_rows_that_are_not_as_ordered(stored: Names) -> None:
    path: Path = stored["path"]
    whole = path.read_text().splitlines(keepends=True)

    def write(*lines: str) -> None:
        path.write_text("".join(lines))

    write(*whole[:-2])
    expect(ex.q3, NOT_YET, print, says="It lacks 2 readings")
    write(*whole, whole[-1])
    expect(ex.q3, NOT_YET, print, says="It has 1 reading twice")
    cells = whole[1].split(",")
    write(whole[0], ",".join([*cells[:1], "99999", *cells[2:]]), *whole[2:])
    expect(ex.q3, NOT_YET, print, says="without a good reading")
    write(whole[0], ",".join([*cells[:-1], "1.0\n"]), *whole[2:])
    expect(ex.q3, NOT_YET, print, says="The CSV holds")
    write("partition,offset\n", *whole[1:])
    expect(ex.q3, NOT_YET, print, says="Its columns are")
    write(*whole)
    lab.fresh_topic(DLQ, num_partitions=1)
    expect(ex.q3, NOT_ATTEMPTED, print, says=f"`{DLQ}` holds no record")
    with kafka_clients.producer() as producer:
        producer.send(DLQ, value=b"no letter of ours")
    expect(ex.q3, NOT_YET, print, says="bad records.")
    expect(ex.q3, NOT_YET, print, says="lacks `__connect.errors.")
    path.unlink()  # as that message says
    lab.fresh_topic(DLQ, num_partitions=1)
    stored["consume"]()
    expect(ex.q3, CORRECT, stored["consume"], says="They lead back.")


def test_q4_a_lost_commit(stored: Names) -> None:
    path: Path = stored["path"]
    expect(ex.q4, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q4, NOT_YET, None, says="has to be a function")
    expect(ex.q4, NOT_YET, print, says="records behind the end")
    stored["consume"]()
    whole = path.read_text()

    def everything_again() -> None:
        path.write_text(whole + "".join(whole.splitlines(keepends=True)[1:]))

    expect(ex.q4, NOT_YET, everything_again, says="rows were stored again")
    path.write_text(whole)
    expect(ex.q4, NOT_YET, lambda: path.write_text(whole[: len(whole) // 2] + "\n"), says="missing")
    path.write_text(whole)
    expect(ex.q4, NOT_YET, path.unlink, says="left no `readings.csv`")
    path.write_text(whole)
    expect(ex.q4, CORRECT, stored["consume"], says="before and after")

    def from_the_beginning() -> None:
        path.unlink()
        stored["consume"]()

    expect(ex.q4, CORRECT, from_the_beginning, says="before and after")


def test_q5_the_api(stored: Names) -> None:
    expect(ex.q5, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q5, NOT_ATTEMPTED, "app", says="not a Flask app")
    nothing = Flask("nothing")
    expect(ex.q5, NOT_YET, nothing, says="`/totals` answers 404")

    rounded = Flask("rounded")
    sums = {sector: mass // 1000 for sector, mass in capstone_feed.sector_grams().items()}
    rounded.add_url_rule("/totals", view_func=lambda: sums)
    expect(ex.q5, NOT_YET, rounded, says="and the topic")

    grams_only = Flask("grams")
    grams_only.add_url_rule("/totals", view_func=lambda: dict(capstone_feed.sector_grams()))
    expect(ex.q5, NOT_YET, grams_only, says="and the topic")
    listed = Flask("listed")
    listed.add_url_rule("/totals", view_func=lambda: [*capstone_feed.sector_grams().items()])
    expect(ex.q5, NOT_YET, listed, says="not a JSON object")

    always = Flask("always")
    exact = {sector: mass / 1000 for sector, mass in capstone_feed.sector_grams().items()}
    always.add_url_rule("/totals", "all", lambda: exact)
    always.add_url_rule(
        "/totals/<sector>", "one", lambda sector: {"sector": sector, "co2_kg": exact.get(sector)}
    )
    expect(ex.q5, NOT_YET, always, says="no such sector")

    nearly = Flask("nearly")
    sums_kg = {sector: mass / 1000 + 1e-9 for sector, mass in capstone_feed.sector_grams().items()}
    nearly.add_url_rule("/totals", "all", lambda: sums_kg)
    nearly.add_url_rule(
        "/totals/<sector>",
        "one",
        lambda sector: (
            {"sector": sector, "co2_kg": sums_kg[sector]} if sector in sums_kg else abort(404)
        ),
    )
    expect(ex.q5, CORRECT, nearly, says="404 for unicorns")
    expect(ex.q5, CORRECT, solve(ex.q5, **stored)["app"], says="404 for unicorns")


def test_the_marks_are_as_many_checks_as_the_lesson_says(stored: Names) -> None:
    seen = ex.marks()
    assert len(seen.results) == 15  # the lesson's first cell, its last one, and the README
    assert seen.passed == len(seen.results)
    assert f"{seen.passed} of {seen.passed} checks passed" in repr(seen)
    assert "checks passed" in seen._repr_html_()
    ex.clear()
    assert ex.marks().passed == 0
