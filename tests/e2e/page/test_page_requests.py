"""What the page asks in a minute of real time, counted by address."""

from __future__ import annotations

import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
from csv_feed import CsvFeed
from playwright.sync_api import Page, expect

from labkit.api.app import Api

pytestmark = pytest.mark.chromium

MINUTE_S = 60
POLL_S, HEAT_POLL_S = 2, 20
PER_HEAT_POLL = 2  # a young lab's hours are asked for a second time, in smaller buckets


def address(url: str) -> str:
    """Return what a request asks for; the heat strip alone chooses its buckets itself."""
    parts = urlsplit(url)
    return f"{parts.path} heat" if "bucket_s" in parse_qs(parts.query) else parts.path


def test_the_page_asks_each_address_as_often_as_the_docs_say(
    page: Page, feed: CsvFeed, api: Api
) -> None:
    feed.write(rounds=60)
    filtered = page.context.new_page()
    asked: dict[Page, Counter[str]] = {page: Counter(), filtered: Counter()}
    for one, query in ((page, ""), (filtered, "?country=PL")):
        one.on("request", lambda request, one=one: asked[one].update([address(request.url)]))
        one.goto(f"{api.url}/{query}")
        expect(one.locator("#heat .hs-row").first).to_be_visible()
        asked[one].clear()
    began = time.monotonic()
    while time.monotonic() < began + MINUTE_S:
        feed.write(rounds=1)  # so that each answer is another one
        page.wait_for_timeout(1_000)
    took_s = time.monotonic() - began  # more than a minute on a busy machine
    polls, heat_polls = (int(took_s // every_s) + 1 for every_s in (POLL_S, HEAT_POLL_S))
    plain, with_filter = asked[page], asked[filtered]
    assert plain.keys() == {"/api/dashboard", "/api/series heat"}
    assert with_filter.keys() == plain.keys() | {"/api/summary"}
    for counted in (plain, with_filter):
        assert 1 < counted["/api/dashboard"] <= polls
        assert 1 <= counted["/api/series heat"] <= heat_polls * PER_HEAT_POLL
    assert with_filter["/api/summary"] <= polls
