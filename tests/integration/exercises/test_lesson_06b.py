"""Lesson 06b's checks on a real pipeline: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from marking import expect, expect_revealed, solve
from waiting import wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.consumer.consumer import Consumer
from labkit.exercises import lesson_06b as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
DATA_DIR = "data/lesson06b"


@pytest.fixture
def consumer(lab_dir: Path, bootstrap_servers: str) -> Consumer:
    """Let readings flow into the CSV: each plant sends one a second."""
    lab.fresh_topic(ex.TOPIC, data_dir=DATA_DIR)
    lab.start_producer(ex.TOPIC, readings_per_s=24)
    return lab.start_consumer(ex.TOPIC, "lesson06b-csv", DATA_DIR)


@pytest.fixture
def api(consumer: Consumer) -> Iterator[Api]:
    """Serve them, once each sector has a line in the chart, and a reading was followed."""
    with lab.start_api(DATA_DIR, topic=ex.TOPIC) as one:
        wait_until(
            lambda: len(series(one)) >= 7 and all(any(line["values"]) for line in series(one)),
            "a line in the chart for each sector",
        )
        wait_until(lambda: "stored" in json.dumps(get(one, "/api/latency")["reading"]), "a route")
        yield one


def get(api: Api, path: str) -> Any:
    with urlopen(api.url + path) as answer:
        return json.load(answer)


def series(api: Api) -> list[Any]:
    return list(get(api, "/api/series?window_s=600&bucket_s=5")["series"])


def blank(*_: Any) -> Any: ...


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    for task in (ex.q1, ex.q2, ex.q3):
        expect(task, NOT_ATTEMPTED, lambda *_: 0, says="No API serves")
        expect(task, NOT_ATTEMPTED, blank, says="three dots")
    expect_revealed(ex.p1, "stored", NOT_ATTEMPTED, says="No API serves")
    assert "waiting" in ex.p1.predict("perhaps").message


def test_q1_the_area_under_a_line(api: Api) -> None:
    def added_up(values: list[float | None], bucket_s: float) -> float:
        return sum(value or 0 for value in values)

    def in_a_loop(values: list[float | None], bucket_s: float) -> float:
        mass = 0.0
        for value in values:
            if value is not None:
                mass += value * bucket_s / 60 / 60
        return mass

    def mean(values: list[float | None], bucket_s: float) -> float:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) * len(values) * bucket_s / 3600

    expect(ex.q1, NOT_YET, added_up, says="Those are t/h added up")
    expect(ex.q1, NOT_YET, lambda values, s: sum(values) * s / 3600, says="hold `None`")
    expect(ex.q1, NOT_YET, lambda values, s: added_up(values, s) * s, says="you said")
    expect(ex.q1, NOT_YET, lambda values, s: added_up(values, s) / 720, says="buckets of 60 s")
    expect(ex.q1, NOT_YET, mean, says="you said")
    expect(ex.q1, NOT_YET, lambda values, s: print(end=""), says="returned nothing")
    expect(ex.q1, NOT_YET, lambda values, s: "12 t", says="text")
    by_pandas = lambda values, s: __import__("pandas").Series(values).sum() * s / 3600  # noqa: E731
    for right in (solve(ex.q1)["tonnes"], in_a_loop, by_pandas):
        expect(ex.q1, CORRECT, right, says="7 lines of the API")


def test_q2_how_old_a_figure_gets(api: Api) -> None:
    def of(stages: list[dict[str, Any]], stage: str) -> float:
        return next(float(one["after_ms"]) for one in stages if one["stage"] == stage)

    def by_place(place: int) -> Callable[[list[dict[str, Any]], float], float]:
        return lambda stages, s: float(stages[place]["after_ms"]) / 1000 + s

    def by_pandas(stages: list[dict[str, Any]], every_s: float) -> float:
        import pandas as pd

        return float(pd.DataFrame(stages).set_index("stage")["after_ms"]["stored"] / 1e3 + every_s)

    now = get(api, "/api/latency")["reading"]["stages"]
    expect(ex.q2, NOT_YET, lambda stages, s: s, says="how long a page waits")
    expect(ex.q2, NOT_YET, lambda stages, s: of(stages, "stored") / 1000, says="just stored")
    expect(ex.q2, NOT_YET, lambda stages, s: of(stages, "stored") + s, says="milliseconds")
    expect(ex.q2, NOT_YET, lambda stages, s: of(stages, "stored") / 1e3 + s / 2, says="the mean")
    for place in (1, 2, -1, -2):
        expect(ex.q2, NOT_YET, by_place(place), says="With ")
    expect(ex.q2, NOT_YET, lambda stages, s: of(now, "created") + 2.1, says="you said 2.1")
    expect(ex.q2, NOT_YET, lambda stages, s: print(end=""), says="returned nothing")
    expect(ex.q2, ERROR, lambda stages, s: stages["stored"] + s, says="TypeError")
    ways = [lambda stages, s: s + of(stages, "stored") / 1000, by_pandas]
    for right in (solve(ex.q2)["worst_age_s"], *ways):
        expect(ex.q2, CORRECT, right, says="A page that asks every 2 s")


def test_q3_who_is_silent(api: Api) -> None:
    def by_age(news: Any, limit_s: float) -> bool:
        return bool(news["health"]["age_s"] > limit_s)

    def state_first(news: Any) -> str:
        if news["pipeline"]["state"] != "running":
            return "consumer"
        return "plants" if by_age(news, 10) else "fresh"

    def only_stale(news: Any) -> str:
        silent = {"stale": "consumer", "running": "plants"}.get(news["pipeline"]["state"], "fresh")
        return silent if by_age(news, 10) else "fresh"

    def long_hand(news: Any) -> str:
        if by_age(news, 10) and news["pipeline"]["state"] in ("stale", "absent"):
            return "consumer"
        if by_age(news, 10):
            return "plants"
        return "fresh"

    def by_match(news: Any) -> str:
        match by_age(news, 10), news["pipeline"]["state"]:
            case False, _:
                return "fresh"
            case True, "running":
                return "plants"
        return "consumer"

    expect(ex.q3, NOT_YET, lambda news: "fresh", says="you said 'fresh'")
    expect(ex.q3, NOT_YET, state_first, says="an age of 0.5 s, and a consumer that is stale")
    expect(ex.q3, NOT_YET, only_stale, says="a consumer that is absent")
    expect(ex.q3, NOT_YET, lambda news: news["pipeline"]["state"], says="It returns one of")
    expect(ex.q3, NOT_YET, lambda news: by_age(news, 10), says="The answer is text")
    expect(ex.q3, NOT_YET, lambda news: print(end=""), says="returned nothing")
    expect(ex.q3, ERROR, lambda news: news["age_s"], says="KeyError")
    for right in (solve(ex.q3)["why_old"], long_hand, by_match):
        expect(ex.q3, CORRECT, right, says="Right for 13 answers")


def test_p1_a_stopped_consumer_loses_nothing(api: Api, consumer: Consumer) -> None:
    expect_revealed(ex.p1, "stored", NOT_ATTEMPTED, says="The consumer is running")
    consumer.stop()
    expect_revealed(ex.p1, "lost", NOT_YET, says="no consumer is running")
    expect_revealed(ex.p1, "waiting", CORRECT, says="acknowledged and not stored yet")
