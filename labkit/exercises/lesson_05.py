"""05 · The API: from CSV to JSON, without reading the file again."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from flask import Flask

from labkit.core.config import load_config
from labkit.core.text_tables import many
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.torn_csv_samples import torn
from labkit.exercises.queries.api_queries import (
    RecordingProxy,
    api_url,
    ask,
    serving,
    summary_and_table,
)
from labkit.readings.reading import grams
from labkit.sink.csv_row import HEADER, at_offset, verify_row
from labkit.sink.segment_files import segments, topic_dir
from labkit.table.table import read_table

TOPIC = "lesson05-readings"
DATA_DIR = "data/lesson05"
UNKNOWN_PLANT = "XX-COAL-999"
LAST_ROWS = 200
BUCKETS_S = (300, 600, 1_800)


def folder() -> Path:
    """Return the folder of this lesson's CSV files."""
    return topic_dir(load_config().data_path(DATA_DIR), TOPIC)


def torn_csv() -> Path:
    """Return where this lesson puts a copy with a torn last row."""
    return folder().parent / "torn.csv"


def lengthen(*, times: int = 1, rows: int | None = None) -> Path:
    """Append this lesson's rows to a longer CSV; start that again when all rows are used."""
    long = folder().parent / "longer"
    if rows is None:
        shutil.rmtree(long, ignore_errors=True)
    long.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder().glob("*.csv")):
        lines = path.read_bytes().splitlines(keepends=True)[1:][-(rows or 0) :] * times
        copy = long / path.name
        there = copy.read_bytes().count(b"\n") - 1 if copy.exists() else 0
        with copy.open("ab") as file:
            if not there:
                file.write(HEADER)
            file.writelines(at_offset(line, there + n) for n, line in enumerate(lines))
    return long


@prediction(possible=("error", "empty", "number"), solution='ex.p1.predict("number")')
def p1() -> Observed:
    """The last row of a CSV ends in the middle of its `co2_kg`.

    What does pandas read there? Say 'error', 'empty' (no value at all), or 'number'.
    """
    if not torn_csv().exists():
        raise NotAttempted("There is no torn file yet: run the cell above this one.")
    offset, said = list(_rows(torn_csv()).items())[-1]
    wrote = _rows(folder() / "0.csv")[offset]
    return Observed(
        "empty" if math.isnan(said) else "number",
        f"Pandas read {said:g} kg, and the plant had emitted {wrote:g} kg. There is no warning: in "
        "a text file, half a number is a number.",
    )


@prediction(possible=range(10_001), solution="ex.p2.predict(24)")
def p2(cursor: str) -> Observed:
    """You hold the cursor of a first answer. Then each of 24 plants sends one reading.

    How many readings does the second answer hold, after that cursor?
    """
    answer = ask(f"{api_url(TOPIC)}/api/readings?limit=5000&after={cursor}").json()
    if "readings" not in answer:
        raise NotAttempted(f"The API does not take that cursor: {answer['detail']}.")
    if not answer["readings"]:
        raise NotAttempted("Nothing has come in since: run the cell above this one.")
    return Observed(
        len(answer["readings"]),
        f"The API's answer after `{cursor}`: {len(answer['readings'])} readings, up to "
        f"`{answer['next']}`. Readings that you already have are not sent again.",
    )


@prediction(possible=range(100, 600), solution="ex.p3.predict(422)")
def p3() -> Observed:
    """Somebody asks `/api/summary?sektor=power`: a misspelt filter.

    Which status code comes back? (200 is success; 4xx says that the request was wrong.)
    """
    answer = ask(f"{api_url(TOPIC)}/api/summary?sektor=power")
    return Observed(
        answer.status,
        "An API that ignored the word would answer with the sum of all sectors, and nobody would "
        f"notice. This one says: {answer.json()['detail'].partition(';')[0]}.",
    )


