"""09b · Alerts: a dead consumer, which figures notice, and an alert that is delivered."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations, product
from typing import Any

from labkit.consumer.consumer import start_consumer
from labkit.core import background_workers
from labkit.exercises.engine.answer_kinds import RETURNED, refusal
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.metrics_queries import (
    LAG,
    SERVED,
    Samples,
    records_in,
    scrape_with_consumer,
    scrape_without_consumer,
    total,
)

TOPIC, GROUP, DATA_DIR = "lesson09b-readings", "lesson09b", "data/lesson09b"
MINUTE_S = 60.0
LONGEST = 4
ALERTS = ("silent", "disk", "ledger")


@prediction(possible=("grows", "stays", "falls"), solution='ex.p1.predict("stays")')
def p1(before: Samples) -> Observed:
    """The consumer is killed, and 20 readings a second keep arriving.

    What does the gauge `labkit_consumer_lag_records` do? Say 'grows', 'stays' or 'falls'.
    """
    now = scrape_without_consumer(TOPIC)
    then, lag = total(before, LAG), total(now, LAG)
    waiting = records_in(TOPIC) - int(total(now, SERVED))
    return Observed(
        "grows" if lag > then else "falls" if lag < then else "stays",
        f"It said {then:g}, and says {lag:g}; and Kafka holds {waiting:,} records that are not "
        "stored. The gauge is what the consumer reported last, before it died.",
    )


@exercise
def q1(is_wrong: Callable[[Samples, float], Any]) -> str:
    """Write `is_wrong(samples, now_s)`: True when somebody should be called, else False.

    The check asks it about a scrape without a consumer, a minute later, and about one with a
    consumer that has caught up. `now_s` is the time, in seconds since 1970.
    """
    silent = scrape_without_consumer(TOPIC)
    if is_wrong(silent, time.time() + MINUTE_S) is None:
        raise NotYet(refusal(None, "True or False", RETURNED))
    if not is_wrong(silent, time.time() + MINUTE_S):
        raise NotYet(
            "No reading has been stored for a minute, and your condition does not see it. "
            f"{records_in(TOPIC) - int(total(silent, SERVED)):,} records wait in Kafka; `{LAG}` is "
            f"{total(silent, LAG):g} in that scrape."
        )
    consumer = start_consumer(TOPIC, GROUP, DATA_DIR, name="consumer-of-the-check")
    try:
        consumer.wait_until_caught_up()
        watched = scrape_with_consumer(TOPIC, consumer.pid)
    finally:
        background_workers.replace(consumer.name)
    if is_wrong(watched, time.time()):
        raise NotYet(
            "A consumer runs and has caught up, and your condition calls somebody. (Up "
            f"to a second's readings are always on the way: {total(watched, LAG):g} by `{LAG}`.)"
        )
    return "It calls when the consumer is dead, and does not when one runs."


@exercise
def q2(fires: Callable[[list[bool], int], Any]) -> str:
    """Write `fires(held, times)`: True if a condition held the last `times` times, else False.

    `held` is a list: what the condition said each time that Prometheus asked, the newest last.
    """
    cases = [
        (list(held), times)
        for asked in range(LONGEST + 1)
        for held in product((False, True), repeat=asked)
        for times in range(1, LONGEST + 1)
    ]
    for held, times in cases:
        said = fires(list(held), times)
        if not isinstance(said, bool):
            raise NotYet(refusal(said, "True or False", RETURNED))
        if said is not (len(held) >= times and all(held[-times:])):
            raise NotYet(f"`fires({held}, {times})` returned {said}.")
    return f"Right in all {len(cases)} cases, from none to {LONGEST} times asked."


@exercise
def q3(messages: Callable[[set[str], set[str]], Any]) -> str:
    """Write `messages(before, now)`: a dictionary of what to send, alert by alert.

    `before` and `now` are sets: the alerts that fired a moment ago, and those that fire now. A new
    one is 'firing', one that has ended is 'resolved'; one that continues is not sent again.
    """
    alerts = [set(some) for count in range(len(ALERTS) + 1) for some in combinations(ALERTS, count)]
    for before, now in product(alerts, alerts):
        said = messages(set(before), set(now))
        if not isinstance(said, dict):
            raise NotYet(refusal(said, "a dictionary", RETURNED))
        right = dict.fromkeys(now - before, "firing") | dict.fromkeys(before - now, "resolved")
        if said != right:
            raise NotYet(
                f"`messages({_shown(before)}, {_shown(now)})` returned {said}. {_why(said, right)}"
            )
    return f"Right for all {len(alerts) ** 2} cases: new ones, ended ones, and those that continue."


def _shown(alerts: set[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(alerts)))}}}" if alerts else "set()"


def _why(said: dict[str, str], right: dict[str, str]) -> str:
    """Name the first alert that is not as it has to be."""
    alert = min(one for one in {*said, *right} if said.get(one) != right.get(one))
    return f"'{alert}' is {right[alert]}." if alert in right else f"'{alert}' is not news."
