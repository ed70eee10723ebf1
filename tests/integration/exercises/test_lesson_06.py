"""Lesson 06's checks on a real pipeline: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from marking import expect, expect_revealed, solve
from waiting import wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.consumer.consumer import Consumer
from labkit.exercises import lesson_06 as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
DATA_DIR = "data/lesson06"


@pytest.fixture
def consumer(lab_dir: Path, bootstrap_servers: str) -> Consumer:
    """Let readings flow into the CSV: each plant sends one a second."""
    lab.fresh_topic(ex.TOPIC, data_dir=DATA_DIR)
    lab.start_producer(ex.TOPIC, readings_per_s=24)
    return lab.start_consumer(ex.TOPIC, "lesson06-csv", DATA_DIR)


@pytest.fixture
def api(consumer: Consumer) -> Iterator[Api]:
    """Serve them, once each plant has a line in the chart."""
    with lab.start_api(DATA_DIR, topic=ex.TOPIC) as one:
        wait_until(
            lambda: len(series(one)) >= 7 and all(any(line["values"]) for line in series(one)),
            "a line in the chart for each plant",
        )
        yield one


def get(api: Api, path: str) -> Any:
    with urlopen(api.url + path) as answer:
        return json.load(answer)


def series(api: Api) -> list[Any]:
    return list(get(api, "/api/series?window_s=600&bucket_s=5")["series"])


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    for task in (ex.q1, ex.q2, ex.q3, ex.q4):
        expect(task, NOT_ATTEMPTED, lambda *_: 0, says="No API serves")
    expect(ex.q5, NOT_ATTEMPTED, "?window_s=60", says="No API serves")
    expect(ex.q5, NOT_ATTEMPTED, ..., says="three dots")
    expect_revealed(ex.p1, 48, NOT_ATTEMPTED, [], says="Nothing has been asked twice")
    expect_revealed(ex.p2, 24, NOT_ATTEMPTED, says="No API serves")
    expect_revealed(ex.p3, "agrees", NOT_ATTEMPTED, says="No API serves")


def test_p1_what_a_poll_finds() -> None:
    expect_revealed(ex.p1, 48, CORRECT, [10, 58, 105], says="48, 47 came in")
    expect_revealed(ex.p1, 24, NOT_YET, [10, 58, 105], says="You said 24. It was 48")
    expect_revealed(ex.p1, "many", NOT_ATTEMPTED, [10, 58], says="It was 48")


def test_q1_a_steady_beat_that_never_overlaps(api: Api) -> None:
    def at_once(url: str, polls: int, every_s: float) -> None:
        for _ in range(polls):
            urlopen(url).read()

    def pause_between(url: str, polls: int, every_s: float) -> None:
        for _ in range(polls):
            urlopen(url).read()
            time.sleep(every_s)

    def timer(url: str, polls: int, every_s: float) -> None:
        open_polls = []
        for _ in range(polls):
            open_polls.append(threading.Thread(target=lambda: urlopen(url).read()))
            open_polls[-1].start()
            time.sleep(every_s)
        for one in open_polls:
            one.join()

    def once(url: str, polls: int, every_s: float) -> None:
        urlopen(url).read()

    expect(ex.q1, NOT_YET, at_once, says="costs more and shows no more")
    expect(ex.q1, NOT_YET, pause_between, says="sleep for the rest of it")
    expect(ex.q1, NOT_YET, timer, says="while another was open")
    expect(ex.q1, NOT_YET, once, says="asked 1 time.")
    solved = solve(ex.q1, time=time, urlopen=urlopen)["poll"]
    expect(ex.q1, CORRECT, solved, says="3 more, one after the other")


def test_q2_nothing_new_nothing_sent(api: Api) -> None:
    def forgets_it(url: str, etag: str) -> Any:
        with urlopen(url) as answer:
            return answer.headers["ETag"], json.load(answer)

    def raises_it(url: str, etag: str) -> Any:
        with urlopen(Request(url, headers={"If-None-Match": etag} if etag else {})) as answer:
            return answer.headers["ETag"], json.load(answer)

    def loses_it(url: str, etag: str) -> Any:
        try:
            return raises_it(url, etag)
        except HTTPError:
            return "", None

    expect(ex.q2, NOT_YET, lambda url, etag: ("", None), says="was not asked at all")
    expect(ex.q2, NOT_YET, forgets_it, says="and you sent none")
    expect(ex.q2, NOT_YET, raises_it, says="catch it")
    expect(ex.q2, NOT_YET, loses_it, says="At 304 the ETag is unchanged")
    expect(ex.q2, NOT_YET, lambda url, etag: (urlopen(url).read(), None)[1:] * 2, says="news")
    names = {"Request": Request, "urlopen": urlopen, "HTTPError": HTTPError, "json": json}
    expect(ex.q2, CORRECT, solve(ex.q2, **names)["poll_once"], says="then it said 304")


def test_q3_a_year_has_8760_hours(api: Api) -> None:
    def by(hours: float) -> Any:
        return lambda plants, t: [
            one["facility_id"] for one in plants if one["rate_t_per_h"] * hours > t
        ]

    expect(ex.q3, NOT_YET, by(1), says="and you leave it out")
    expect(ex.q3, NOT_YET, by(24 * 365 * 60), says="and you name it")
    names = lambda plants, t: [one["facility"] for one in plants]  # noqa: E731
    expect(ex.q3, NOT_YET, names, says="not a `facility_id`")
    expect(ex.q3, CORRECT, solve(ex.q3)["above"], says="above 5,000,000 t")


def test_q4_the_area_under_a_line(api: Api) -> None:
    def added_up(values: list[float | None], bucket_s: float) -> float:
        return sum(value or 0 for value in values)

    expect(ex.q4, NOT_YET, added_up, says="Those are t/h added up")
    expect(ex.q4, NOT_YET, lambda values, s: sum(values) * s / 3600, says="are `None`")
    expect(ex.q4, NOT_YET, lambda values, s: added_up(values, s) * s, says="you said")
    expect(ex.q4, CORRECT, solve(ex.q4)["tonnes"], says="7 lines of the API")


def test_q5_a_view_is_an_address(api: Api) -> None:
    both = "sector=steel&sector=cement"
    expect(ex.q5, NOT_YET, f"window_s=60&{both}", says="no question mark")
    expect(ex.q5, NOT_YET, f"?window=60&{both}", says="window: is not a parameter")
    expect(ex.q5, NOT_YET, f"?window_s=1&{both}", says="says 422")
    expect(ex.q5, NOT_YET, f"?{both}&shape=stacked", says="the last 900 s")
    expect(ex.q5, NOT_YET, "?window_s=60&sector=steel,cement", says="no sector at all")
    expect(ex.q5, NOT_YET, "?window_s=60&sector=steel", says="shows steel")
    expect(ex.q5, NOT_YET, f"?window_s=60&{both}", says="`shape` is lines")
    expect(ex.q5, CORRECT, solve(ex.q5)["view"], says="cement and steel")
    expect(ex.q5, CORRECT, f"{api.url}/?shape=stacked&{both}&window_s=60", says="two lines")


def test_p2_every_plant_is_a_large_emitter(api: Api) -> None:
    expect_revealed(ex.p2, 3, NOT_YET, says="You said 3.")
    expect_revealed(
        ex.p2, get(api, "/api/dashboard")["now"]["over_25kt_per_year"], CORRECT, says="t"
    )


def test_p3_a_stopped_consumer_loses_nothing(api: Api, consumer: Consumer) -> None:
    expect_revealed(ex.p3, "agrees", NOT_ATTEMPTED, says="The consumer is running")
    consumer.stop()
    expect_revealed(ex.p3, "unreported", NOT_YET, says="no consumer is running")
    expect_revealed(ex.p3, "on the way", CORRECT, says="are acknowledged and not stored")
