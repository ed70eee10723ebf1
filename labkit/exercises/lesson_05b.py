"""05b · Requests to the API: only what is new, page by page."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from labkit.core.config import load_config
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.api_queries import (
    RecordingProxy,
    api_url,
    ask,
    serving,
    summary_and_table,
)
from labkit.readings.reading import grams
from labkit.sink.csv_row import HEADER, at_offset
from labkit.sink.segment_files import topic_dir

TOPIC = "lesson05b-readings"
DATA_DIR = "data/lesson05b"
FROM_OFFSET = 500
CURSOR = re.compile(r"(\d+\.\d+(-\d+\.\d+)*)?")


def folder() -> Path:
    """Return the folder of this lesson's CSV files."""
    return topic_dir(load_config().data_path(DATA_DIR), TOPIC)


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


@exercise
def q1(totals: Callable[[pd.DataFrame], Any]) -> str:
    """Write `totals(frame)`: the tonnes of each sector, given the whole table.

    Return a Series or a dictionary, from sector to tonnes; `co2_kg` is in kilograms. They are
    compared with `/api/summary`, to the gram.
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
def q2(cursor: Any) -> str:
    """After which cursor do you get every reading from offset 500 on, in all three partitions?

    The check asks the API. Its first reading of each partition must have offset 500.
    """
    said = text(cursor).removeprefix("after=")
    if not CURSOR.fullmatch(said):
        raise NotYet(f"{said!r} is not a cursor: look at the form of the one above.")
    answer = ask(f"{api_url(TOPIC)}/api/readings?limit=5000&after={said}")
    if answer.status != 200:
        raise NotYet(f"The API was asked, and says {answer.status}: {answer.json()['detail']}.")
    first: dict[int, int] = {}
    for one in answer.json()["readings"]:
        first.setdefault(one["partition"], one["offset"])
    if not first:
        raise NotYet(f"The API was asked, and has no reading after `{said}`.")
    for partition, offset in sorted(first.items()):
        if offset != FROM_OFFSET:
            raise NotYet(
                f"The API was asked, and its first reading of partition {partition} has offset "
                f"{offset}."
            )
    return f"The API was asked: {many(len(first), 'partition')}, each from offset {FROM_OFFSET} on."


@exercise
def q3(read_all: Callable[[str], Any]) -> str:
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
    if not proxy.requests:
        raise NotYet(
            "Your function did not ask the API at `url`, which is another one than `api.url`: the "
            "check counts what is asked there."
        )
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
        answers = many(len(proxy.requests), "answer")
        raise NotYet(
            f"{answers} for {len(wanted):,} readings: more than 500 of them in one. Ask for at "
            "most 500 at a time."
        )
    return f"{len(places):,} readings in {len(proxy.requests)} answers: no gap, none twice."


@prediction(possible=range(100, 600), solution="ex.p1.predict(422)")
def p1() -> Observed:
    """Somebody asks `/api/summary?sektor=power`: a misspelt filter.

    Which status code comes back? Say 200 (success), 404 (no such address), 422 (a parameter is
    wrong) or 500 (the API failed).
    """
    answer = ask(f"{api_url(TOPIC)}/api/summary?sektor=power")
    return Observed(
        answer.status,
        "An API that ignored the word would answer with the sum of all sectors, and nobody would "
        f"notice. This one says: {answer.json()['detail'].partition(';')[0]}.",
    )


def _is_close(said: Any, seen: float) -> bool:
    """Tell whether two masses in kilograms are the same, to half a gram."""
    return isinstance(said, int | float) and math.isclose(said, seen, rel_tol=1e-9, abs_tol=5e-4)
