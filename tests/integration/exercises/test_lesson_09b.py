"""Lesson 09b's checks on a real API, and a consumer that is really dead."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from marking import expect, expect_revealed, solve
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.core import background_workers
from labkit.exercises import lesson_09b as ex
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
    expect(ex.q1, NOT_ATTEMPTED, lambda samples: 0, says="No API serves")
    expect(ex.q2, NOT_ATTEMPTED, lambda samples, now_s: True, says="No API serves")
    expect_revealed(ex.p1, "grows", NOT_ATTEMPTED, [], says="No API serves")


def test_q1_what_no_csv_holds(unwatched: Api) -> None:
    def last_word(samples: Any) -> float:
        return metrics.total(samples, metrics.LAG)

    def acked(samples: Any) -> float:
        return metrics.total(samples, metrics.ACKED)

    def by_stored(samples: Any) -> float:
        return acked(samples) - metrics.total(samples, metrics.STORED)

    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_YET, last_word, says="what the consumer said last")
    expect(ex.q1, NOT_YET, acked, says=f"Kafka has {WAITING} records")
    expect(ex.q1, NOT_YET, lambda samples: str(WAITING), says="Leave out the quotation marks")
    expect(ex.q1, NOT_YET, lambda samples: print(len(samples)), says="has to end with `return`")
    expect(ex.q1, NOT_YET, lambda samples: -WAITING, says=f"You returned -{WAITING}")

    def from_kafka(samples: Any) -> float:
        return metrics.records_in(ex.TOPIC) - metrics.total(samples, metrics.SERVED)

    expect(ex.q1, CORRECT, from_kafka, says=f"{WAITING} by `/metrics`")
    solved = solve(ex.q1, total=metrics.total)["backlog"]
    expect(ex.q1, CORRECT, solved, says=f"{WAITING} by `/metrics`")
    folder = unwatched.data_dir / ex.TOPIC
    last_words = {path: path.read_bytes() for path in folder.glob("*.status.json")}
    lab.start_consumer(ex.TOPIC, ex.GROUP, ex.DATA_DIR).wait_until_caught_up()
    expect(ex.q1, NOT_ATTEMPTED, solved, says="run the cell that kills it")
    kill_consumers()
    for path, words in last_words.items():
        path.write_bytes(words)  # as one leaves them who is killed before it has said more
    expect(ex.q1, NOT_YET, by_stored, says="is the dead consumer's word, too")
    expect(ex.q1, CORRECT, solved, says="0 by `/metrics`")


def test_q2_an_alert_for_the_dead_alone(unwatched: Api) -> None:
    def by_lag(samples: Any, now_s: float) -> bool:
        return metrics.total(samples, metrics.LAG) > 10

    def by_state(samples: Any, now_s: float) -> bool:
        states = [one for one in samples if one.name == "labkit_consumer_state"]
        return any(one.value and one.labels["state"] != "running" for one in states)

    def by_backlog(samples: Any, now_s: float) -> bool:
        acked = metrics.total(samples, metrics.ACKED)
        return acked - metrics.total(samples, metrics.SERVED) > WAITING - 10

    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q2, NOT_YET, lambda samples, now_s: False, says="does not see it")
    expect(ex.q2, NOT_YET, lambda samples, now_s: print(now_s), says="has to end with `return`")
    expect(ex.q2, ERROR, lambda samples: True, says="TypeError")
    expect(ex.q2, NOT_YET, by_lag, says=f"{WAITING} records wait in Kafka")
    expect(ex.q2, NOT_YET, by_state, says="`labkit_consumer_lag_records` is 0")
    expect(ex.q2, CORRECT, by_backlog, says="does not when one runs")
    kill_consumers()
    expect(ex.q2, CORRECT, solve(ex.q2)["is_wrong"], says="does not when one runs")
    expect(ex.q2, NOT_YET, lambda samples, now_s: True, says="calls somebody")
    assert [one.name for one in lab.running()] == ["api"]  # the check's own consumer is gone


def test_q3_it_fires_after_some_time(lab_dir: Path) -> None:
    def blank(held, times): ...

    def anytime(held: list[bool], times: int) -> bool:
        return sum(held) >= times

    def the_first(held: list[bool], times: int) -> bool:
        return len(held) >= times and all(held[:times])

    def without_len(held: list[bool], times: int) -> bool:
        return all(held[-times:])

    def once(held: list[bool], times: int) -> bool:
        return len(held) >= times and any(held[-times:])

    def by_slice(held: list[bool], times: int) -> bool:
        return held[-times:] == [True] * times

    def by_loop(held: list[bool], times: int) -> bool:
        row = 0
        for one in held:
            row = row + 1 if one else 0
        return row >= times

    def from_the_end(held: list[bool], times: int) -> bool:
        row = list(takewhile(bool, held[::-1]))
        return len(row) >= times

    expect(ex.q3, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q3, NOT_YET, lambda held, times: print(held), says="has to end with `return`")
    expect(ex.q3, NOT_YET, lambda held, times: len(held), says="True or False")
    expect(ex.q3, NOT_YET, lambda held, times: True, says="`fires([], 1)` returned True")
    expect(ex.q3, ERROR, lambda held, times: held[-times], says="IndexError")
    for wrong in (anytime, the_first, without_len, once):
        expect(ex.q3, NOT_YET, wrong, says=" returned ")
    for right in (by_slice, by_loop, from_the_end, solve(ex.q3)["fires"]):
        expect(ex.q3, CORRECT, right, says="Right in all")


def test_p1_what_the_figures_of_the_dead_say(unwatched: Api) -> None:
    at_death = metrics.scrape(unwatched.url)
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, at_death, says=f"Kafka holds {WAITING} records")
    expect_revealed(ex.p1, "grows", NOT_YET, at_death, says="You said 'grows'. It was 'stays'")
    expect_revealed(ex.p1, "stays", CORRECT, at_death, says="before it died")
    lab.start_consumer(ex.TOPIC, ex.GROUP, ex.DATA_DIR)
    expect_revealed(ex.p1, "stays", NOT_ATTEMPTED, at_death, says="run the cell that kills it")
