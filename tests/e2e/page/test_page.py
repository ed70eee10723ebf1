"""The web page in a real browser, over the real API and a real CSV."""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from csv_feed import CsvFeed
from on_screen import figure, number_in, painted_colours
from playwright.sync_api import Browser, Page, Route, expect
from waiting import wait_until

from labkit.api.app import Api

pytestmark = pytest.mark.chromium

FIGURES = 5


def ask(api: Api, path: str) -> Any:
    with urllib.request.urlopen(f"{api.url}/api/{path}") as answer:
        return json.load(answer)


def stop_the_clock(page: Page) -> None:
    """Let the page's time pass only when the test says so."""
    page.clock.install()
    page.clock.pause_at(time.time() + 1)


class Polls:
    """The page's polls, noted in the page itself, by the page's own clock.

    The browser tells a test of a request some time after the page made it; what the page notes
    is there as soon as its clock has moved.
    """

    NOTE = """
        window.polls = { askedAt: [], unanswered: 0 };
        const fetchFirst = window.fetch;
        window.fetch = async (...request) => {
            if (String(request[0]).includes("api/dashboard")) polls.askedAt.push(performance.now());
            polls.unanswered += 1;
            try {
                const answer = await fetchFirst(...request);
                await answer.clone().text();
                return answer;
            } finally {
                polls.unanswered -= 1;
            }
        };
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(self.NOTE)

    @property
    def asked_at_ms(self) -> list[float]:
        """When each poll was asked, on the page's clock."""
        return list(self._page.evaluate("polls.askedAt"))

    @property
    def count(self) -> int:
        return len(self.asked_at_ms)

    def settle(self) -> int:
        """Wait until every answer is in, and return how many polls there were."""
        wait_until(lambda: not self._page.evaluate("polls.unanswered"), "the API answers")
        return self.count


def test_the_figures_on_the_page_are_the_apis(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=90)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(FIGURES)
    now, total = ask(api, "summary?window_s=60"), ask(api, "summary")
    window = ask(api, "summary?window_s=300")
    assert figure(page, "CO₂ emitted now") == now["rate_t_per_h"]
    assert figure(page, "In the last 5 minutes") == window["co2_kg"]
    assert figure(page, "Emitted in total") == total["co2_kg"]
    assert figure(page, "Intensity") == window["intensity_kg_per_mwh"]
    assert figure(page, "Largest plant now") == now["top_facility"]["rate_t_per_h"]
    shown = page.locator(".figure", has_text="CO₂ emitted now").locator("data").inner_text()
    assert number_in(shown) == pytest.approx(now["rate_t_per_h"], abs=0.5)


@pytest.mark.parametrize("name", ["sector", "country", "fuel", "facility"])
def test_the_bars_are_the_apis_totals(page: Page, feed: CsvFeed, api: Api, name: str) -> None:
    feed.write(rounds=20)
    page.goto(api.url)
    panel = page.locator(f"#totals-{'facility_id' if name == 'facility' else name}")
    expect(panel).to_be_visible()
    totals = ask(api, "summary?window_s=300&top=100")[f"by_{name}"]
    if len(totals) > 7:
        panel.get_by_role("button", name=f"All {len(totals)}").click()
    assert panel.locator("tbody th").all_inner_texts() == [total["label"] for total in totals]
    values = panel.locator("data").evaluate_all("all => all.map(one => Number(one.value))")
    assert values == [total["co2_kg"] for total in totals]
    widths = panel.locator(".bar").evaluate_all("all => all.map(bar => bar.style.width)")
    assert widths[0] == "100%"
    if name == "facility":
        above = sum(total["rate_t_per_h"] > 25_000 / 8760 for total in totals)
        expect(panel.locator(".above")).to_have_count(above)
        expect(panel.locator("p.note")).to_contain_text(f"{above} of {len(totals)} plants")


