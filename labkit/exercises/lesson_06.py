"""06 · The dashboard: polling an API, and a page of your own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode

from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, pair, shown, text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, is_within, prediction
from labkit.exercises.queries.api_queries import (
    RecordedRequest,
    RecordingProxy,
    api_url,
    ask,
    requests_of_poll_loop,
    serving,
)

TOPIC = "lesson06-readings"
EVERY_S, QUICK_S, SLOW_S = 0.4, 0.2, 0.5  # of the poll loop's check: the interval, and two answers
TRIES = 40
PAGE_ONLY = ("shape", "scale")  # what the page draws itself, without a request


@prediction(
    possible=range(1_001), solution="ex.p1.predict(48)", matches=is_within(20), is_certain=False
)
def p1(seen: list[int]) -> Observed:
    """24 plants send one reading a second each. You ask every two seconds.

    How many new readings does each poll find? (Anything within 20 counts.)
    """
    more = [after - before for before, after in pairwise(seen)]
    if not more:
        raise NotAttempted("Nothing has been asked twice yet: run the cell above this one.")
    return Observed(
        round(median(more)),
        f"From poll to poll {', '.join(map(str, more))} came in. It varies: the CSV "
        "grows whenever the consumer writes, and you see it only when you look.",
    )


@exercise
def q1(poll: Callable[[str, int, float], Any]) -> str:
    """Write `poll(url, polls, every_s)`: ask `url` that many times, every `every_s` seconds.

    The interval counts from request to request; no request is sent while another is open.
    """
    url = api_url(TOPIC)
    quick = requests_of_poll_loop(poll, url, 4, EVERY_S, QUICK_S)
    every_s = _mean_interval_s(quick, EVERY_S)
    pauses = [after.began_s - before.ended_s for before, after in pairwise(quick)]
    if min(pauses) >= EVERY_S * 0.95:
        raise NotYet(
            f"Each answer took {QUICK_S} s, and then you waited the whole {EVERY_S} s. The "
            "interval counts from request to request."
        )
    slow = requests_of_poll_loop(poll, url, 3, EVERY_S, SLOW_S)
    seldom = requests_of_poll_loop(poll, url, 2, 2 * EVERY_S, QUICK_S)
    _mean_interval_s(seldom, 2 * EVERY_S)
    return (
        f"{len(quick)} requests, one every {every_s:.2f} s. And with answers that took "
        f"{SLOW_S} s, {len(slow)} more, one after the other."
    )


def _mean_interval_s(requests: list[RecordedRequest], every_s: float) -> float:
    """Return the seconds from request to request, which must not be fewer than asked for."""
    intervals = [after.began_s - before.began_s for before, after in pairwise(requests)]
    found = sum(intervals) / len(intervals)
    if found < every_s * 0.8:
        raise NotYet(
            f"You were given `every_s={every_s}`, and asked every {found:.2f} s. A page that asks "
            "faster costs more and shows no more."
        )
    return found


@exercise
def q2(poll_once: Callable[[str, str], tuple[str, Any]]) -> str:
    """Write `poll_once(url, etag)`: ask `url`, and return its new ETag and the news.

    `etag` is what the last poll returned, `""` the first time. The news is the answer's JSON. Where
    nothing has changed, the API answers 304: then return the same ETag, and `None`.
    """
    proxy = RecordingProxy(api_url(TOPIC))
    etag = ""
    with serving(proxy) as url:
        for tried in range(TRIES):
            try:
                said, news = pair(poll_once(f"{url}/api/summary", etag), RETURNED)
            except HTTPError as error:
                if error.code != 304:
                    raise
                raise NotYet("Urllib raises 304 as an error, and you do not catch it.") from None
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
            "The API answered 304, nothing has changed. You returned "
            f"{shown(said)} and {shown(news)}."
        )
    if request.status == 200 and (not said or not isinstance(news, dict)):
        raise NotYet(
            "The API answered 200, and there was news. You returned "
            f"{shown(said)} and {shown(news)}."
        )


@exercise
def q3(view: Any) -> str:
    """Share a view: the last 60 seconds of steel and cement, as stacked areas.

    `view` is the end of the page's address, from the question mark on. The check asks the API for
    the same view.
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
    if series["window_s"] != 60:
        raise NotYet(f"The API was asked, and that shows the last {series['window_s']} s.")
    keys = {line["key"] for line in series["series"]}
    if keys != {"steel", "cement"}:
        shown = ", ".join(sorted(keys)) or "no sector at all"
        raise NotYet(f"The API was asked, and that shows {shown}. Each sector needs its own part.")
    if query.get("shape") != ["stacked"]:
        raise NotYet(f"Window and sectors are right; `shape` is {query.get('shape', ['each'])[0]}.")
    return f"The API was asked `{address}`, and gave two lines: {' and '.join(sorted(keys))}."
