"""06 · The dashboard: polling an API, and a page of your own."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode

from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, number, pair, shown, text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, is_within, prediction
from labkit.exercises.queries.api_queries import (
    RecordingProxy,
    api_url,
    ask,
    serve,  # noqa: F401 - `ex.serve` in the notebook
    serving,
)

TOPIC = "lesson06-readings"
LOOPS = ((0.4, 0.2), (0.8, 0.2), (0.3, 0.5))  # `every_s`, and how long an answer takes
CLOSE_S = 0.001
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
        f"The polls found {', '.join(map(str, more))} new readings. It varies: the CSV "
        "grows whenever the consumer writes, and you see it only when you look.",
    )


@exercise
def q1(pause: Callable[[float, float], Any]) -> str:
    """Write `pause(began, every_s)`: how many seconds this loop sleeps after an answer.

    The next request follows `every_s` seconds after the last one began, or at once if the answer
    took longer than that.
    """
    api, found = api_url(TOPIC), []
    for every_s, delay_s in LOOPS:
        proxy = RecordingProxy(api, delay_s)
        with serving(proxy) as url:
            for _ in range(3):
                began = time.monotonic()
                ask(f"{url}/api/health")
                time.sleep(_checked_pause_s(pause, began, every_s))
        began_s = [one.began_s for one in proxy.requests]
        found.append(f"{(began_s[-1] - began_s[0]) / 2:.2f}")
    quick, seldom, slow = found
    return (
        f"The API was asked every {quick} s and every {seldom} s. With answers that take longer "
        f"than `every_s`, it was asked every {slow} s, one request after the other."
    )


def _checked_pause_s(pause: Callable[[float, float], Any], began: float, every_s: float) -> float:
    """Return a learner's pause, which must last until the next request is due."""
    before = time.monotonic()
    said = number(pause(began, every_s), RETURNED)
    after = time.monotonic()
    if said < 0:
        raise NotYet(
            f"The answer took {before - began:.2f} s, `every_s` is {every_s}, and you returned "
            f"{said:.2f}. A loop cannot sleep for less than 0 s."
        )
    earliest, latest = (max(0.0, began + every_s - now) for now in (after, before))
    if not earliest - CLOSE_S <= said <= latest + CLOSE_S:
        raise NotYet(
            f"The answer took {before - began:.2f} s, and then you sleep {said:.2f} s. `every_s` "
            f"is {every_s}: it counts from request to request."
        )
    return said


@exercise
def q2(poll_once: Callable[[str, str], tuple[str, Any]]) -> str:
    """Write `poll_once(url, etag)`: ask `url`, and return its new ETag and the news.

    `etag` is what the last poll returned, `""` the first time. The news is the answer's `json()`.
    Where nothing has changed, the API answers 304: then return the same ETag, and `None`.
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
