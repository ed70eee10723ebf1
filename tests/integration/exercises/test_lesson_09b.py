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
    expect(ex.q1, NOT_ATTEMPTED, lambda samples, now_s: True, says="No API serves")
    expect_revealed(ex.p1, "grows", NOT_ATTEMPTED, [], says="No API serves")


def test_q1_an_alert_for_the_dead_alone(unwatched: Api) -> None:
    def by_lag(samples: Any, now_s: float) -> bool:
        return metrics.total(samples, metrics.LAG) > 10

    def by_state(samples: Any, now_s: float) -> bool:
        states = [one for one in samples if one.name == "labkit_consumer_state"]
        return any(one.value and one.labels["state"] != "running" for one in states)

    def by_backlog(samples: Any, now_s: float) -> bool:
        acked = metrics.total(samples, metrics.ACKED)
        return acked - metrics.total(samples, metrics.SERVED) > WAITING - 10

    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_YET, lambda samples, now_s: False, says="does not see it")
    expect(ex.q1, NOT_YET, lambda samples, now_s: print(now_s), says="has to end with `return`")
    expect(ex.q1, ERROR, lambda samples: True, says="TypeError")
    expect(ex.q1, NOT_YET, by_lag, says=f"{WAITING} records wait in Kafka")
    expect(ex.q1, NOT_YET, by_state, says="`labkit_consumer_lag_records` is 0")
    expect(ex.q1, CORRECT, by_backlog, says="does not when one runs")
    kill_consumers()
    expect(ex.q1, CORRECT, solve(ex.q1)["is_wrong"], says="does not when one runs")
    expect(ex.q1, NOT_YET, lambda samples, now_s: True, says="calls somebody")
    assert [one.name for one in lab.running()] == ["api"]  # the check's own consumer is gone


def test_q2_it_fires_after_some_time(lab_dir: Path) -> None:
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

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q2, NOT_YET, lambda held, times: print(held), says="has to end with `return`")
    expect(ex.q2, NOT_YET, lambda held, times: len(held), says="True or False")
    expect(ex.q2, NOT_YET, lambda held, times: True, says="`fires([], 1)` returned True")
    expect(ex.q2, ERROR, lambda held, times: held[-times], says="IndexError")
    for wrong in (anytime, the_first, without_len, once):
        expect(ex.q2, NOT_YET, wrong, says=" returned ")
    for right in (by_slice, by_loop, from_the_end, solve(ex.q2)["fires"]):
        expect(ex.q2, CORRECT, right, says="Right in all")


def test_q3_what_is_sent(lab_dir: Path) -> None:
    def blank(before, now): ...

    def with_what_continues(before: set[str], now: set[str]) -> dict[str, str]:
        return dict.fromkeys(now, "firing") | dict.fromkeys(before - now, "resolved")

    def without_the_end(before: set[str], now: set[str]) -> dict[str, str]:
        return dict.fromkeys(now - before, "firing")

    def the_wrong_way(before: set[str], now: set[str]) -> dict[str, str]:
        return dict.fromkeys(before - now, "firing") | dict.fromkeys(now - before, "resolved")

    def all_resolved(before: set[str], now: set[str]) -> dict[str, str]:
        return dict.fromkeys(now - before, "firing") | dict.fromkeys(before, "resolved")

    def by_difference(before: set[str], now: set[str]) -> dict[str, str]:
        return {one: "firing" if one in now else "resolved" for one in before ^ now}

    def by_loops(before: set[str], now: set[str]) -> dict[str, str]:
        found = {}
        for one in now:
            if one not in before:
                found[one] = "firing"
        for one in before:
            if one not in now:
                found[one] = "resolved"
        return found

    def by_emptying(before: set[str], now: set[str]) -> dict[str, str]:
        found = {before.pop(): "resolved" for _ in range(len(before))}
        continues = found.keys() & now
        new = dict.fromkeys(now - continues, "firing")
        return {one: said for one, said in (found | new).items() if one not in continues}

    def knows(before: set[str], now: set[str]) -> dict[str, str]:
        return {"silent": "firing"} if now == {"silent"} and not before else {}

    expect(ex.q3, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q3, NOT_YET, lambda before, now: print(now), says="has to end with `return`")
    expect(ex.q3, NOT_YET, lambda before, now: now - before, says="a dictionary")
    expect(ex.q3, NOT_YET, with_what_continues, says="is not news")
    expect(ex.q3, NOT_YET, without_the_end, says="is resolved.")
    expect(ex.q3, NOT_YET, the_wrong_way, says="is firing.")
    expect(ex.q3, NOT_YET, all_resolved, says="is not news")
    expect(ex.q3, NOT_YET, knows, says="`messages(set(), {'disk'})` returned {}")
    expect(ex.q3, ERROR, lambda before, now: now[0], says="TypeError")
    for right in (by_difference, by_loops, by_emptying, solve(ex.q3)["messages"]):
        expect(ex.q3, CORRECT, right, says="Right for all 64 cases")


def test_p1_what_the_figures_of_the_dead_say(unwatched: Api) -> None:
    at_death = metrics.scrape(unwatched.url)
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, at_death, says=f"Kafka holds {WAITING} records")
    expect_revealed(ex.p1, "grows", NOT_YET, at_death, says="You said 'grows'. It was 'stays'")
    expect_revealed(ex.p1, "stays", CORRECT, at_death, says="before it died")
    lab.start_consumer(ex.TOPIC, ex.GROUP, ex.DATA_DIR)
    expect_revealed(ex.p1, "stays", NOT_ATTEMPTED, at_death, says="run the cell that kills it")