@exercise
def q1(mine: Flask) -> str:
    """Let `mine` answer `/plants/PL-COAL-001` with that plant's `facility_id` and `co2_kg`.

    `co2_kg` is the sum over all its rows, in all three files. A plant that has no row gets 404.
    """
    if not isinstance(mine, Flask):
        raise NotYet(f'`mine` is {mine!r}, not a Flask app: `mine = Flask("mine")`.')
    if len(list(mine.url_map.iter_rules())) == 1:  # the one for static files, which every app has
        raise NotAttempted("`mine` has no address yet: write a function, with `@mine.get(...)`.")
    table = read_table(DATA_DIR, TOPIC)
    if table.empty:
        raise NotAttempted("There is no CSV yet: run the cells above.")
    with serving(mine) as url:
        for plant in sorted(table["facility_id"].unique())[:3]:
            _check_plant(url, plant, table[table["facility_id"] == plant])
        answer = ask(f"{url}/plants/{UNKNOWN_PLANT}")
        if answer.status != 404:
            raise NotYet(
                f"An unknown plant, `{UNKNOWN_PLANT}`, gets {answer.status}; the task asks for "
                "404: 200 would claim that it exists, and 500 says that your program failed."
            )
    return f"Asked over HTTP: the right sum for three plants, and 404 for `{UNKNOWN_PLANT}`."


@exercise
def q2(readable: Callable[[list[bytes]], Any]) -> str:
    """Write `readable(lines)`: the lines that may be read, up to the first one that is not true.

    `lines` are bytes with their line breaks, without the header. It is tried on your own CSV, torn
    at each byte of its last row.
    """
    files = segments(folder(), 1)
    lines = files[-1].read_bytes().splitlines(keepends=True)[-LAST_ROWS:] if files else []
    if len(lines) < LAST_ROWS or not all(map(verify_row, lines)):
        raise NotAttempted("There is no CSV with true rows yet: run the cells above.")
    for case in torn(lines):
        said = list(readable(list(case.lines)))
        if said != case.lines[: case.true]:
            raise NotYet(f"{len(said)} rows were read: {case.mistake}")
    return f"It was tried on `1.csv`, torn at each of the {len(lines[-1]):,} bytes of its last row."


@exercise
def q3(totals: Callable[[pd.DataFrame], Any]) -> str:
    """Write `totals(frame)`: the tonnes of each sector, given the whole table.

    They are compared with `/api/summary`, to the gram.
    """
    summary, frame = summary_and_table(TOPIC, DATA_DIR)
    said = {str(key): float(value) for key, value in dict(totals(frame)).items()}
    served = {one["key"]: float(one["co2_kg"]) for one in summary["by_sector"]}
    if set(said) != set(served):
        raise NotYet(f"You have {sorted(said)[:4]}, and the API has {sorted(served)[:4]}.")
    wrong = [key for key, kg in served.items() if grams(said[key] * 1000) != grams(kg)]
    if wrong:
        key = wrong[0]
        if _is_close(said[key], served[key]):
            raise NotYet(f"{key}: {said[key]:,.3f} is right in kilograms. Tonnes are asked for.")
        raise NotYet(f"{key}: you said {said[key]:,.6f} t, the API {served[key] / 1000:,.6f} t.")
    total = sum(served.values()) / 1000
    return f"`/api/summary` was asked: {len(served)} sectors, {total:,.3f} t, equal to the gram."


@exercise
def q4(read_all: Callable[[str], Any]) -> str:
    """Write `read_all(url)`: every reading that the API at `url` has, at most 500 in one answer.

    None may be missing or appear twice.
    """
    _, frame = summary_and_table(TOPIC, DATA_DIR)
    proxy = RecordingProxy(api_url(TOPIC))
    with serving(proxy) as url:
        try:
            readings = list(read_all(url))
        except OSError:
            if proxy.was_asked_too_often:
                raise NotYet(
                    f"Your loop asked {proxy.most} times, and was stopped. It last asked "
                    f"`{proxy.requests[-1].address}`: does its cursor move? Does it stop when "
                    "`more` is false?"
                ) from None
            raise
    places = [(one["partition"], one["offset"]) for one in readings]
    wanted = set(zip(frame["partition"], frame["offset"], strict=True))
    if len(set(places)) < len(places):
        raise NotYet(f"{len(places) - len(set(places)):,} readings appear twice.")
    if missing := len(wanted - set(places)):
        raise NotYet(
            f"{missing:,} of {len(wanted):,} readings are missing; you asked "
            f"{many(len(proxy.requests), 'time')}. Does `more` say that there are more?"
        )
    if len(proxy.requests) * 500 < len(wanted):
        raise NotYet(f"{len(proxy.requests)} answers for {len(wanted):,} readings: too long.")
    return f"{len(places):,} readings in {len(proxy.requests)} answers: no gap, none twice."