def test_the_latest_readings_are_the_apis_newest_first(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    page.goto(api.url)
    rows = page.locator("#readings tbody tr")
    newest = ask(api, "readings?limit=12")["readings"][::-1]
    expect(rows).to_have_count(len(newest))
    for row, reading in zip(rows.all(), newest, strict=True):
        expect(row.locator("th")).to_contain_text(reading["facility_id"])
        expect(row.locator("td").nth(5)).to_have_text(str(reading["partition"]))
        expect(row.locator("td").nth(6)).to_have_text(f"{reading['offset']:,}")


def test_the_heat_strip_shows_the_hours_that_there_are(page: Page, feed: CsvFeed, api: Api) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    feed.write(rounds=20, interval_s=60, until=hour_ago)
    feed.write(rounds=20, interval_s=60)
    page.goto(api.url)
    sectors = ask(api, "series?by=sector&window_s=21600")["series"]
    expect(page.locator(".hs-row")).to_have_count(len(sectors))
    cells = page.locator(".hs-row").first.locator(".hs-cell")
    filled = cells.evaluate_all("all => all.map(cell => 'step' in cell.dataset)")
    assert filled[0]
    assert filled[-1]
    gap = page.locator(".hs-row").first.locator(".hs-cell[data-gap]")
    expect(gap).to_have_count(1)  # the hour between the two is one narrow column
    assert filled.count(False) == 1
    cells.first.hover()
    expect(page.locator(".hs-readout")).to_contain_text("Power, ")
    gap.hover()
    expect(page.locator(".hs-readout")).to_contain_text("Nothing was stored from ")
    # The curve at the top is of the same day, and says so in words.
    expect(page.locator(".day-curve polyline")).to_have_count(2)
    expect(page.locator(".day-curve figcaption")).to_contain_text("highest")


def test_the_lines_are_painted_and_told_in_words(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=90)
    page.goto(api.url)
    legend = page.locator("#rates .ef-legend button")
    lines = ask(api, "series?by=sector&window_s=300")["series"]
    expect(legend).to_have_count(len(lines))
    page.wait_for_timeout(600)  # until the first animation is over
    assert painted_colours(page) > len(lines)
    lines.sort(key=lambda line: -line["co2_kg"])
    page.locator("#rates summary").click()
    labels = [line["label"] for line in lines]
    expect(page.locator("#rates .ef-table tbody th")).to_have_text(labels)
    table_now = page.locator("#rates .ef-table tbody tr td:nth-child(2)").all_text_contents()
    assert [number_in(text) for text in table_now] == [
        pytest.approx(line["values"][-1], rel=0.01) for line in lines
    ]
    expect(page.locator("#rates .ef-sentence")).to_contain_text("the simulated plants emit")
    assert page.locator(".ef-canvas canvas").get_attribute("aria-label") == (
        page.locator("#rates .ef-sentence").inner_text()
    )


def test_a_name_in_the_legend_hides_its_line(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=90)
    page.goto(api.url)
    power = page.locator(".ef-legend button", has_text="Power")
    power.focus()
    page.keyboard.press("Enter")
    expect(power).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Enter")
    expect(power).to_have_attribute("aria-pressed", "true")


def test_it_asks_every_two_seconds(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    stop_the_clock(page)
    polls = Polls(page)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(FIGURES)
    assert polls.settle() == 1
    for _ in range(3 * 20 + 1):
        page.clock.run_for(100)
        polls.settle()
    asked_at = polls.asked_at_ms
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked_at)]
    assert len(gaps) == 3
    assert gaps == [pytest.approx(2_000, abs=100)] * 3


def test_polls_never_overlap(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    stop_the_clock(page)
    polls = Polls(page)
    held: list[Route] = []
    page.route("**/api/dashboard*", lambda route: held.append(route), times=1)
    with page.expect_request("**/api/dashboard*"):
        page.goto(api.url)
    page.clock.run_for(6_000)  # three more are due by now, but the first is not answered yet
    assert polls.count == 1
    held[0].continue_()
    expect(page.locator(".figure")).to_have_count(FIGURES)
    page.clock.run_for(1)  # the next one is overdue
    assert polls.settle() == 2


def test_pause_asks_nothing_and_says_so(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    stop_the_clock(page)
    polls = Polls(page)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(FIGURES)
    asked = polls.settle()
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(10_000)
    assert polls.settle() == asked
    expect(page.locator(".notice")).to_contain_text("Paused")
    expect(page.locator(".notice")).to_contain_text("What you see is")
    page.get_by_role("button", name="Step", exact=True).click()
    page.clock.run_for(10_000)
    assert polls.settle() == asked + 1
    expect(page.locator(".notice")).to_contain_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".notice")).to_have_count(0)
    assert polls.settle() == asked + 2


def test_the_window_is_chosen_by_mouse_and_keyboard(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=90)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(FIGURES)
    with page.expect_request("**/api/dashboard?window_s=900&*"):
        page.get_by_text("15 min").click()
    with page.expect_request("**/api/dashboard?window_s=3600&*"):
        page.keyboard.press("ArrowRight")
    assert page.url.endswith("?window_s=3600")


def test_the_age_of_the_newest_reading_grows(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    stop_the_clock(page)
    page.goto(api.url)
    age = page.locator(".freshness strong")
    expect(age).to_contain_text(" s")
    page.get_by_role("button", name="Pause").click()  # so that no poll answers
    page.clock.run_for(60_000)
    expect(page.locator(".freshness")).to_have_attribute("data-live", "false")
    assert 60 <= number_in(age.inner_text()) < 120


def test_readings_of_another_time_get_a_badge_and_no_warning(
    page: Page, feed: CsvFeed, api: Api
) -> None:
    """As in a replay, or with a simulated clock: stored now, made three hours ago."""
    feed.write(rounds=5, until=datetime.now(UTC) - timedelta(hours=3))
    page.goto(api.url)
    expect(page.locator(".badge")).to_contain_text("Data time")
    expect(page.locator(".badge")).to_contain_text("3 h ago")
    expect(page.locator(".freshness")).to_have_attribute("data-live", "true")
    expect(page.locator(".notice")).to_have_count(0)
    feed.write(rounds=5)
    expect(page.locator(".badge")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_it_fits_the_screen_in_both_themes(
    browser: Browser, feed: CsvFeed, api: Api, artifacts: Path, theme: Any, width: int
) -> None:
    feed.write(rounds=150)
    height = 800 if width == 360 else 900
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB"
    )
    page = context.new_page()
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(FIGURES)
    assert page.locator("html").get_attribute("data-theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.wait_for_timeout(600)  # until the first animation is over
    plot = page.locator("#rates canvas").bounding_box()
    assert plot is not None
    assert plot["y"] + 0.6 * plot["height"] < height  # seen without scrolling
    if width == 360:
        assert page.evaluate("document.documentElement.scrollHeight") <= 2400
    page.screenshot(path=artifacts / f"page-{theme}-{width}.png", full_page=True)
    context.close()


def test_the_theme_button_is_remembered(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=5)
    page.goto(api.url)
    page.get_by_role("button", name="Use the dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
