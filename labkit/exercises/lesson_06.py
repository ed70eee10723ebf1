"""06 · The dashboard: polling, and what each chart says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode

from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, is_within, prediction
from labkit.exercises.queries.api_queries import (
    RecordingProxy,
    api_url,
    ask,
    requests_of_poll_loop,
    serving,
)
from labkit.table.summary import HOURS_PER_YEAR

TOPIC = "lesson06-readings"
EVERY_S, QUICK_S, SLOW_S = 0.4, 0.2, 0.5  # of the poll loop's check: the interval, and two answers
TRIES = 40
WRITTEN_S = 5.0
PAGE_ONLY = ("shape", "scale")  # what the page draws itself, without a request
THRESHOLDS_T = (25_000, 50_000, 500_000, 5_000_000)


@prediction(
    possible=range(1_001), solution="ex.p1.predict(48)", matches=is_within(20), is_certain=False
)
def p1(seen: list[int]) -> Observed:
    """24 plants send one reading a second each. You ask every two seconds.

    How many new readings does each poll find? (20 more or less will do.)
    """
    more = [after - before for before, after in pairwise(seen)]
    if not more:
        raise NotAttempted("Nothing has been asked twice yet: run the cell above this one.")
    return Observed(
        round(median(more)),
        f"From poll to poll {', '.join(map(str, more))} came in. It varies: the CSV "
        "grows whenever the consumer writes, and you see it only when you look.",
    )


@prediction(
    possible=range(25), solution="ex.p2.predict(24)", matches=is_within(2), is_certain=False
)
def p2() -> Observed:
    """A US plant that emits 25,000 tonnes of CO2 in a year has to report it.

    How many of our 24 plants would pass that, at their rate of this minute?
    (2 more or less will do.)
    """
    now = ask(f"{api_url(TOPIC)}/api/dashboard").json()["now"]
    if not now["facilities"]:
        raise NotAttempted("No reading has arrived yet: run the cells above.")
    return Observed(
        now["over_25kt_per_year"],
        f"Of {now['facilities']} plants. 25,000 t a year are 2.85 t in an hour, and the largest, "
        f"{now['top_facility']['facility']}, emits {now['top_facility']['rate_t_per_h']:,.0f}. The "
        "threshold is meant to include small plants.",
    )


@prediction(
    possible=("agrees", "on the way", "unreported"),
    solution="ex.p3.predict('on the way')",
)
def p3() -> Observed:
    """The consumer stops, the plants continue. What does the carbon ledger say then?

    'agrees', 'on the way', or 'unreported' (tonnes are missing for good)?
    """
    url = api_url(TOPIC)
    if ask(f"{url}/api/pipeline").json()["state"] == "running":
        raise NotAttempted("The consumer is running: stop it first, in the cell above.")
    deadline = time.monotonic() + WRITTEN_S
    while True:  # each stage writes down what it has about once a second
        ledger = ask(f"{url}/api/ledger").json()
        if "No consumer" in ledger["sentence"] or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return Observed(ledger["state"], f"The ledger was asked: {ledger['sentence']}")


@exercise
def q1(poll: Callable[[str, int, float], Any]) -> str:
    """Write `poll(url, polls, every_s)`: ask `url` that many times, every `every_s` seconds.

    The interval counts from request to request; no request is sent while another is open.
    """
    url = api_url(TOPIC)
    quick = requests_of_poll_loop(poll, url, 4, EVERY_S, QUICK_S)
    beats = [after.began_s - before.began_s for before, after in pairwise(quick)]
    pauses = [after.began_s - before.ended_s for before, after in pairwise(quick)]
    if sum(beats) / len(beats) < EVERY_S * 0.8:
        raise NotYet(
            f"You asked every {sum(beats) / len(beats):.2f} s; the task is {EVERY_S} s: "
            "a page that asks faster costs more and shows no more."
        )
    if min(pauses) >= EVERY_S * 0.95:
        raise NotYet(
            f"Each answer took {QUICK_S} s, and then you waited the whole {EVERY_S} s. The "
            "interval counts from request to request: sleep for the rest of it."
        )
    slow = requests_of_poll_loop(poll, url, 3, EVERY_S, SLOW_S)
    return (
        f"{len(quick)} questions every {sum(beats) / len(beats):.2f} s. And with answers that took "
        f"{SLOW_S} s, {len(slow)} more, one after the other."
    )


@exercise
def q2(poll_once: Callable[[str, str], tuple[str, Any]]) -> str:
    """Write `poll_once(url, etag)`: ask `url`, and return its new ETag and the news.

    `etag` is what the last poll returned, `""` the first time. Where nothing has changed, the API
    answers 304: then return the same ETag, and `None`.
    """
    proxy = RecordingProxy(api_url(TOPIC))
    etag = ""
    with serving(proxy) as url:
        for tried in range(TRIES):
            try:
                said, news = poll_once(f"{url}/api/summary", etag)
            except HTTPError as error:
                if error.code != 304:
                    raise
                raise NotYet("Urllib treats 304 as an error, and raises it: catch it.") from None
            _check_poll(proxy, etag, said, news)
            if proxy.requests[-1].status == 304:
                return (
                    f"The API had news {many(tried, 'time')}, then it said 304, and sent nothing."
                )
            etag = said
    raise NotAttempted("Readings come in faster than you ask: run this check once more.")


def _check_poll(proxy: RecordingProxy, etag: str, said: str, news: Any) -> None:
    if not proxy.requests:
        raise NotYet("The API was not asked at all.")
    request = proxy.requests[-1]
    if request.etag != etag:
        sent = f"`{request.etag}`" if request.etag else "none"
        raise NotYet(f"The last answer's ETag was `{etag}`, and you sent {sent} with the request.")
    if request.status == 304 and (said, news) != (etag, None):
        raise NotYet(
            f"At 304 the ETag is unchanged and there is no news; you return {(said, news)!r}."
        )
    if request.status == 200 and (not said or not isinstance(news, dict)):
        raise NotYet("There was news, and you did not return it with its ETag.")


@exercise
def q3(above: Callable[[list[dict[str, Any]], float], Any]) -> str:
    """Write `above(facilities, t_per_year)`: the ids of the plants that pass a threshold.

    `facilities` are as in `/api/facilities`, each with `facility_id` and `rate_t_per_h`; go by
    that rate, for a year of 365 days.
    """
    plants = ask(f"{api_url(TOPIC)}/api/facilities").json()["facilities"]
    if not plants:
        raise NotAttempted("No reading has arrived yet: run the cells above.")
    found = []
    for t_per_year in THRESHOLDS_T:
        said = set(above(plants, t_per_year))
        rates = {one["facility_id"]: one["rate_t_per_h"] for one in plants}
        seen = {name for name, rate in rates.items() if rate * HOURS_PER_YEAR > t_per_year}
        if unknown := said - set(rates):
            raise NotYet(f"{unknown.pop()!r} is not a `facility_id` of the API.")
        for name in sorted(said ^ seen):
            raise NotYet(
                f"{name} emits {rates[name]:,.1f} t/h, so {rates[name] * HOURS_PER_YEAR:,.0f} t in "
                f"a year. That is {'above' if name in seen else 'below'} {t_per_year:,} t, and you "
                f"{'leave it out' if name in seen else 'name it'}."
            )
        found.append(f"{len(seen)} above {t_per_year:,} t")
    return f"Right for every plant that the API knows: {', '.join(found)}."


@exercise
def q4(tonnes: Callable[[list[float | None], float], Any]) -> str:
    """Write `tonnes(values, bucket_s)`: the mass under a line of the chart.

    `values` are in t/h, one for each bucket, `None` where nothing was measured.
    """
    series = ask(f"{api_url(TOPIC)}/api/series?window_s=600&bucket_s=5").json()
    lines = [line for line in series["series"] if any(line["values"])]
    if not lines:
        raise NotAttempted("The chart has no line yet: let the plants send for some seconds.")
    for line in lines:
        values = line["values"]
        try:
            said = float(tonnes(values, 5))
        except TypeError as error:
            if None not in values:
                raise
            msg = f"{values.count(None)} buckets are `None`, where nothing was measured: {error}."
            raise NotYet(msg) from error
        seen = sum(value or 0 for value in values) * 5 / 3600
        if not math.isclose(said, seen, rel_tol=1e-6):
            hint = " Those are t/h added up." if math.isclose(said, seen * 720) else ""
            raise NotYet(f"{line['label']}: you said {said:,.3f} t, and it is {seen:,.3f} t.{hint}")
    area = sum(tonnes(line["values"], 5) for line in lines)
    gaps = sum(line["values"].count(None) for line in lines)
    return f"Right for {len(lines)} lines of the API: {area:,.3f} t; {gaps} gaps are not zeros."


@exercise
def q5(view: Any) -> str:
    """Share a view: the last 60 seconds of steel and cement, as stacked areas.

    `view` is the end of the page's address, from the question mark on. The API is asked the same.
    """
    view = text(view)
    if "?" not in view:
        raise NotYet(f"{view!r} has no question mark: the query of an address begins with it.")
    query = parse_qs(view.partition("?")[2], keep_blank_values=True)
    asked = {name: values for name, values in query.items() if name not in PAGE_ONLY}
    address = f"/api/dashboard?{urlencode(asked, doseq=True)}"
    answer = ask(api_url(TOPIC) + address)
    if answer.status != 200:
        raise NotYet(f"The API was asked, and says {answer.status}: {answer.json()['detail']}.")
    series = answer.json()["series"]
    if series["window_s"] != 60 or "window_s" not in asked:
        raise NotYet(f"That shows the last {series['window_s']} s, by default.")
    keys = {line["key"] for line in series["series"]}
    if keys != {"steel", "cement"}:
        shown = ", ".join(sorted(keys)) or "no sector at all"
        raise NotYet(f"The API was asked, and that shows {shown}. Each sector needs its own part.")
    if query.get("shape") != ["stacked"]:
        raise NotYet(
            f"Window and sectors are right; `shape` is {query.get('shape', ['lines'])[0]}."
        )
    return f"The API was asked `{address}`, and gave two lines: {' and '.join(sorted(keys))}."
