"""06b · How old is what you see: each part of the page, and the age of its figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from labkit.core.text_tables import many
from labkit.core.wait_until import wait_until
from labkit.exercises.engine.answer_kinds import RETURNED, shown, text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.api_queries import api_url, ask

TOPIC = "lesson06b-readings"
BUCKET_S = 5
WRITTEN_S = 10.0
INTERVALS_S = (2.0, 0.5, 30.0)
FRESH_S = 10.0
WHO = {"fresh", "consumer", "plants"}


@exercise
def q1(tonnes: Callable[[list[float | None], float], Any]) -> str:
    """Write `tonnes(values, bucket_s)`: the mass under a line of the chart.

    `values` are in t/h, one for each bucket, `None` where nothing was measured.
    """
    url = f"{api_url(TOPIC)}/api/series?window_s=600&bucket_s={BUCKET_S}"

    def drawn() -> list[dict[str, Any]]:
        return [line for line in ask(url).json()["series"] if any(line["values"])]

    none = "The chart has no line yet: run the cells above."
    lines = wait_until(drawn, WRITTEN_S, lambda: NotAttempted(none))
    for line in lines:
        for bucket_s in (BUCKET_S, 12 * BUCKET_S):
            _check_mass(tonnes, line, bucket_s)
    area = sum(tonnes(line["values"], BUCKET_S) for line in lines)
    gaps = sum(line["values"].count(None) for line in lines)
    return f"Right for {many(len(lines), 'line')} of the API: {area:,.3f} t, and {gaps} gaps."


def _check_mass(tonnes: Callable[..., Any], line: dict[str, Any], bucket_s: float) -> None:
    values = line["values"]
    try:
        said = float(tonnes(list(values), bucket_s))
    except TypeError as error:
        if None not in values or "NoneType" not in str(error) or "float()" in str(error):
            raise
        none = many(values.count(None), "bucket")
        raise NotYet(f"{none} of {line['label']} hold `None`: not measured ({error}).") from error
    seen = sum(value or 0 for value in values) * bucket_s / 3600
    if not math.isclose(said, seen, rel_tol=1e-6):
        added = " Those are t/h added up." if math.isclose(said, seen * 3600 / bucket_s) else ""
        raise NotYet(
            f"{line['label']}, with buckets of {bucket_s} s: you said {said:,.3f} t, and it is "
            f"{seen:,.3f} t.{added}"
        )


@exercise
def q2(worst_age_s: Callable[[list[dict[str, Any]], float], Any]) -> str:
    """Write `worst_age_s(stages, every_s)`: how old a page's newest reading can get, in seconds.

    `stages` are as in `/api/latency`, and the page asks every `every_s` seconds. Leave out the time
    that an answer takes.
    """
    url = f"{api_url(TOPIC)}/api/latency"

    def followed() -> list[dict[str, Any]]:
        reading = ask(url).json()["reading"] or {"stages": []}
        return list(reading["stages"]) if "stored" in str(reading["stages"]) else []

    none = "No reading was followed to the CSV yet: run the cells above."
    stages = wait_until(followed, WRITTEN_S, lambda: NotAttempted(none))
    after_ms = {one["stage"]: one["after_ms"] for one in stages}
    for every_s in INTERVALS_S:
        for known in (stages, *_with_other_stages(stages)):
            names = [one["stage"] for one in known]
            try:
                said = float(worst_age_s([dict(one) for one in known], every_s))
            except LookupError as error:
                if known is stages:
                    raise
                msg = f"With the stages {', '.join(names)} it raised `{error!r}`."
                raise NotYet(f"{msg} Not every reading has each stage.") from error
            seen = after_ms["stored"] / 1000 + every_s
            if not math.isclose(said, seen, rel_tol=1e-6):
                raise NotYet(_why_another_age(said, after_ms, every_s, names))
    return (
        f"A reading was stored after {after_ms['stored'] / 1000:.3f} s. A page that asks every "
        f"{INTERVALS_S[0]:.0f} s shows it until it is "
        f"{after_ms['stored'] / 1000 + INTERVALS_S[0]:.3f} s old."
    )


def _with_other_stages(stages: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the list as it may be, too: with one stage fewer before *stored*, and after it.

    A reading can be stored before its producer has heard of it, and before anyone asks for it.
    """
    stored_at = [one["stage"] for one in stages].index("stored")
    yield [one for place, one in enumerate(stages) if place != stored_at - 1]
    until_stored = stages[: stored_at + 1]
    if stages[stored_at + 1 :]:
        yield until_stored
    else:
        yield [*until_stored, {**until_stored[-1], "stage": "served", "after_ms": 1e6}]


