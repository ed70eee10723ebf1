"""Lesson 09's checks on a real API, two real brokers, and a consumer that is really dead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from marking import expect, expect_revealed, solve
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.core import background_workers
from labkit.exercises import lesson_09 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.queries import metrics_queries as metrics

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED
STORED, WAITING = 60, 40


@pytest.fixture
def api(lab_dir: Path, bootstrap_servers: str) -> Iterator[Api]:
    """Serve what a consumer has stored; the consumer still runs."""
    lab.fresh_topic(ex.TOPIC, data_dir=ex.DATA_DIR)
    with lab.start_api(ex.DATA_DIR, port=0, topic=ex.TOPIC) as one:
        produce(STORED)
        lab.start_consumer(ex.TOPIC, ex.GROUP, ex.DATA_DIR).wait_until_caught_up()
        yield one
        background_workers.replace(
            "consumer"
        )  # it may have been killed, which does not fail this test
        lab.stop_all()


@pytest.fixture
def unwatched(api: Api) -> Api:
    """Kill the consumer, as a machine without memory would, and let readings go on arriving."""
    wait_for_lag_0(api)
    kill_consumers()
    produce(WAITING)
    return api


def produce(count: int) -> None:
    producer = lab.start_producer(ex.TOPIC, readings_per_s=0, count=count, seed=7)
    assert producer.wait(PATIENCE_S)


def kill_consumers() -> None:
    for thing in lab.running():
        if thing.name == "consumer":
            thing.process.kill()  # type: ignore[attr-defined]
            thing.process.wait()  # type: ignore[attr-defined]


def wait_for_lag_0(api: Api) -> None:
    """Wait until the consumer has said that all is stored: what it says last, if it dies now."""

    def all_stored() -> metrics.Samples | None:
        samples = metrics.scrape(api.url)
        return samples if metrics.total(samples, metrics.STORED) == STORED else None

    samples = wait_until(all_stored, "all is stored")
    assert metrics.total(samples, metrics.LAG) == 0


def test_nothing_is_there_yet(lab_dir: Path) -> None:
    """Alone and unrun: each says what is missing, and none fails."""
    expect(ex.q1, NOT_ATTEMPTED, lambda text, name: 0, says="No API serves")
    expect(ex.q3, NOT_ATTEMPTED, lambda samples: 0, says="No API serves")
    expect(ex.q4, NOT_ATTEMPTED, lambda samples, now_s: True, says="No API serves")
    expect_revealed(ex.p1, "csv", NOT_ATTEMPTED, [], says="No API serves")
    expect_revealed(ex.p2, "grows", NOT_ATTEMPTED, [], says="No API serves")
    expect_revealed(ex.p3, "ok", NOT_ATTEMPTED, says="No API serves")


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


def test_q3_what_no_csv_holds(unwatched: Api) -> None:
    def last_word(samples: Any) -> float:
        return metrics.total(samples, metrics.LAG)

    def acked(samples: Any) -> float:
        return metrics.total(samples, metrics.ACKED)

    def by_stored(samples: Any) -> float:
        return acked(samples) - metrics.total(samples, metrics.STORED)

    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_YET, last_word, says="what the consumer said last")
    expect(ex.q3, NOT_YET, acked, says=f"Kafka has {WAITING} records")
    expect(ex.q3, NOT_YET, lambda samples: str(WAITING), says="Leave out the quotation marks")
    expect(ex.q3, NOT_YET, lambda samples: print(len(samples)), says="has to end with `return`")
    expect(ex.q3, NOT_YET, lambda samples: -WAITING, says=f"You returned -{WAITING}")

    def from_kafka(samples: Any) -> float:
        return metrics.records_in(ex.TOPIC) - metrics.total(samples, metrics.SERVED)

    expect(ex.q3, CORRECT, from_kafka, says=f"{WAITING} by `/metrics`")
    solved = solve(ex.q3, total=metrics.total)["backlog"]
    expect(ex.q3, CORRECT, solved, says=f"{WAITING} by `/metrics`")
    folder = unwatched.data_dir / ex.TOPIC
    last_words = {path: path.read_bytes() for path in folder.glob("*.status.json")}
    lab.start_consumer(ex.TOPIC, ex.GROUP, ex.DATA_DIR).wait_until_caught_up()
    expect(ex.q3, NOT_ATTEMPTED, solved, says="run the cell that kills it")
    kill_consumers()
    for path, words in last_words.items():
        path.write_bytes(words)  # as one leaves them who is killed before it has said more
    expect(ex.q3, NOT_YET, by_stored, says="is the dead consumer's word, too")
    expect(ex.q3, CORRECT, solved, says="0 by `/metrics`")


def test_q4_an_alert_for_the_dead_alone(unwatched: Api) -> None:
    def by_lag(samples: Any, now_s: float) -> bool:
        return metrics.total(samples, metrics.LAG) > 10

    def by_state(samples: Any, now_s: float) -> bool:
        states = [one for one in samples if one.name == "labkit_consumer_state"]
        return any(one.value and one.labels["state"] != "running" for one in states)

    def by_backlog(samples: Any, now_s: float) -> bool:
        acked = metrics.total(samples, metrics.ACKED)
        return acked - metrics.total(samples, metrics.SERVED) > WAITING - 10

    expect(ex.q4, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q4, NOT_YET, lambda samples, now_s: False, says="does not see it")
    expect(ex.q4, NOT_YET, lambda samples, now_s: print(now_s), says="has to end with `return`")
    expect(ex.q4, ERROR, lambda samples: True, says="TypeError")
    expect(ex.q4, NOT_YET, by_lag, says=f"{WAITING} records wait in Kafka")
    expect(ex.q4, NOT_YET, by_state, says="`labkit_consumer_lag_records` is 0")
    expect(ex.q4, CORRECT, by_backlog, says="does not when one runs")
    kill_consumers()
    expect(ex.q4, CORRECT, solve(ex.q4)["is_wrong"], says="does not when one runs")
    expect(ex.q4, NOT_YET, lambda samples, now_s: True, says="calls somebody")
    assert [one.name for one in lab.running()] == ["api"]  # the check's own consumer is gone


def test_p1_what_starts_again_with_the_api(api: Api) -> None:
    for _ in range(3):
        before = metrics.scrape(api.url)
    expect_revealed(ex.p1, "neither", CORRECT, before, says="counted in the API's memory")
    lab.start_api(ex.DATA_DIR, port=api.port, topic=ex.TOPIC)
    expect_revealed(ex.p1, "csv", NOT_YET, before, says="You said 'csv'. It was 'requests'")
    expect_revealed(ex.p1, "requests", CORRECT, before, says=f"{STORED} now")


def test_p2_and_p3_what_the_figures_of_the_dead_say(unwatched: Api) -> None:
    at_death = metrics.scrape(unwatched.url)
    expect_revealed(ex.p2, ..., NOT_ATTEMPTED, at_death, says=f"Kafka holds {WAITING} records")
    expect_revealed(ex.p2, "grows", NOT_YET, at_death, says="You said 'grows'. It was 'stays'")
    expect_revealed(ex.p2, "stays", CORRECT, at_death, says="before it died")
    expect_revealed(ex.p3, "degraded", NOT_YET, says="You said 'degraded'. It was 'ok'")
    expect_revealed(ex.p3, "ok", CORRECT, says="`state` is `stale`")
    lab.start_consumer(ex.TOPIC, ex.GROUP, ex.DATA_DIR)
    expect_revealed(ex.p2, "stays", NOT_ATTEMPTED, at_death, says="run the cell that kills it")
    expect_revealed(ex.p3, "ok", NOT_ATTEMPTED, says="run the cell that kills it")
