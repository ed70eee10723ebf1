"""Lesson 00's checks on a real broker and real files: blank, solved, and wrong."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.core.errors import TopicNotFound, TopicRefused
from labkit.core.run_files import read_run_files
from labkit.core.wait_until import wait_until
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


def test_q1_the_partition_of_a_plant(table: pd.DataFrame) -> None:
    partition = solve(ex.q1, table=table)["partition"]
    sent = int((table["facility_id"] == ex.PLANT).sum())
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    for right in (partition, int(partition), float(partition)):
        told = f"{sent} records with the key `PL-COAL-001`, all of them in partition {partition}"
        expect(ex.q1, CORRECT, right, says=told)
    wrong = {
        (int(partition) + 1) % 3: "has no record with the key `PL-COAL-001`",
        3: "no partition 3: they are numbered from 0 to 2",
        -1: "no partition -1",
        sent: "is how many of its readings there are",
        str(partition): "Leave out the quotation marks",
        "partition 2": "You gave text",
        None: "You gave `None`",
    }
    for answer, says in wrong.items():
        expect(ex.q1, NOT_YET, answer, says=says)
    expect(ex.q1, NOT_YET, table["partition"], says="a pandas Series of")
    expect(ex.q1, NOT_YET, table["partition"].unique(), says="a numpy ndarray of")


def test_q1_before_anything_is_sent() -> None:
    expect(ex.q1, NOT_ATTEMPTED, 2, says="no topic `co2-emissions`")
    lab.ensure_topic(ex.TOPIC, num_partitions=3)
    expect(ex.q1, NOT_ATTEMPTED, 2, says="no reading of `PL-COAL-001` yet")


def test_q2_another_rate_shows_in_the_topic() -> None:
    lab.ensure_topic(ex.TOPIC, num_partitions=3)
    producer = lab.start_producer(ex.TOPIC, readings_per_s=20)
    expect(ex.q2, NOT_ATTEMPTED, producer, says="still sends 20")
    producer.readings_per_s = 500
    expect(ex.q2, NOT_YET, producer, says="set to 500 readings a second")
    producer.readings_per_s = 49.5
    expect(ex.q2, NOT_YET, producer, says="set to 49.5 readings a second")
    expect(ex.q2, NOT_YET, 50, says="`producer` is now 50")
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    solve(ex.q2, producer=producer)
    expect(ex.q2, CORRECT, producer, says="more records within")
    producer.readings_per_s = 20
    setattr(producer, "readings_per_s", 50.0)  # noqa: B010  (as one would with a name in a variable)
    expect(ex.q2, CORRECT, producer, says="more records within")
    producer.stop()
    expect(ex.q2, NOT_ATTEMPTED, producer, says="is not running")
    second = lab.start_producer(ex.TOPIC, readings_per_s=50)
    expect(ex.q2, CORRECT, second, says="more records within")


def test_q3_the_plant_that_emitted_most(table: pd.DataFrame) -> None:
    sums = table.groupby("facility", observed=True)["co2_kg"].sum().sort_values()
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_YET, sums.index[-2], says="1 plant emitted more")
    expect(ex.q3, NOT_YET, "Springfield", says="No plant in the CSV is called 'Springfield'")
    expect(ex.q3, NOT_YET, float(sums.max()), says="The answer is text")
    expect(ex.q3, NOT_YET, sums, says="a pandas Series of")
    expect(ex.q3, NOT_YET, sums.index[0], says="plants emitted more")
    expect(ex.q3, NOT_YET, "all of them", says="No plant in the CSV is called 'all of them'")
    heaviest = solve(ex.q3, table=table)["heaviest"]
    plant = table.loc[table["facility"] == heaviest, "facility_id"].iloc[0]
    expect(ex.q3, CORRECT, plant, says=f"{heaviest} emitted")
    expect(ex.q3, CORRECT, heaviest, says=f"{heaviest} emitted")
    plain = unicodedata.normalize("NFKD", heaviest).encode("ascii", "ignore").decode().lower()
    expect(ex.q3, CORRECT, f"{plain} ", says=f"{heaviest} emitted")
    expect(ex.q3, CORRECT, sums.index[-1], says=f"{heaviest} emitted")


def test_before_anything_is_stored_nothing_was_attempted() -> None:
    expect(ex.q3, NOT_ATTEMPTED, "somebody", says="has no row yet")


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
    expect_revealed(ex.p1, 0, CORRECT, says="Kafka keeps what the consumer has not read yet")


def test_to_begin_again_empties_topic_csv_and_ledger() -> None:
    lab.fresh_topic(ex.TOPIC)
    producer = lab.start_producer(ex.TOPIC, readings_per_s=50, clock=144)
    lab.start_consumer(ex.TOPIC)
    wait_until(lambda: producer.counts.acked > 20, 30)
    again = lab.fresh_topic(ex.TOPIC)  # while both run: this notebook's own are stopped
    assert (again.records, lab.running()) == (0, [])
    assert lab.read_table().empty
    send()
    consumer = lab.start_consumer(ex.TOPIC)
    consumer.wait_until_caught_up()
    assert lab.carbon_ledger().agrees
    assert len(lab.read_table()) == READINGS


def test_a_topic_that_another_program_uses_is_not_emptied() -> None:
    lab.ensure_topic(ex.TOPIC)
    other = [sys.executable, "-m", "labkit", "produce", "--topic", ex.TOPIC, "--rate", "5"]
    with subprocess.Popen(other, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: read_run_files("producer"), 30)
            with pytest.raises(TopicRefused, match=rf"a producer \(process {process.pid}\)"):
                lab.fresh_topic(ex.TOPIC)
        finally:
            process.terminate()
    lab.fresh_topic(ex.TOPIC)


def test_a_table_that_was_replayed_is_not_deleted(tmp_path: Path) -> None:
    lab.ensure_topic(ex.TOPIC)
    path = tmp_path / "mine.csv"
    path.write_text("recorded_at,plant,co2_kg\n2026-01-01T00:00:00Z,A,1\n")
    lab.start_producer(ex.TOPIC, replay=path, speed=0).wait(60)
    with pytest.raises(TopicRefused, match="holds a table that was replayed"):
        lab.fresh_topic(ex.TOPIC)
