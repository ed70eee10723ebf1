"""Lesson 05's checks on a real broker and CSV: blank, solved, and wrong as one is wrong."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import pytest
from flask import jsonify
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.exercises import lesson_05 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
READINGS = 2_400


@pytest.fixture
def stored(lab_dir: Path, bootstrap_servers: str) -> None:
    """Store some readings that went the whole way, behind a record that was none."""
    lab.fresh_topic(ex.TOPIC, data_dir=ex.DATA_DIR)
    start = datetime.now(UTC) - timedelta(seconds=READINGS)
    with kafka_clients.producer() as producer:
        producer.send(ex.TOPIC, b"no reading", partition=0)
        for reading in islice(lab.Fleet(seed=7).readings(start, 1), READINGS):
            producer.send(ex.TOPIC, reading.to_json(), reading.facility_id.encode())
    lab.start_consumer(ex.TOPIC, "lesson05-csv", ex.DATA_DIR).wait_until_caught_up()


def blank(*_: Any) -> Any: ...


def is_valid(line: bytes) -> bool:
    body, _, checksum = line.rpartition(b",")
    return checksum == b"%08x\n" % crc32(body)


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    for task in (ex.q1, ex.q2, ex.q3):
        expect(task, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q1, NOT_ATTEMPTED, lambda values: "[]", says="no CSV yet")
    expect(ex.q2, NOT_ATTEMPTED, lambda plant: {}, says="no CSV yet")
    expect(ex.q3, NOT_ATTEMPTED, lambda lines: lines, says="no CSV with valid rows")
    expect_revealed(ex.p1, "number", NOT_ATTEMPTED, says="no torn file")


def test_q1_json_without_nan(stored: None) -> None:
    def as_zero(values: list[float]) -> str:
        return json.dumps([0 if math.isnan(one) else one for one in values])

    def left_out(values: list[float]) -> str:
        return json.dumps([one for one in values if not math.isnan(one)])

    def as_text(values: list[float]) -> str:
        return json.dumps(["null" if math.isnan(one) else one for one in values])

    def rounded(values: list[float]) -> str:
        return json.dumps([None if math.isnan(one) else round(one) for one in values])

    def only_the_first(values: list[float]) -> str:
        return json.dumps([None, *values[1:]])

    expect(ex.q1, NOT_YET, json.dumps, says="holds `NaN`")
    expect(ex.q1, NOT_YET, as_zero, says="`nan` became `0`")
    expect(ex.q1, NOT_YET, left_out, says="1 of them missing")
    expect(ex.q1, NOT_YET, as_text, says='became `"null"`')
    expect(ex.q1, NOT_YET, rounded, says="became")
    expect(ex.q1, NOT_YET, only_the_first, says="became `null`")
    expect(ex.q1, NOT_YET, lambda values: list(values), says="The answer is text")
    expect(ex.q1, NOT_YET, lambda values: print(end=""), says="returned nothing")
    strict = lambda values: json.dumps(values, allow_nan=False)  # noqa: E731
    expect(ex.q1, ERROR, strict, says="ValueError")

    def by_pandas(values: list[float]) -> str:
        return pd.Series(values, dtype=float).to_json(orient="values", double_precision=15)

    def by_replacing(values: list[float]) -> str:
        return json.dumps(values).replace("NaN", "null")

    solved = solve(ex.q1, json=json, pd=pd)["as_json"]
    for right in (solved, by_pandas, by_replacing):
        expect(ex.q1, CORRECT, right, says="all 5 answers")


def test_q2_a_plant_over_http(stored: None) -> None:
    frame = lab.read_table(ex.DATA_DIR, ex.TOPIC)

    def co2_kg(plant: str) -> float:
        return float(frame.loc[frame["facility_id"] == plant, "co2_kg"].sum())

    def known(plant: str) -> Any:
        return {"facility_id": plant, "co2_kg": co2_kg(plant)}

    def of_one_file(plant: str) -> Any:
        table = pd.read_csv(ex.folder() / "1.csv")
        kg = table.loc[table["facility_id"] == plant, "co2_kg"].sum()
        return {"facility_id": plant, "co2_kg": float(kg)}

    expect(ex.q2, NOT_YET, lambda plant: ({}, 500), says="answered 500")
    expect(ex.q2, NOT_YET, lambda plant: print(end=""), says="answered 500")
    expect(ex.q2, NOT_YET, lambda plant: "12 kg", says="a program takes it for a page")
    expect(ex.q2, NOT_YET, lambda plant: json.dumps(known(plant)), says="the dictionary itself")
    expect(ex.q2, NOT_YET, lambda plant: {"co2_kg": co2_kg(plant)}, says="is missing")
    expect(ex.q2, NOT_YET, lambda plant: {"co2_kg": math.nan}, says="a browser refuses")
    doubled = lambda plant: {"facility_id": plant, "co2_kg": 2 * co2_kg(plant)}  # noqa: E731
    expect(ex.q2, NOT_YET, doubled, says="rows in partition")
    expect(ex.q2, NOT_YET, lambda plant: known("X-1"), says="answers for another plant, `X-1`")
    as_text = lambda plant: known(plant) | {"co2_kg": str(co2_kg(plant))}  # noqa: E731
    expect(ex.q2, NOT_YET, as_text, says="`co2_kg` is text")
    expect(ex.q2, NOT_YET, of_one_file, says="rows in partition")
    expect(ex.q2, NOT_YET, known, says="gets 200; the task")
    first = known(sorted(frame["facility_id"].unique())[0])
    for table, says in (({}, "is missing"), (first, "for another plant")):
        expect(ex.q2, NOT_YET, lambda plant, table=table: table, says=says)

    def answered(plant: str) -> Any:
        if plant not in set(frame["facility_id"]):
            return jsonify(detail="none"), 404
        return jsonify(known(plant))

    def aborts(plant: str) -> Any:
        from flask import abort

        return known(plant) if plant in set(frame["facility_id"]) else abort(404)

    def rows_of(plant: str) -> pd.DataFrame:
        return frame[frame["facility_id"] == plant]

    solved = solve(ex.q2, rows_of=rows_of)["about"]
    for right in (solved, answered, aborts):
        expect(ex.q2, CORRECT, right, says="three plants, and 404")


def test_q3_what_may_be_read(stored: None) -> None:
    def whole_lines(lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if line.endswith(b"\n")]

    def in_a_loop(lines: list[bytes]) -> list[bytes]:
        kept = []
        for line in lines:
            if not is_valid(line):
                break
            kept.append(line)
        return kept

    def up_to(lines: list[bytes]) -> Any:
        bad = next((n for n, line in enumerate(lines) if not is_valid(line)), len(lines))
        return tuple(lines[:bad])

    expect(ex.q3, NOT_YET, lambda lines: lines[0], says="returned a single line")
    expect(ex.q3, NOT_YET, lambda lines: lines[:-1], says="but some were not read")
    expect(ex.q3, NOT_YET, lambda lines: lines, says="cut after byte 1 of")
    expect(ex.q3, NOT_YET, whole_lines, says="does not make it valid")
    expect(ex.q3, NOT_YET, lambda lines: list(filter(is_valid, lines)), says="nobody notices")
    expect(ex.q3, NOT_YET, lambda lines: [], says="You returned 0 lines")
    expect(ex.q3, NOT_YET, lambda lines: print(end=""), says="returned nothing")
    expect(ex.q3, ERROR, lambda lines: lines[0].text, says="AttributeError")
    solved = solve(ex.q3, itertools=itertools, is_valid=is_valid)["readable"]
    for right in (solved, in_a_loop, up_to, lambda lines: takewhile(is_valid, lines)):
        expect(ex.q3, CORRECT, right, says="torn at each")


def test_p1_a_torn_number_is_a_number(stored: None) -> None:
    lines = (ex.folder() / "0.csv").read_bytes().splitlines(keepends=True)
    before, co2_kg, *_ = lines[-1].rsplit(b",", 4)
    ex.torn_csv().write_bytes(b"".join(lines[:-1]) + before + b"," + co2_kg[:1])
    expect_revealed(ex.p1, "error", NOT_YET, says="You said 'error'. It was 'number'")
    expect_revealed(ex.p1, "number", CORRECT, says="There is no warning")
    ex.torn_csv().write_bytes(b"".join(lines[:-1]) + before + b",")
    expect_revealed(ex.p1, "number", NOT_YET, says="It was 'empty'")
