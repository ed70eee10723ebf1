"""Lesson 05's checks on a real broker, CSV and API: blank, solved, and wrong as one is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from zlib import crc32

import pandas as pd
import pytest
from flask import Flask
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.api.app import Api
from labkit.broker import kafka_clients
from labkit.exercises import lesson_05 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.table.table import Table

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
READINGS = 2_400


@pytest.fixture
def api(lab_dir: Path, bootstrap_servers: str) -> Iterator[Api]:
    """Serve some readings that went the whole way, behind a record that was none."""
    lab.fresh_topic(ex.TOPIC, data_dir=ex.DATA_DIR)
    start = datetime.now(UTC) - timedelta(seconds=READINGS)
    with kafka_clients.producer() as producer:
        producer.send(ex.TOPIC, b"no reading", partition=0)
        for reading in islice(lab.Fleet(seed=7).readings(start, 1), READINGS):
            producer.send(ex.TOPIC, reading.to_json(), reading.facility_id.encode())
    consumer = lab.start_consumer(ex.TOPIC, "lesson05-csv", ex.DATA_DIR)
    consumer.wait_until_caught_up()
    with lab.start_api(ex.DATA_DIR, topic=ex.TOPIC) as one:
        yield one


def get(api: Api, path: str) -> Any:
    with urlopen(api.url + path) as answer:
        return json.load(answer)


def app(answer: Any) -> Flask:
    """Return an app whose one address answers with what a function of the plant gives."""
    made = Flask("mine")
    made.get("/plants/<plant>")(answer)
    return made


def is_true(line: bytes) -> bool:
    body, _, checksum = line.rpartition(b",")
    return checksum == b"%08x\n" % crc32(body)


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    expect(ex.q1, NOT_ATTEMPTED, app(lambda plant: {}), says="no CSV yet")
    expect(ex.q2, NOT_ATTEMPTED, lambda lines: lines, says="no CSV with true rows")
    expect(ex.q3, NOT_ATTEMPTED, lambda frame: {}, says="No API serves")
    expect(ex.q4, NOT_ATTEMPTED, lambda url: [], says="No API serves")
    expect(ex.q5, NOT_ATTEMPTED, lambda co2_kg, bucket_s: 0, says="No API serves")
    expect_revealed(ex.p1, "number", NOT_ATTEMPTED, says="no torn file")
    expect_revealed(ex.p2, 24, NOT_ATTEMPTED, "0.1", says="No API serves")
    expect_revealed(ex.p3, 422, NOT_ATTEMPTED, says="No API serves")


def test_q1_an_address_of_ones_own(api: Api) -> None:
    frame = lab.read_table(ex.DATA_DIR, ex.TOPIC)

    def co2_kg(plant: str) -> float:
        return float(frame.loc[frame["facility_id"] == plant, "co2_kg"].sum())

    def known(plant: str) -> Any:
        return {"facility_id": plant, "co2_kg": co2_kg(plant)}

    expect(ex.q1, NOT_ATTEMPTED, Flask("mine"), says="no address yet")
    expect(ex.q1, NOT_YET, "mine", says="not a Flask app")
    expect(ex.q1, NOT_YET, app(lambda plant: ("gone", 500)), says="answered 500")
    expect(ex.q1, NOT_YET, app(lambda plant: "12 kg"), says="is not JSON")
    expect(ex.q1, NOT_YET, app(lambda plant: {"co2_kg": co2_kg(plant)}), says="is missing")
    expect(ex.q1, NOT_YET, app(lambda plant: {"co2_kg": float("nan")}), says="a browser refuses")
    doubled = app(lambda plant: {"facility_id": plant, "co2_kg": 2 * co2_kg(plant)})
    expect(ex.q1, NOT_YET, doubled, says="rows in partition")
    expect(ex.q1, NOT_YET, app(known), says="gets 200; the task")
    folder = ex.folder()
    solved = solve(ex.q1, Flask=Flask, pd=pd, folder=folder)["mine"]
    expect(ex.q1, CORRECT, solved, says="three plants, and 404")


def test_q2_what_may_be_read(api: Api) -> None:
    def blank(lines: Any) -> Any: ...

    def whole_lines(lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if line.endswith(b"\n")]

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q2, NOT_YET, lambda lines: lines[:-1], says="but some were not read")
    expect(ex.q2, NOT_YET, lambda lines: lines, says="cut after byte 1 of")
    expect(ex.q2, NOT_YET, whole_lines, says="does not make it valid")
    expect(ex.q2, NOT_YET, lambda lines: list(filter(is_true, lines)), says="nobody notices")
    expect(ex.q2, ERROR, lambda lines: lines[0].text, says="AttributeError")
    expect(ex.q2, CORRECT, solve(ex.q2, is_true=is_true)["readable"], says="torn at each")


def test_q3_tonnes_by_sector(api: Api) -> None:
    def sums(frame: pd.DataFrame) -> Any:
        return frame.groupby("sector", observed=True)["co2_kg"].sum()

    expect(ex.q3, NOT_YET, sums, says="right in kilograms")
    expect(ex.q3, NOT_YET, lambda frame: sums(frame) / 1000 + 1e-6, says="the API")
    by_fuel = lambda frame: frame.groupby("fuel", observed=True)["co2_kg"].sum()  # noqa: E731
    expect(ex.q3, NOT_YET, by_fuel, says="You have ['coal'")
    expect(ex.q3, CORRECT, solve(ex.q3)["totals"], says="equal to the gram")


def test_q4_every_page_once(api: Api) -> None:
    def first_page(url: str) -> Any:
        return json.load(urlopen(f"{url}/api/readings?after="))["readings"]

    def without_cursor(url: str) -> Any:
        while json.load(urlopen(f"{url}/api/readings?limit=500&after="))["more"]:
            pass

    def at_once(url: str) -> Any:
        return json.load(urlopen(f"{url}/api/readings?limit=5000&after="))["readings"]

    expect(ex.q4, NOT_YET, first_page, says=f"{READINGS - 500:,} of {READINGS:,} readings")
    expect(ex.q4, NOT_YET, without_cursor, says="does its cursor move?")
    expect(ex.q4, NOT_YET, at_once, says="too long")
    expect(ex.q4, NOT_YET, lambda url: 2 * at_once(url), says="appear twice")
    expect(ex.q4, ERROR, lambda url: urlopen(f"{url}/api/reading"), says="404")
    solved = solve(ex.q4, json=json, urlopen=urlopen)["read_all"]
    expect(ex.q4, CORRECT, solved, says=f"{READINGS:,} readings in 5 answers")


def test_q5_kilograms_in_a_bucket(api: Api) -> None:
    expect(ex.q5, NOT_YET, lambda kg, s: kg / s, says="kilograms per second")
    expect(ex.q5, NOT_YET, lambda kg, s: kg / s * 3600, says="kilograms per hour")
    expect(ex.q5, NOT_YET, lambda kg, s: kg, says="the kilograms")
    expect(ex.q5, NOT_YET, lambda kg, s: kg / s / 3.6, says="not divided by it")
    expect(ex.q5, CORRECT, solve(ex.q5)["t_per_h"], says="buckets of `/api/series`")


def test_p1_a_torn_number_is_a_number(api: Api) -> None:
    lines = (ex.folder() / "0.csv").read_bytes().splitlines(keepends=True)
    before, co2_kg, *_ = lines[-1].rsplit(b",", 4)
    ex.torn_csv().write_bytes(b"".join(lines[:-1]) + before + b"," + co2_kg[:1])
    expect_revealed(ex.p1, "error", NOT_YET, says="You said 'error'. It was 'number'")
    expect_revealed(ex.p1, "number", CORRECT, says="There is no warning")
    ex.torn_csv().write_bytes(b"".join(lines[:-1]) + before + b",")
    expect_revealed(ex.p1, "number", NOT_YET, says="It was 'empty'")


def test_p2_only_what_is_new(api: Api) -> None:
    cursor = get(api, "/api/readings?limit=1")["next"]
    expect_revealed(ex.p2, 24, NOT_ATTEMPTED, cursor, says="Nothing has come in")
    expect_revealed(ex.p2, 24, NOT_ATTEMPTED, "0.999999", says="it was started again")
    lab.start_producer(ex.TOPIC, readings_per_s=0, count=24).wait()
    lab.running()[0].wait_until_caught_up()
    expect_revealed(ex.p2, READINGS + 24, NOT_YET, cursor, says="It was 24")
    expect_revealed(ex.p2, 24, CORRECT, cursor, says="are not sent again")


def test_p3_a_misspelt_question(api: Api) -> None:
    expect_revealed(ex.p3, 200, NOT_YET, says="You said 200. It was 422")
    expect_revealed(ex.p3, 422, CORRECT, says="is not a parameter")


def test_a_longer_csv_is_a_true_one(api: Api) -> None:
    """What the lesson measures on is a CSV that the lab itself would take, row for row."""
    longer = ex.lengthen(times=3)
    table = Table(longer)
    assert table.refresh() == 3 * READINGS
    assert table.snapshot.problems == ()
    ex.lengthen(rows=8)
    assert table.refresh() == 24
    assert len(pd.concat(pd.read_csv(path) for path in longer.glob("*.csv"))) == 3 * READINGS + 27
    assert ex.lengthen(times=1) == longer  # all rows were used: it starts again
    assert Table(longer).refresh() == READINGS
