"""Lesson 06's checks on a real pipeline: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from marking import expect, expect_revealed, solve

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
    """Serve them."""
    with lab.start_api(DATA_DIR, topic=ex.TOPIC) as one:
        yield one


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    for task in (ex.q1, ex.q2):
        expect(task, NOT_ATTEMPTED, lambda *_: 0, says="No API serves")
        expect(task, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q3, NOT_ATTEMPTED, "?window_s=60", says="No API serves")
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect_revealed(ex.p1, 48, NOT_ATTEMPTED, [], says="Nothing has been asked twice")


def blank(*_: Any) -> Any: ...


def test_p1_what_a_poll_finds() -> None:
    expect_revealed(ex.p1, 48, CORRECT, [10, 58, 105], says="48, 47 new readings")
    expect_revealed(ex.p1, 24, NOT_YET, [10, 58, 105], says="You said 24. It was 48")
    expect_revealed(ex.p1, "many", NOT_ATTEMPTED, [10, 58], says="It was 48")


def test_q1_a_steady_beat(api: Api) -> None:
    def left(began: float, every_s: float) -> float:
        return began + every_s - time.monotonic()

    def by_another_clock(began: float, every_s: float) -> float:
        return max(0, began + every_s - time.time())

    def sleeps_itself(began: float, every_s: float) -> None:
        time.sleep(max(0, left(began, every_s)))

    def from_a_table(began: float, every_s: float) -> float:
        return {0.4: 0.2, 0.8: 0.6, 0.3: 0}[every_s]

    expect(ex.q1, NOT_YET, lambda began, every_s: every_s, says="and then you sleep 0.40 s")
    expect(ex.q1, NOT_YET, lambda began, every_s: 0, says="and then you sleep 0.00 s")
    expect(ex.q1, NOT_YET, left, says="cannot sleep for less than 0 s")
    expect(ex.q1, NOT_YET, by_another_clock, says="you sleep 0.00 s")
    expect(ex.q1, NOT_YET, from_a_table, says="and then you sleep 0.20 s")
    expect(ex.q1, NOT_YET, sleeps_itself, says="returned nothing")
    expect(ex.q1, NOT_YET, lambda began, every_s: "0.2", says="Leave out the quotation marks")
    expect(ex.q1, ERROR, lambda every_s: every_s, says="TypeError")


def test_q1_three_ways(api: Api) -> None:
    def by_what_is_over(began: float, every_s: float) -> float:
        return max(every_s - (time.monotonic() - began), 0)

    def by_case(began: float, every_s: float) -> float:
        now = time.monotonic()
        if now > began + every_s:
            return 0
        return began + every_s - now

    solved = solve(ex.q1, time=time)["pause"]
    for right in (solved, by_what_is_over, by_case):
        expect(ex.q1, CORRECT, right, says="one request after the other")


def get(url: str, etag: str = "") -> tuple[int, str, bytes]:
    """Ask by hand."""
    try:
        answer: Any = urlopen(Request(url, headers={"If-None-Match": etag}))
    except HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers["ETag"], answer.read()


def test_q2_nothing_new_nothing_sent(api: Api) -> None:
    def forgets_it(url: str, etag: str) -> Any:
        _, new_etag, body = get(url)
        return new_etag, json.loads(body)

    def raises_it(url: str, etag: str) -> Any:
        with urlopen(Request(url, headers={"If-None-Match": etag} if etag else {})) as answer:
            return answer.headers["ETag"], json.load(answer)

    def loses_it(url: str, etag: str) -> Any:
        status, new_etag, body = get(url, etag)
        return ("", None) if status == 304 else (new_etag, json.loads(body))

    def reads_no_json(url: str, etag: str) -> Any:
        return get(url, etag)[1:]

    def only_the_news(url: str, etag: str) -> Any:
        return json.loads(get(url, etag)[2])

    def never_asks(url: str, etag: str) -> Any:
        return etag, None

    expect(ex.q2, NOT_YET, never_asks, says="was not asked at all")
    expect(ex.q2, NOT_YET, forgets_it, says="and you sent none")
    expect(ex.q2, NOT_YET, raises_it, says="you do not catch it")
    expect(ex.q2, NOT_YET, loses_it, says="answered 304")
    expect(ex.q2, NOT_YET, reads_no_json, says="answered 200")
    expect(ex.q2, NOT_YET, only_the_news, says="two values")
    expect(ex.q2, NOT_YET, lambda url, etag: print(end=""), says="returned nothing")


def test_q2_three_ways(api: Api) -> None:
    def by_status(url: str, etag: str) -> Any:
        status, new_etag, body = get(url, etag)
        if status == 200:
            return new_etag, json.loads(body)
        return etag, None

    def by_hand(url: str, etag: str) -> Any:
        try:
            with urlopen(Request(url, headers={"If-None-Match": etag} if etag else {})) as answer:
                return [answer.headers["ETag"], json.load(answer)]
        except HTTPError:
            return [etag, None]

    solved = solve(ex.q2, ex=ex)["poll_once"]
    for right in (solved, by_status, by_hand):
        expect(ex.q2, CORRECT, right, says="then it said 304")


def test_q3_a_view_is_an_address(api: Api) -> None:
    both = "sector=steel&sector=cement"
    expect(ex.q3, NOT_YET, 60, says="The answer is text")
    expect(ex.q3, NOT_YET, f"window_s=60&{both}", says="no question mark")
    expect(ex.q3, NOT_YET, f"?window=60&{both}", says="window: is not a parameter")
    expect(ex.q3, NOT_YET, f"?window_s=1&{both}", says="says 422")
    expect(ex.q3, NOT_YET, f"?{both}&shape=stacked", says="the last 900 s")
    expect(ex.q3, NOT_YET, "?window_s=60&sector=steel,cement", says="no sector at all")
    expect(ex.q3, NOT_YET, "?window_s=60&sector=steel", says="shows steel")
    expect(ex.q3, NOT_YET, f"?window_s=60&{both}", says="`shape` is each")
    expect(ex.q3, CORRECT, solve(ex.q3)["view"], says="cement and steel")
    expect(ex.q3, CORRECT, f"{api.url}/?shape=stacked&{both}&window_s=60", says="two lines")
    framed = f"?shape=stacked&{both}&window_s=60&scale=logarithmic"
    expect(ex.q3, CORRECT, framed, says="two lines")