def _why_another_age(
    said: float, after_ms: dict[str, float], every_s: float, names: list[str]
) -> str:
    """Return what a wrong age is, so far as it can be told."""
    stored_s = after_ms["stored"] / 1000
    asked = f"With `every_s={every_s}`, you said {said:,.3f} s. "
    known = {
        stored_s: "That is the age of a reading that is just stored.",
        every_s: "That is how long a page waits; a reading is not new when it is stored.",
        stored_s + every_s / 2: "That is the mean; the worst case is asked for.",
        after_ms["stored"] + every_s: "`after_ms` is in milliseconds.",
    }
    if "served" in after_ms:
        known[after_ms["served"] / 1000 + every_s] = (
            "*Served* includes waiting for a request already."
        )
    for one, why in known.items():
        if math.isclose(said, one, rel_tol=1e-6):
            return asked + why
    left = "" if names == list(after_ms) else f" Here the stages are {', '.join(names)}."
    return f"{asked}The reading was stored {after_ms['stored']:,.0f} ms after its creation.{left}"


@prediction(possible=("stored", "waiting", "lost"), solution='ex.p1.predict("waiting")')
def p1() -> Observed:
    """The consumer stops, the plants continue. What does the ledger say of the new readings?

    Say 'stored', 'waiting', or 'lost'.
    """
    url = api_url(TOPIC)
    if ask(f"{url}/api/pipeline").json()["state"] == "running":
        raise NotAttempted("The consumer is running: stop it first, in the cell above.")

    with suppress(TimeoutError):  # each stage writes down what it has about once a second
        wait_until(lambda: "no consumer" in ask(f"{url}/api/ledger").json()["sentence"], WRITTEN_S)
    ledger = ask(f"{url}/api/ledger").json()
    found = {"agrees": "stored", "on the way": "waiting"}.get(ledger["state"], "lost")
    sentence = ledger["sentence"].partition(" Next: ")[0]  # a line for the terminal
    return Observed(found, f"The ledger was asked: {sentence}")


@exercise
def q3(why_old: Callable[[dict[str, Any]], Any]) -> str:
    """Write `why_old(news)`: it returns 'fresh', 'consumer' or 'plants'.

    `news` is an answer of `/api/dashboard`. It is fresh if `age_s` in its `health` is at most 10.
    If not, name who is silent: the `state` of its `pipeline` is 'running', 'stale', or 'absent' (no
    consumer has ever reported).
    """
    news = ask(f"{api_url(TOPIC)}/api/dashboard").json()
    now = (news["health"]["age_s"], news["pipeline"]["state"])
    cases = [now] if news["health"]["age_s"] is not None else []
    for state in ("running", "stale", "absent"):
        cases += [(age_s, state) for age_s in (0.5, FRESH_S, FRESH_S + 0.1, 86_400.0)]
    for age_s, state in cases:
        case = {
            **news,
            "health": {**news["health"], "age_s": age_s},
            "pipeline": {**news["pipeline"], "state": state},
        }
        said = text(why_old(case), RETURNED)
        old = "plants" if state == "running" else "consumer"
        if said != ("fresh" if age_s <= FRESH_S else old):
            other = "" if said in WHO else f" It returns one of {', '.join(sorted(WHO))}."
            raise NotYet(
                f"With an age of {age_s:,.1f} s, and a consumer that is {state}, you said "
                f"{shown(said)}.{other}"
            )
    return f"Right for {len(cases)} answers of the API, fresh and old."
