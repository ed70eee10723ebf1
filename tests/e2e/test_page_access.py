"""Who can use the page: axe finds nothing in any state, in either theme; motion and zoom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from csv_feed import CsvFeed
from playwright.sync_api import Browser, Page, expect

from labkit.api import Api

pytestmark = pytest.mark.chromium

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong, and where."""
    if not AXE.is_file():
        pytest.fail("axe-core is not installed; next: python scripts/front_end.py run check")
    page.evaluate(AXE.read_text("utf-8"))
    found: list[Any] = page.evaluate(
        "async tags => (await axe.run({ runOnly: tags })).violations", TAGS
    )
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


def live(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=60)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(6)
    expect(page.locator(".hs-row").first).to_be_visible()


def with_tables(page: Page, feed: CsvFeed, api: Api) -> None:
    live(page, feed, api)
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.locator(".ef-table table").first).to_be_visible()


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
    paused,
    explained,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(
    page: Page, feed: CsvFeed, api: Api, state: Callable[[Page, CsvFeed, Api], None]
) -> None:
    page.emulate_media(color_scheme="light")
    state(page, feed, api)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        assert violations(page) == [], f"{state.__name__}, {theme}"


def test_each_chart_has_a_table_and_a_sentence(page: Page, feed: CsvFeed, api: Api) -> None:
    live(page, feed, api)
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
    expect(page.locator(".figure")).to_have_count(6)
    moving = page.evaluate(
        "document.getAnimations().filter(one => one.playState === 'running').length"
    )
    assert moving == 0
    context.close()


def test_everything_that_can_be_pressed_is_large_enough(
    page: Page, feed: CsvFeed, api: Api
) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    live(page, feed, api)
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
