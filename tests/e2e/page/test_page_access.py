"""Who can use the page: axe finds nothing in any state, in either theme; motion and zoom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from axe import check_both_themes
from csv_feed import CsvFeed
from playwright.sync_api import Browser, Page, expect

from labkit.api.app import Api

pytestmark = pytest.mark.chromium


def live(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=60)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(5)
    expect(page.locator(".hs-row").first).to_be_visible()


def with_tables(page: Page, feed: CsvFeed, api: Api) -> None:
    live(page, feed, api)
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.locator(".ef-table table")).to_have_count(2)


def filtered(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=60)
    page.goto(f"{api.url}/?sector=power&country=CZ&shape=stacked")
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("tr[data-left-out=true]").first).to_be_visible()


def filtered_to_nothing(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    page.goto(f"{api.url}/?country=XX")
    expect(page.locator(".notice[data-kind=filtered]")).to_be_visible()


def empty(page: Page, _feed: CsvFeed, api: Api) -> None:
    page.goto(api.url)
    expect(page.locator(".notice[data-kind=empty]")).to_be_visible()


def loading(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    page.route("**/api/dashboard*", lambda _held: None)
    page.goto(api.url)
    expect(page.locator(".notice[data-kind=loading]")).to_be_visible()


def slow(page: Page, feed: CsvFeed, api: Api) -> None:
    live(page, feed, api)
    page.route("**/api/dashboard*", lambda _held: None)
    expect(page.locator(".notice[data-kind=slow]")).to_be_visible(timeout=15_000)


def gone(page: Page, feed: CsvFeed, api: Api) -> None:
    live(page, feed, api)
    api.stop()
    expect(page.locator(".notice[data-kind=gone]")).to_be_visible(timeout=15_000)


def silent(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5, until=datetime.now(UTC) - timedelta(minutes=10))
    ago = time.time() - 600
    for csv in (api.data_dir / api.topic).glob("*.csv"):
        os.utime(csv, (ago, ago))  # stored at that time, too
    page.goto(api.url)
    expect(page.locator(".notice[data-kind=warning]")).to_contain_text("No new reading for 10 min")


def damaged(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    with (api.data_dir / api.topic / "1.csv").open("r+b") as csv:
        csv.seek(600)
        csv.write(b"\0\0\0")
    page.goto(api.url)
    expect(page.locator(".notice[data-kind=warning]")).to_contain_text("Something needs a look")


def paused(page: Page, feed: CsvFeed, api: Api) -> None:
    live(page, feed, api)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".notice[data-kind=paused]")).to_be_visible()


def explained(page: Page, feed: CsvFeed, api: Api) -> None:
    live(page, feed, api)
    page.get_by_role("button", name="Explain this page").click()
    expect(page.get_by_role("dialog")).to_be_visible()


STATES = [
    live,
    with_tables,
    filtered,
    filtered_to_nothing,
    empty,
    loading,
    slow,
    gone,
    silent,
    damaged,
    paused,
    explained,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(
    page: Page, feed: CsvFeed, api: Api, state: Callable[[Page, CsvFeed, Api], None]
) -> None:
    page.emulate_media(color_scheme="light")
    state(page, feed, api)
    check_both_themes(page, state.__name__)


def test_each_chart_has_a_table_and_a_sentence(page: Page, feed: CsvFeed, api: Api) -> None:
    with_tables(page, feed, api)
    for chart in ("#rates", "#heat"):
        drawn = page.locator(f"{chart} [role=img]").first
        assert drawn.get_attribute("aria-label")
        assert page.locator(f"{chart} table tbody tr").count() > 5
    for name in ("sector", "country", "fuel", "facility_id"):
        assert page.locator(f"#totals-{name} table tbody th[scope=row]").count() > 3


def test_who_wants_no_motion_gets_none(browser: Browser, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(5)
    moving = page.evaluate(
        "document.getAnimations().filter(one => one.playState === 'running').length"
    )
    assert moving == 0
    context.close()


def test_everything_that_can_be_pressed_is_large_enough(
    page: Page, feed: CsvFeed, api: Api
) -> None:
    live(page, feed, api)
    page.set_viewport_size({"width": 360, "height": 800})
    folds = page.locator(".fold")
    expect(folds.first).to_be_visible()
    for fold in folds.all():
        fold.click()
    expect(page.locator(".hs-row").first).to_be_visible()
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, summary, input + span')].flatMap(one => {
            const row = one.closest('.bars tr');
            const { width, height } = (row && one.ariaPressed ? row : one).getBoundingClientRect();
            const shown = width > 0 && height > 0;
            const small = shown && (width < 24 || height < 24);
            return small ? [`${one.textContent} ${width}x${height}`] : [];
        })"""
    )
    assert small == []


def test_the_page_answers_to_a_hidden_tab_by_asking_nothing(
    page: Page, feed: CsvFeed, api: Api
) -> None:
    live(page, feed, api)
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { get: () => window.isHidden });
            window.isHidden = true;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3_000)
    assert asked == []
    with page.expect_request("**/api/dashboard*"):
        page.evaluate(
            "window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))"
        )