@exercise
def q5(t_per_h: Callable[[float, float], Any]) -> str:
    """Write `t_per_h(co2_kg, bucket_s)`: the rate in a bucket of so many seconds, in t/h.

    It is compared with what `/api/series` says of its buckets.
    """
    url, compared = api_url(TOPIC), 0
    for bucket_s in BUCKETS_S:
        series = ask(f"{url}/api/series?window_s={bucket_s}&bucket_s={bucket_s}").json()["series"]
        for line in series:
            (rate,), co2_kg = line["values"], line["co2_kg"]
            if rate is None:
                continue
            said = float(t_per_h(co2_kg, bucket_s))
            if not math.isclose(said, rate, rel_tol=1e-4, abs_tol=1e-3):
                raise NotYet(
                    f"{line['label']}: {co2_kg:,.0f} kg in {bucket_s} s. You said {said:,.3f} t/h, "
                    f"the API {rate:,.3f} t/h{_explain_rate(said, rate, bucket_s)}."
                )
            compared += 1
    if not compared:
        raise NotAttempted("The API has no bucket with readings yet: run the cells above.")
    return f"Right for {compared} buckets of `/api/series`, from 5 minutes to half an hour."


def _rows(path: Path) -> dict[int, float]:
    """Return a file's kilograms by offset as a learner's pandas reads them, checked by nobody."""
    table = pd.read_csv(path)
    return dict(zip(table["offset"], table["co2_kg"], strict=True))


def _is_close(said: Any, seen: float) -> bool:
    """Tell whether two masses in kilograms are the same, to half a gram."""
    return isinstance(said, int | float) and math.isclose(said, seen, rel_tol=1e-9, abs_tol=5e-4)


def _explain_rate(said: float, rate_t_per_h: float, bucket_s: float) -> str:
    """Return which mistake explains a wrong rate, as the end of a sentence, or an empty string."""
    slips = {
        1 / 3.6: ": those are kilograms per second",
        1000.0: ": those are kilograms per hour",
        bucket_s / 3.6: ": those are the kilograms; a longer bucket does not emit more per hour",
        1 / 3.6**2: ": times 3.6, not divided by it",
    }
    found = [
        why
        for factor, why in slips.items()
        if math.isclose(said, rate_t_per_h * factor, rel_tol=0.1)
    ]
    return found[0] if found else ""


def _check_plant(url: str, plant: str, rows: pd.DataFrame) -> None:
    """Ask a learner's app for a plant's sum, and compare it with the plant's rows."""
    answer = ask(f"{url}/plants/{plant}")
    if answer.status != 200:
        raise NotYet(f"`/plants/{plant}` was asked over HTTP, and answered {answer.status}.")
    said = answer.json()
    if not isinstance(said, dict) or said.get("facility_id") != plant or "co2_kg" not in said:
        raise NotYet(f"`/plants/{plant}` answers {said!r}: `facility_id` or `co2_kg` is missing.")
    if not _is_close(said["co2_kg"], float(rows["co2_kg"].sum())):
        raise NotYet(
            f"`{plant}` emitted {rows['co2_kg'].sum():,.3f} kg, by its {len(rows):,} rows in "
            f"partition {rows['partition'].iloc[0]}; you said {said['co2_kg']!r}."
        )
