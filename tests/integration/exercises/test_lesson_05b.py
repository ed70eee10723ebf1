"""Lesson 05b's checks on a real CSV and API: blank, solved, and wrong as one is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pandas as pd
import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.api.app import Api
from labkit.exercises import lesson_05b as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.table.table import Table

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
READINGS = 2_400


@pytest.fixture
def api(lab_dir: Path, bootstrap_servers: str) -> Iterator[Api]:
    """Serve some readings that went the whole way."""
    lab.fresh_topic(ex.TOPIC, data_dir=ex.DATA_DIR)
    assert lab.start_producer(ex.TOPIC, readings_per_s=0, count=READINGS, seed=7).wait(60)
    lab.start_consumer(ex.TOPIC, "lesson05b-csv", ex.DATA_DIR).wait_until_caught_up()
    with lab.start_api(ex.DATA_DIR, topic=ex.TOPIC) as one:
        yield one


def blank(*_: Any) -> Any: ...


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    for task in (ex.q1, ex.q3):
        expect(task, NOT_ATTEMPTED, blank, says="three dots")
        expect(task, NOT_ATTEMPTED, lambda _: [], says="No API serves")
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q2, NOT_ATTEMPTED, "0.1", says="No API serves")
    expect_revealed(ex.p1, 422, NOT_ATTEMPTED, says="No API serves")


def test_q1_tonnes_by_sector(api: Api) -> None:
    def sums(frame: pd.DataFrame, by: str = "sector") -> Any:
        return frame.groupby(by, observed=True)["co2_kg"].sum()

    def in_a_loop(frame: pd.DataFrame) -> dict[str, float]:
        found: dict[str, float] = {}
        for sector, co2_kg in zip(frame["sector"], frame["co2_kg"], strict=True):
            found[sector] = found.get(sector, 0.0) + co2_kg / 1000
        return found

    def of_each(frame: pd.DataFrame) -> dict[str, float]:
        sectors = frame["sector"].unique()
        return {one: frame[frame["sector"] == one]["co2_kg"].sum() / 1000 for one in sectors}

    expect(ex.q1, NOT_YET, sums, says="right in kilograms")
    expect(ex.q1, NOT_YET, lambda frame: sums(frame) / 1000 + 1e-6, says="the API")
    expect(ex.q1, NOT_YET, lambda frame: sums(frame.tail(2000)) / 1000, says="the API")
    expect(ex.q1, NOT_YET, lambda frame: sums(frame, "fuel") / 1000, says="You have ['coal'")
    expect(ex.q1, NOT_YET, lambda frame: sums(frame).head(2) / 1000, says="and the API has")
    expect(ex.q1, NOT_YET, lambda frame: print(end=""), says="returned nothing")
    expect(ex.q1, ERROR, lambda frame: frame["tonnes"], says="KeyError")
    for right in (solve(ex.q1)["totals"], in_a_loop, of_each):
        expect(ex.q1, CORRECT, right, says="equal to the gram")


def test_q2_a_cursor_names_what_was_seen(api: Api) -> None:
    expect(ex.q2, NOT_YET, 500, says="The answer is text")
    expect(ex.q2, NOT_YET, "offset 500", says="is not a cursor")
    expect(ex.q2, NOT_YET, "0.500-1.500-2.500", says="partition 0 has offset 501")
    expect(ex.q2, NOT_YET, "0.499", says="partition 1 has offset 0")
    expect(ex.q2, NOT_YET, "1.499-2.499-3.499", says="says 4")
    expect(ex.q2, NOT_YET, "", says="partition 0 has offset 0")
    expect(ex.q2, NOT_YET, "0.9999-1.9999-2.9999", says="says 409")
    for right in (solve(ex.q2)["cursor"], "2.499-1.499-0.499", "after=0.499-1.499-2.499"):
        expect(ex.q2, CORRECT, right, says="3 partitions")


def test_q3_every_page_once(api: Api) -> None:
    def first_page(url: str) -> Any:
        return json.load(urlopen(f"{url}/api/readings?after="))["readings"]

    def without_cursor(url: str) -> Any:
        while json.load(urlopen(f"{url}/api/readings?limit=500&after="))["more"]:
            pass

    def at_once(url: str) -> Any:
        return json.load(urlopen(f"{url}/api/readings?limit=5000&after="))["readings"]

    def from_the_file(url: str) -> Any:
        return lab.read_table(ex.DATA_DIR, ex.TOPIC).to_dict("records")

    expect(ex.q3, NOT_YET, first_page, says=f"{READINGS - 500:,} of {READINGS:,} readings")
    expect(ex.q3, NOT_YET, without_cursor, says="does its cursor move?")
    expect(ex.q3, NOT_YET, at_once, says="more than 500 of them in one")
    expect(ex.q3, NOT_YET, lambda url: 2 * at_once(url), says="appear twice")
    expect(ex.q3, NOT_YET, from_the_file, says="did not ask the API at `url`")
    expect(ex.q3, NOT_YET, lambda url: print(end=""), says="returned nothing")
    expect(ex.q3, ERROR, lambda url: urlopen(f"{url}/api/reading"), says="404")

    def until_false(url: str) -> Any:
        found, cursor = [], ""
        while True:
            page = json.load(urlopen(f"{url}/api/readings?limit=500&after={cursor}"))
            found += page["readings"]
            cursor = page["next"]
            if not page["more"]:
                return found

    def one_by_one(url: str, cursor: str = "") -> Any:
        page = json.load(urlopen(f"{url}/api/readings?limit=400&after={cursor}"))
        yield from page["readings"]
        if page["more"]:
            yield from one_by_one(url, page["next"])

    solved = solve(ex.q3, json=json, urlopen=urlopen)["read_all"]
    for right in (solved, until_false, one_by_one):
        expect(ex.q3, CORRECT, right, says=f"{READINGS:,} readings in")


def test_p1_a_misspelt_question(api: Api) -> None:
    expect_revealed(ex.p1, 200, NOT_YET, says="You said 200. It was 422")
    expect_revealed(ex.p1, 422, CORRECT, says="is not a parameter")


def test_a_longer_csv_is_a_true_one(api: Api) -> None:
    """What the lesson measures on is a CSV that the lab itself would take, row for row."""
    longer = ex.lengthen(times=3)
    table = Table(longer)
    assert table.refresh() == 3 * READINGS
    assert table.snapshot.problems == ()
    ex.lengthen(rows=8)
    assert table.refresh() == 24
    assert len(pd.concat(pd.read_csv(path) for path in longer.glob("*.csv"))) == 3 * READINGS + 24
    assert ex.lengthen(times=1) == longer  # all rows were used: it starts again
    assert Table(longer).refresh() == READINGS
