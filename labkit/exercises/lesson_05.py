"""05 · The API: from CSV to JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from flask import Flask

from labkit.core.config import load_config
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.torn_csv_samples import torn
from labkit.exercises.queries.api_queries import Answer, ask, serving
from labkit.sink.csv_row import verify_row
from labkit.sink.segment_files import segments, topic_dir
from labkit.table.table import read_table

TOPIC = "lesson05-readings"
DATA_DIR = "data/lesson05"
UNKNOWN_PLANT = "XX-COAL-999"
LAST_ROWS = 200


def folder() -> Path:
    """Return the folder of this lesson's CSV files."""
    return topic_dir(load_config().data_path(DATA_DIR), TOPIC)


def torn_csv() -> Path:
    """Return where this lesson puts a copy with a torn last row."""
    return folder().parent / "torn.csv"


@exercise
def q1(as_json: Callable[[list[float]], Any]) -> str:
    """Write `as_json(values)`: a list of numbers as JSON, with `null` where there is no number.

    `values` is a list of floats, as in the column `co2_kg`: some are `NaN`.
    """
    if not (folder() / "0.csv").exists():
        raise NotAttempted("There is no CSV yet: run the cells above.")
    column = pd.read_csv(folder() / "0.csv")["co2_kg"].head(50).to_list()
    cases = [column, column[1:4], [math.nan], [0.0, math.nan, 2.5], []]
    for values in cases:
        said = text(as_json(list(values)), RETURNED)
        found = Answer(200, "application/json", "", said).json()  # strictly, as a browser
        wanted = [None if math.isnan(one) else one for one in values]
        if not isinstance(found, list) or len(found) != len(wanted):
            raise NotYet(
                f"For {len(wanted)} values, with {wanted.count(None)} of them missing, you wrote "
                f"`{said[:60]}`."
            )
        for one, other in zip(found, wanted, strict=True):
            if other is None and one is not None:
                raise NotYet(f"`nan` became `{json.dumps(one)}`.")
            if other is not None and not _is_close(one, other):
                raise NotYet(f"`{other}` became `{json.dumps(one)}`.")
    return f"A browser can read all {len(cases)} answers; `null` is where there was no number."


@exercise
def q2(about: Callable[[str], Any]) -> str:
    """Write `about(plant)` for the address `/plants/<plant>`: its `facility_id` and `co2_kg`.

    `co2_kg` is the sum over all its rows. A plant that has no row gets 404.
    """
    table = read_table(DATA_DIR, TOPIC)
    if table.empty:
        raise NotAttempted("There is no CSV yet: run the cells above.")
    with serving(_app(about)) as url:
        for plant in sorted(table["facility_id"].unique())[:3]:
            _check_plant(url, plant, table[table["facility_id"] == plant])
        answer = ask(f"{url}/plants/{UNKNOWN_PLANT}")
        if answer.status != 404:
            raise NotYet(
                f"An unknown plant, `{UNKNOWN_PLANT}`, gets {answer.status}; the task asks for "
                "404: 200 would claim that it exists, and 500 says that your program failed."
            )
    return f"Asked over HTTP: the right sum for three plants, and 404 for `{UNKNOWN_PLANT}`."


def _app(about: Callable[[str], Any]) -> Flask:
    """Return an app with a learner's function under its address."""
    app = Flask("mine")
    app.get("/plants/<plant>", endpoint="about")(about)
    return app


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


@exercise
def q3(readable: Callable[[list[bytes]], Any]) -> str:
    """Write `readable(lines)`: the lines that may be read, up to the first invalid one.

    `lines` are bytes with their line breaks, without the header. It is tested on your own CSV,
    torn at each byte of its last row.
    """
    files = segments(folder(), 1)
    lines = files[-1].read_bytes().splitlines(keepends=True)[-LAST_ROWS:] if files else []
    if len(lines) < LAST_ROWS or not all(map(verify_row, lines)):
        raise NotAttempted("There is no CSV with valid rows yet: run the cells above.")
    for case in torn(lines):
        said = readable(list(case.lines))
        if isinstance(said, bytes | str):
            raise NotYet("Your function returned a single line. The answer is a list of lines.")
        said = list(said)
        if said != case.lines[: case.true]:
            raise NotYet(f"You returned {many(len(said), 'line')}: {case.mistake}")
    return f"Tested on `1.csv`, torn at each of the {len(lines[-1]):,} bytes of its last row."


def _check_plant(url: str, plant: str, rows: pd.DataFrame) -> None:
    """Ask a learner's app for a plant's sum, and compare it with the plant's rows."""
    answer = ask(f"{url}/plants/{plant}")
    if answer.status != 200:
        raise NotYet(f"`/plants/{plant}` was asked over HTTP, and answered {answer.status}.")
    if not answer.content_type.startswith("application/json"):
        raise NotYet(
            f"`/plants/{plant}` answers `{answer.content_type}`, so a program takes it for a page. "
            "Return the dictionary itself: Flask makes JSON of it, and says so."
        )
    said = answer.json()
    if not isinstance(said, dict) or not {"facility_id", "co2_kg"} <= said.keys():
        raise NotYet(f"`/plants/{plant}` answers {said!r}: `facility_id` or `co2_kg` is missing.")
    if said["facility_id"] != plant:
        raise NotYet(f"`/plants/{plant}` answers for another plant, `{said['facility_id']}`.")
    if isinstance(said["co2_kg"], str):
        raise NotYet(f"`co2_kg` is text, `{said['co2_kg']!r}`; the task asks for a number.")
    if not _is_close(said["co2_kg"], float(rows["co2_kg"].sum())):
        raise NotYet(
            f"`{plant}` emitted {rows['co2_kg'].sum():,.3f} kg, by its {len(rows):,} rows in "
            f"partition {rows['partition'].iloc[0]}; you said {said['co2_kg']!r}."
        )


def _rows(path: Path) -> dict[int, float]:
    """Return a file's kilograms by offset as a learner's pandas reads them, checked by nobody."""
    table = pd.read_csv(path)
    return dict(zip(table["offset"], table["co2_kg"], strict=True))


def _is_close(said: Any, seen: float) -> bool:
    """Tell whether two masses in kilograms are the same, to half a gram."""
    return isinstance(said, int | float) and math.isclose(said, seen, rel_tol=1e-9, abs_tol=5e-4)
