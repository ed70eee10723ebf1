"""Lesson 00's checks on a real broker and real files: blank, solved, and wrong."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_00 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET, NOT_ATTEMPTED = Outcome.CORRECT, Outcome.NOT_YET, Outcome.NOT_ATTEMPTED
READINGS = 120


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topic, on the session's broker."""
    try:
        lab.delete_topic(ex.TOPIC)
    except TopicNotFound:
        return


@pytest.fixture
def table() -> pd.DataFrame:
    """Send some readings, store them, and return them as the lesson has them."""
    lab.ensure_topic(ex.TOPIC, num_partitions=3)
    send()
    lab.start_consumer(ex.TOPIC).wait_until_caught_up()
    lab.stop_all()
    return lab.read_table()


def send() -> None:
    lab.start_producer(ex.TOPIC, None, count=READINGS).wait(60)


def test_q1_the_partitions_of_the_topic() -> None:
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_ATTEMPTED, 3, says="no topic `co2-emissions`")
    lab.ensure_topic(ex.TOPIC, num_partitions=3)
    expect(ex.q1, NOT_YET, 2, says="The first is partition 0")
    expect(ex.q1, NOT_YET, "three", says="You gave text, `'three'`")
    expect(ex.q1, NOT_YET, "3", says="Leave out the quotation marks")
    expect(ex.q1, CORRECT, solve(ex.q1)["partitions"], says="partitions 0, 1, 2")


def test_q2_another_rate_shows_in_the_topic() -> None:
    lab.ensure_topic(ex.TOPIC, num_partitions=3)
    producer = lab.start_producer(ex.TOPIC, readings_per_s=20)
    expect(ex.q2, NOT_ATTEMPTED, producer, says="still sends 20")
    producer.readings_per_s = 500
    expect(ex.q2, NOT_YET, producer, says="set to 500 readings a second")
    expect(ex.q2, NOT_YET, 50, says="`producer` is now 50")
    solve(ex.q2, producer=producer)
    expect(ex.q2, CORRECT, producer, says="more records within")
    producer.stop()
    expect(ex.q2, NOT_ATTEMPTED, producer, says="is not running")


def test_q3_the_rows_of_one_file(table: pd.DataFrame) -> None:
    here = int((table["partition"] == 0).sum())
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_YET, len(table), says="the rows of all 3 files")
    expect(ex.q3, NOT_YET, here - 1, says="is the last offset")
    expect(ex.q3, NOT_YET, here + 7, says="the file has fewer")
    expect(ex.q3, NOT_YET, table, says="a pandas DataFrame of")
    expect(ex.q3, CORRECT, solve(ex.q3, table=table)["rows"], says=f"{here} rows")


def test_q4_the_plant_that_emitted_most(table: pd.DataFrame) -> None:
    sums = table.groupby("facility", observed=True)["co2_kg"].sum().sort_values()
    expect(ex.q4, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q4, NOT_YET, sums.index[-2], says="1 plant emitted more")
    expect(ex.q4, NOT_YET, "Springfield", says="No plant in the CSV is called 'Springfield'")
    expect(ex.q4, NOT_YET, float(sums.max()), says="The answer is text")
    heaviest = solve(ex.q4, table=table)["heaviest"]
    plant = table.loc[table["facility"] == heaviest, "facility_id"].iloc[0]
    expect(ex.q4, CORRECT, plant, says=f"{heaviest} emitted")
    expect(ex.q4, CORRECT, heaviest, says=f"{heaviest} emitted")


def test_before_anything_is_stored_nothing_was_attempted() -> None:
    expect(ex.q3, NOT_ATTEMPTED, 10, says="has no row yet")
    expect(ex.q4, NOT_ATTEMPTED, "somebody", says="has no row yet")


def test_p1_what_nobody_read_is_still_there() -> None:
    lab.ensure_topic(ex.TOPIC, num_partitions=3)
    expect_revealed(ex.p1, 0, NOT_ATTEMPTED, says="Nothing has been sent")
    send()
    expect_revealed(ex.p1, 0, NOT_ATTEMPTED, says=f"{READINGS} records are still on their way")
    consumer = lab.start_consumer(ex.TOPIC)
    consumer.process.kill()
    consumer.process.wait()
    lab.start_consumer(ex.TOPIC).wait_until_caught_up()
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, says=f"{READINGS} readings are in the topic")
    expect_revealed(ex.p1, READINGS, NOT_YET, says=f"You said {READINGS}. It was 0")
    expect_revealed(ex.p1, 0, CORRECT, says="Kafka kept them")
