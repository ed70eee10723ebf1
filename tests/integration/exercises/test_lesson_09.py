"""Lesson 09's checks on a real API: blank, solved, and wrong as one is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import pytest
from marking import expect, expect_revealed, solve
from waiting import PATIENCE_S

import labkit as lab
from labkit.api.app import Api
from labkit.exercises import lesson_09 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.queries import metrics_queries as metrics

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
STORED = 60


@pytest.fixture
def api(lab_dir: Path, bootstrap_servers: str) -> Iterator[Api]:
    """Serve what a consumer has stored; the consumer still runs."""
    lab.fresh_topic(ex.TOPIC, data_dir=ex.DATA_DIR)
    with lab.start_api(ex.DATA_DIR, port=0, topic=ex.TOPIC) as one:
        produce(STORED)
        lab.start_consumer(ex.TOPIC, "lesson09", ex.DATA_DIR).wait_until_caught_up()
        yield one
        lab.stop_all()


def produce(count: int) -> None:
    producer = lab.start_producer(ex.TOPIC, readings_per_s=0, count=count, seed=7)
    assert producer.wait(PATIENCE_S)


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    expect(ex.q1, NOT_ATTEMPTED, lambda text, name: 0, says="No API serves")
    expect(ex.q3, NOT_ATTEMPTED, lambda buckets, low, high: 0, says="No API serves")
    expect_revealed(ex.p1, "csv", NOT_ATTEMPTED, [], says="No API serves")


def test_q1_one_figure_of_the_text(api: Api) -> None:
    def blank(text, name): ...

    def first_only(text: str, name: str) -> float:
        lines = [line for line in text.splitlines() if line.partition("{")[0] == name]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0

    def by_beginning(text: str, name: str) -> float:
        lines = [line for line in text.splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    metrics.scrape(api.url)  # so that a request has been counted
    text = urlopen(f"{api.url}/metrics").read().decode()
    expect(ex.q1, NOT_ATTEMPTED, blank, says="three dots")

    def prints_it(text: str, name: str) -> None:
        print(name)

    def by_library(text: str, name: str) -> float:
        return metrics.total(metrics.parse(text), name)

    seen = {one.name: by_library(text, one.name) for one in metrics.parse(text)}
    expect(ex.q1, NOT_YET, lambda text, name: "7", says="Leave out the quotation marks")
    expect(ex.q1, NOT_YET, prints_it, says="has to end with `return`")
    expect(ex.q1, NOT_YET, lambda text, name: 0.0, says="you returned 0, which is not the sum")
    expect(ex.q1, NOT_YET, first_only, says="you returned")
    for _ in range(3):
        metrics.scrape(api.url)  # so that the figures of before are not those of now
    expect(ex.q1, NOT_YET, lambda text, name: seen.get(name, 0.0), says="you returned")
    expect(ex.q1, ERROR, lambda text, name: float(text), says="ValueError")
    expect(ex.q1, CORRECT, by_library, says="Right for all")
    expect(ex.q1, CORRECT, by_beginning, says="Right for all")  # no name begins another one
    expect(ex.q1, CORRECT, solve(ex.q1)["value_of"], says="Right for all")


def test_q2_a_rate_that_survives_a_restart(api: Api) -> None:
    def naive(before: float, after: float, seconds: float) -> float:
        return (after - before) / seconds

    def never_below_zero(before: float, after: float, seconds: float) -> float:
        return max(after - before, 0) / seconds

    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")

    def by_if(before: float, after: float, seconds: float) -> float:
        if after < before:
            before = 0
        return (after - before) / seconds

    nothing = "has to end with `return`"
    expect(ex.q2, NOT_YET, lambda before, after, seconds: "7", says="Leave out the quotation marks")
    expect(ex.q2, NOT_YET, lambda before, after, seconds: print(after), says=nothing)
    expect(ex.q2, NOT_YET, lambda before, after, seconds: after / seconds, says="How much did it")
    expect(ex.q2, NOT_YET, naive, says="It was restarted between the two. You returned -")
    expect(ex.q2, NOT_YET, never_below_zero, says="You returned 0.000 a second")
    expect(ex.q2, NOT_YET, lambda before, after, seconds: after - before, says="How much")
    expect(ex.q2, ERROR, lambda before, after: 0, says="TypeError")
    for right in (by_if, solve(ex.q2)["rate"]):
        expect(ex.q2, CORRECT, right, says="said 1, then 9, then 4")


Buckets = Mapping[str, float]


def test_q3_between_two_limits(api: Api) -> None:
    def blank(buckets, low, high): ...

    def grown(buckets: Buckets, low: str, high: str) -> float:
        return buckets[high] - buckets[low]

    def up_to_high(buckets: Buckets, low: str, high: str) -> float:
        return buckets[high] / buckets["+Inf"]

    def of_all_counts(buckets: Buckets, low: str, high: str) -> float:
        return grown(buckets, low, high) / sum(buckets.values())

    def of_the_longest(buckets: Buckets, low: str, high: str) -> float:
        return grown(buckets, low, high) / buckets["5.0"]

    def by_number(buckets: Buckets, low: str, high: str) -> float:
        return (buckets[f"{float(high)}"] - buckets[f"{float(low)}"]) / buckets["+Inf"]

    def by_most(buckets: Buckets, low: str, high: str) -> float:
        return grown(buckets, low, high) / max(buckets.values())

    def by_steps(buckets: Buckets, low: str, high: str) -> float:
        limits = sorted(buckets, key=float)
        steps = {b: buckets[b] - buckets[a] for a, b in pairwise(limits)}
        inside = [steps[limit] for limit in limits if float(low) < float(limit) <= float(high)]
        return sum(inside) / list(buckets.values())[-1]

    for _ in range(3):
        metrics.scrape(api.url)
    expect(ex.q3, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q3, NOT_YET, lambda buckets, low, high: print(low), says="has to end with `return`")
    expect(ex.q3, NOT_YET, lambda buckets, low, high: "0", says="Leave out the quotation marks")
    expect(ex.q3, NOT_YET, lambda buckets, low, high: 0, says="You returned 0.")
    for wrong in (grown, up_to_high, of_all_counts, of_the_longest):
        expect(ex.q3, NOT_YET, wrong, says="`+Inf` counts")
    expect(ex.q3, ERROR, by_number, says="KeyError")
    for right in (by_most, by_steps, solve(ex.q3)["share"]):
        expect(ex.q3, CORRECT, right, says="11 others")


def test_p1_what_starts_again_with_the_api(api: Api) -> None:
    for _ in range(3):
        before = metrics.scrape(api.url)
    again = "run the cell that restarts the API"
    expect_revealed(ex.p1, "requests", NOT_ATTEMPTED, before, says=again)
    lab.start_api(ex.DATA_DIR, port=api.port, topic=ex.TOPIC)
    expect_revealed(ex.p1, "csv", NOT_YET, before, says="You said 'csv'. It was 'requests'")
    expect_revealed(ex.p1, "requests", CORRECT, before, says=f"{STORED} now")
    expect_revealed(ex.p1, "requests", NOT_ATTEMPTED, before, says=again)  # asked as often since
