"""09 · Monitor: metrics, rates, a dead consumer, an alert."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from labkit.api.app import Api
from labkit.consumer.consumer import start_consumer
from labkit.core import background_workers
from labkit.core.config import load_config
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, refusal
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.api_queries import api_url, ask
from labkit.exercises.queries.metrics_queries import (
    ACKED,
    LAG,
    REQUESTS,
    SERVED,
    STORED,
    Samples,
    health_requests,
    parse,
    records_in,
    scrape,
    scrape_with_consumer,
    scrape_without_consumer,
    state_once_silent,
    total,
)

TOPIC, GROUP, DATA_DIR = "lesson09-readings", "lesson09", "data/lesson09"
MINUTE_S = 60.0


@prediction(possible=("csv", "requests", "both", "neither"), solution='ex.p1.predict("requests")')
def p1(before: Samples) -> Observed:
    """The API ends and starts again. Which counter starts again at 0?

    `labkit_csv_readings_total`, or the one of the requests that the API has answered?
    Say 'csv', 'requests', 'both' or 'neither'.
    """
    now = scrape(api_url(TOPIC))
    counters = {"csv": STORED, "requests": REQUESTS}
    restarted = [name for name, one in counters.items() if total(now, one) < total(before, one)]
    return Observed(
        {0: "neither", 1: restarted[0] if restarted else "", 2: "both"}[len(restarted)],
        f"Requests: {total(before, REQUESTS):g} before, {total(now, REQUESTS):g} now; they are "
        f"counted in the API's memory. Readings: {total(before, STORED):g} before, "
        f"{total(now, STORED):g} now; they are counted in the CSV, which is still there.",
    )


@prediction(possible=("grows", "stays", "falls"), solution='ex.p2.predict("stays")')
def p2(before: Samples) -> Observed:
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


@prediction(possible=("ok", "degraded", "empty"), solution='ex.p3.predict("ok")')
def p3() -> Observed:
    """No consumer stores readings now. What `status` does `/api/health` give?

    Say 'ok', 'degraded' or 'empty'.
    """
    scrape_without_consumer(TOPIC)
    url = api_url(TOPIC)
    state = state_once_silent(url)
    health = ask(f"{url}/api/health").json()
    return Observed(
        health["status"],
        f"The API can answer, from {health['rows']:,} rows, and that is all that this says. How "
        f"old its newest reading is, `age_s` says: {health['age_s']:g}. Whether a consumer "
        f"still stores, `/api/pipeline` says. After five seconds of silence its "
        f"`state` is `{state}`.",
    )


@exercise
def q1(value_of: Callable[[str, str], Any]) -> str:
    """Write `value_of(text, name)`: the sum of all series that have this name.

    It is given what `/metrics` answers now, and compared for every name in it.
    """
    text = ask(f"{api_url(TOPIC)}/metrics").text
    names = sorted({one.name for one in parse(text)})
    for name in names:
        said, right = value_of(text, name), total(parse(text), name)
        if not _is_number(said):
            raise NotYet(f"For `{name}`: {refusal(said, 'a number', RETURNED)}")
        if not math.isclose(said, right, rel_tol=1e-9, abs_tol=1e-9):
            shown = [
                line for line in text.splitlines() if line.startswith((name + "{", name + " "))
            ]
            raise NotYet(
                f"`{name}`: you returned {said:,g}, which is not the sum of its "
                f"{many(len(shown), 'line')}. The first is `{shown[0]}`."
            )
    return f"Right for all {len(names)} names that `/metrics` has now, such as `{names[0]}`."


@exercise
def q2(rate: Callable[[float, float, float], Any]) -> str:
    """Write `rate(before, after, seconds)`: how much a counter grew in a second, on average.

    A counter that has become smaller was restarted, at 0, in between.
    The check sends requests to its own API, restarts it, and sends some more.
    """
    folder = load_config().data_path(DATA_DIR)
    seen: list[tuple[float, float]] = []  # what the counter said, and when
    for rounds in ((1, 8), (4,)):  # two scrapes of one API, and one after it was restarted
        with Api(folder, TOPIC, 0, "api-of-the-check") as api:
            for questions in rounds:
                for _ in range(questions):
                    ask(f"{api.url}/api/health")
                seen.append((health_requests(api.url), time.monotonic()))
    for (before, earlier), (after, later) in pairwise(seen):
        seconds, grown = later - earlier, after - before if after >= before else after
        said = rate(before, after, seconds)
        if not _is_number(said):
            raise NotYet(refusal(said, "a number", RETURNED))
        if not math.isclose(said, grown / seconds, rel_tol=1e-9):
            restart = " It was restarted between the two." if after < before else ""
            raise NotYet(
                f"The API's counter of questions said {before:g}, then {after:g}, {seconds:.3f} s "
                f"later.{restart} You returned {said:,.3f} a second. How much did it grow?"
            )
    said_by_it = ", then ".join(f"{one:g}" for one, _ in seen)
    return f"The API's counter said {said_by_it} (it was restarted), and both rates are right."


@exercise
def q3(backlog: Callable[[Samples], Any]) -> str:
    """Write `backlog(samples)`: readings acknowledged by the broker and not yet served by the API.

    It must be right about a dead consumer, too.
    """
    samples = scrape_without_consumer(TOPIC)
    said, served = backlog(samples), total(samples, SERVED)
    right, waiting = total(samples, ACKED) - served, records_in(TOPIC) - int(served)
    if not _is_number(said):
        raise NotYet(refusal(said, "a number", RETURNED))
    if said != right:
        slips = {
            total(samples, LAG): "That is what the consumer said last, before it died. ",
            total(samples, ACKED) - total(samples, STORED): f"`{STORED}` is the dead consumer's "
            "word, too: it had stored more since. ",
        }
        raise NotYet(
            f"You returned {said:g}. {slips.get(said, '')}Kafka has {waiting:,} records that the "
            "API does not serve."
        )
    return (
        f"{right:g} by `/metrics`; asked a moment later, Kafka has {waiting:,} that it waits for."
    )


@exercise
def q4(is_wrong: Callable[[Samples, float], Any]) -> str:
    """Write `is_wrong(samples, now_s)`: True when somebody should be called, else False.

    The check asks it about a real scrape without a consumer, as if a minute later.
    Then it starts a consumer, lets it catch up, and asks again.
    `now_s` is the time, in seconds since 1970.
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
