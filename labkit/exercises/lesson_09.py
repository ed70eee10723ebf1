"""09 · Monitor: metrics, rates, a counter that starts again, a histogram."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from itertools import combinations, pairwise
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from labkit.api.app import Api
from labkit.api.prometheus_metrics import DURATIONS_S
from labkit.core.config import load_config
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.api_queries import api_url, ask
from labkit.exercises.queries.metrics_queries import (
    STORED,
    Samples,
    buckets_of,
    parse,
    requests_for,
    scrape,
    total,
)

TOPIC, DATA_DIR = "lesson09-readings", "data/lesson09"
MADE_UP_S = (0.0008, 0.002, 0.002, 0.004, 0.03, 0.03, 0.03, 0.2, 0.7, 3.0, 8.0)


@prediction(possible=("csv", "requests", "both", "neither"), solution='ex.p1.predict("requests")')
def p1(before: Samples) -> Observed:
    """The API ends and starts again. Which counter starts again at 0?

    `labkit_csv_readings_total`, or the one of the requests that the API has answered?
    Say 'csv', 'requests', 'both' or 'neither'.
    """
    now = scrape(api_url(TOPIC))
    asked, asked_now = requests_for(before, "/metrics"), requests_for(now, "/metrics")
    stored, stored_now = total(before, STORED), total(now, STORED)
    if asked_now >= asked:
        raise NotAttempted(
            f"It has counted {asked_now:g} requests for `/metrics`, and {asked:g} before: run the "
            "cell that restarts the API, and then this one."
        )
    return Observed(
        "both" if stored_now < stored else "requests",
        f"Requests for `/metrics`: {asked:g} before, {asked_now:g} now; they are counted in the "
        f"API's memory. Readings: {stored:g} before, {stored_now:g} now; they are counted in the "
        "CSV, which is still there.",
    )


@exercise
def q1(value_of: Callable[[str, str], Any]) -> str:
    """Write `value_of(text, name)`: the sum of all series that have this name.

    The check passes it the current `/metrics` text and compares the result for every name.
    """
    text = ask(f"{api_url(TOPIC)}/metrics").text
    samples = parse(text)
    names = sorted({one.name for one in samples})
    for name in names:
        said, right = number(value_of(text, name), RETURNED), total(samples, name)
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
                seen.append((requests_for(scrape(api.url), "/api/health"), time.monotonic()))
    for (before, earlier), (after, later) in pairwise(seen):
        seconds, grown = later - earlier, after - before if after >= before else after
        said = number(rate(before, after, seconds), RETURNED)
        if not math.isclose(said, grown / seconds, rel_tol=1e-9):
            restart = " It was restarted between the two." if after < before else ""
            raise NotYet(
                f"The API's counter of questions said {before:g}, then {after:g}, {seconds:.3f} s "
                f"later.{restart} You returned {said:,.3f} a second. How much did it grow?"
            )
    said_by_it = ", then ".join(f"{one:g}" for one, _ in seen)
    return f"The API's counter said {said_by_it} (it was restarted), and both rates are right."


@exercise
def q3(share: Callable[[Mapping[str, float], str, str], Any]) -> str:
    """Write `share(buckets, low, high)`: the share of the answers that took from `low` to `high`.

    `buckets` is a dictionary as above; `low` and `high` are two of its keys. Of all answers, how
    many took longer than `low`, and at most `high`? Return a number from 0 to 1.
    """
    measured = buckets_of(scrape(api_url(TOPIC)))
    made_up = _histogram(MADE_UP_S)
    for buckets in (measured, made_up):
        for low, high in combinations(buckets, 2):
            said = number(share(dict(buckets), low, high), RETURNED)
            right = (buckets[high] - buckets[low]) / buckets["+Inf"]
            if not math.isclose(said, right, abs_tol=1e-9):
                raise NotYet(
                    f"`{low}` counts {buckets[low]:g} answers, `{high}` counts {buckets[high]:g}, "
                    f"`+Inf` counts {buckets['+Inf']:g}. You returned {said:g}."
                )
    return (
        f"Right for the {many(int(measured['+Inf']), 'answer')} of the API, and for "
        f"{len(MADE_UP_S)} others."
    )


def _histogram(durations_s: tuple[float, ...]) -> dict[str, float]:
    """Return the buckets that Prometheus' own client makes of some durations."""
    registry = CollectorRegistry()
    histogram = Histogram("labkit_made_up_seconds", "", buckets=DURATIONS_S, registry=registry)
    for duration_s in durations_s:
        histogram.observe(duration_s)
    return buckets_of(parse(generate_latest(registry).decode()))
