"""What the reader does to the page: filters, shape, downloads, the address, the tour."""

from __future__ import annotations

import base64
import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from csv_feed import CsvFeed
from on_screen import painted_colours
from playwright.sync_api import Locator, Page, expect

from labkit.api.app import Api

pytestmark = pytest.mark.chromium


@pytest.fixture
def board(page: Page, feed: CsvFeed, api: Api) -> Page:
    """Return the page over a minute and a half of readings."""
    feed.write(rounds=90)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(5)
    return page


def bar(page: Page, name: str, label: str) -> Locator:
    return page.locator(f"#totals-{name}").get_by_role("button", name=label, exact=True)


def asked(page: Page, path: str) -> Any:
    return page.evaluate("path => fetch(path).then(answer => answer.json())", path)


def test_a_bar_filters_the_whole_page_and_a_chip_takes_it_back(board: Page) -> None:
    bar(board, "country", "Czechia").click()
    chip = board.get_by_role("button", name="Remove the filter country Czechia")
    expect(chip).to_be_visible()
    assert board.url.endswith("?country=CZ")
    expect(board.locator("#readings tbody tr").first).to_contain_text("Czechia")
    window = asked(board, "api/summary?window_s=300&country=CZ")
    board.wait_for_function(
        "kg => document.querySelectorAll('.figure data')[1].value == kg", arg=window["co2_kg"]
    )
    # The other countries are still on offer, and one more can be added.
    expect(bar(board, "country", "Japan")).to_have_attribute("aria-pressed", "false")
    bar(board, "country", "Japan").click()
    assert board.url.endswith("?country=CZ&country=JP")
    chip.click()
    assert board.url.endswith("?country=JP")
    board.get_by_role("button", name="Show everything").click()
    expect(board.locator(".chips")).to_have_count(0)
    assert "?" not in board.url


@pytest.mark.parametrize(
    ("name", "label", "address"),
    [
        ("sector", "Steel", "?sector=steel"),
        ("fuel", "Natural gas", "?fuel=gas"),
        ("facility_id", "Temse Refinery", "?facility_id=BE-OIL-001"),
    ],
)
def test_every_kind_of_bar_filters_by_keyboard(
    board: Page, name: str, label: str, address: str
) -> None:
    if name == "facility_id":
        board.locator("#totals-facility_id").get_by_role("button", name="All").click()
    bar(board, name, label).focus()
    board.keyboard.press("Enter")
    expect(bar(board, name, label)).to_have_attribute("aria-pressed", "true")
    assert board.url.endswith(address)
    # All that the page shows is of those readings alone, and the API says the same.
    window = asked(board, f"api/summary{address}&window_s=300")
    assert window["records"] == 90 * len(window["by_facility"])
    board.wait_for_function(
        "kg => document.querySelectorAll('.figure data')[1].value == kg", arg=window["co2_kg"]
    )
    kept = {one["key"] for one in window["by_facility"]}
    rows = board.locator("#readings tbody th .note").all_inner_texts()
    assert rows
    assert set(rows) <= kept


def test_the_legend_leaves_a_sector_out(board: Page) -> None:
    legend = board.locator("#rates .ef-legend button")
    sectors = legend.count()
    legend.filter(has_text="Power").click()
    expect(legend.filter(has_text="Power")).to_have_attribute("aria-pressed", "false")
    expect(legend).to_have_count(sectors)
    assert "sector=steel" in board.url
    assert "sector=power" not in board.url
    window = asked(board, "api/summary?window_s=300")
    power = next(one for one in window["by_sector"] if one["key"] == "power")
    board.wait_for_function(
        "kg => Math.abs(document.querySelectorAll('.figure data')[1].value - kg) < 0.01",
        arg=window["co2_kg"] - power["co2_kg"],
    )


def test_a_shared_address_shows_the_same_view_and_back_goes_back(
    page: Page, feed: CsvFeed, api: Api
) -> None:
    feed.write(rounds=90)
    page.goto(f"{api.url}/?sector=power&window_s=900&shape=stacked")
    expect(page.get_by_role("radio", name="15 min")).to_be_checked()
    expect(page.get_by_role("button", name="Stacked")).to_have_attribute("aria-pressed", "true")
    expect(bar(page, "sector", "Power")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Show everything").click()
    expect(bar(page, "sector", "Power")).to_have_attribute("aria-pressed", "false")
    page.go_back()
    expect(bar(page, "sector", "Power")).to_have_attribute("aria-pressed", "true")


def test_areas_paint_more_than_lines(board: Page) -> None:
    painted = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, index) => index % 4 === 3 && value > 0).length;
    }"""
    canvas = board.locator("#rates canvas")
    board.get_by_role("button", name="Together").click()
    expect(board.get_by_role("button", name="Scale")).to_be_visible()
    lines = canvas.evaluate(painted)
    board.get_by_role("button", name="Stacked").click()
    expect(board.get_by_role("button", name="Scale")).to_be_hidden()
    assert canvas.evaluate(painted) > 2 * lines
    assert painted_colours(board, "#rates canvas") > 0
    assert board.url.endswith("?shape=stacked")


def test_one_by_one_every_sector_spans_its_own_band(board: Page) -> None:
    """The smallest sector emits a two-hundredth of the largest, and is drawn as large."""
    board.get_by_role("button", name="Pause").click()
    board.wait_for_timeout(600)  # until the first animation is over
    drawn = board.locator("#rates canvas").evaluate(
        """canvas => {
          const { width, height } = canvas;
          // The right part: names are on the left, the axes' figures further left.
          const left = Math.round(width * 0.5);
          const { data } = canvas.getContext("2d").getImageData(left, 0, width - left, height);
          const rows = {};
          for (let place = 0; place < data.length; place += 4) {
            if (data[place + 3] < 255) continue;
            const colour = `${data[place]},${data[place + 1]},${data[place + 2]}`;
            const row = Math.floor(place / 4 / (width - left));
            const seen = (rows[colour] ??= { from: row, to: row, pixels: 0 });
            seen.to = row;
            seen.pixels += 1;
          }
          return Object.values(rows).filter(({ pixels }) => pixels > (width - left) / 2);
        }"""
    )
    lines = asked(board, "api/series?by=sector&window_s=300")["series"]
    bands = sorted((one["from"], one["to"]) for one in drawn if one["to"] - one["from"] < 80)
    assert len(bands) >= len(lines) > 5
    assert bands == sorted(bands, key=lambda band: band[1])  # one below the other


def test_filtered_to_nothing_says_so_and_shows_the_way_out(
    page: Page, feed: CsvFeed, api: Api
) -> None:
    feed.write(rounds=5)
    page.goto(f"{api.url}/?country=CZ&sector=steel&fuel=oil")
    expect(page.locator(".notice")).to_contain_text("No reading passes the filters")
    page.locator(".notice").get_by_role("button", name="show everything").click()
    expect(page.locator(".notice")).to_have_count(0)
    assert "?" not in page.url


def test_what_is_seen_can_be_downloaded(board: Page, tmp_path: Path) -> None:
    board.get_by_role("button", name="Pause").click()
    bar(board, "sector", "Steel").click()
    expect(board.locator("#rates .ef-legend button[aria-pressed=true]")).to_have_count(1)
    saved: dict[str, Path] = {}
    for ending in ("CSV", "JSON", "PNG"):
        with board.expect_download() as download:
            board.get_by_role("button", name=f"Download as {ending}").click()
        saved[ending] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[ending])
        assert saved[ending].suffix == f".{ending.lower()}"
    content = json.loads(saved["JSON"].read_text("utf-8"))
    assert content["view"]["filters"]["sector"] == ["steel"]
    with saved["CSV"].open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["time_utc", "Steel (t/h)"]
    [steel] = [line for line in content["series"]["series"] if line["key"] == "steel"]
    assert [row[0] for row in rows] == content["series"]["times"]
    assert [float(row[1]) if row[1] else None for row in rows] == steel["values"]
    # The picture is the chart on the page's ground: as large, with the line's colour, opaque.
    picture = base64.b64encode(saved["PNG"].read_bytes()).decode()
    seen = board.evaluate(
        """async picture => {
            const bytes = Uint8Array.from(atob(picture), one => one.charCodeAt(0));
            const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
            const { width, height } = document.querySelector("#rates canvas");
            const copy = new OffscreenCanvas(image.width, image.height).getContext("2d");
            copy.drawImage(image, 0, 0);
            const { data } = copy.getImageData(0, 0, image.width, image.height);
            const pixels = new Uint32Array(data.buffer);
            return {
                fits: image.width === width && image.height === height,
                opaque: pixels.every(pixel => pixel >>> 24 === 255),
                colours: new Set(pixels).size,
            };
        }""",
        picture,
    )
    assert seen["fits"]
    assert seen["opaque"]
    assert seen["colours"] > 10


def test_the_chart_fills_the_screen(board: Page) -> None:
    board.locator("#rates").get_by_role("button", name="Full screen").click()
    board.wait_for_function("() => document.fullscreenElement?.id === 'rates'")
    board.locator("#rates").get_by_role("button", name="Full screen").click()
    board.wait_for_function("() => document.fullscreenElement === null")


def test_the_tour_explains_each_part_and_gives_the_focus_back(board: Page) -> None:
    button = board.get_by_role("button", name="Explain this page")
    button.focus()
    board.keyboard.press("Enter")
    dialog = board.get_by_role("dialog")
    expect(dialog).to_contain_text("What would be alarming")
    titles = []
    while True:
        titles.append(dialog.locator("h2").inner_text())
        expect(board.locator("[data-explained]")).to_have_count(1)
        expect(board.locator("[data-explained]")).to_be_in_viewport()
        if dialog.get_by_role("button", name="Done").count():
            break
        dialog.get_by_role("button", name="Next").press("Enter")
    assert len(set(titles)) == len(titles) >= 7
    dialog.get_by_role("button", name="Back").click()
    expect(dialog.locator("h2")).to_have_text(titles[-2])
    for _ in range(8):  # the focus stays inside
        board.keyboard.press("Tab")
        assert board.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    board.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    expect(board.locator("[data-explained]")).to_have_count(0)


def test_a_name_that_is_markup_stays_a_name(board: Page) -> None:
    board.goto(board.url.split("?")[0] + "?country=<img src=x onerror=alert(1)>")
    expect(board.locator(".chip")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(board.locator(".chip img")).to_have_count(0)


def test_the_legend_keeps_the_order_of_the_lines(page: Page, feed: CsvFeed, api: Api) -> None:
    """A filter of another kind changes which sector is the largest, and so the legend's order."""
    feed.write(rounds=90)
    page.goto(api.url)
    first = page.locator("#rates .ef-legend li").first
    expect(first).to_contain_text("Power")
    bar(page, "country", "Belgium").click()
    lines = asked(page, "api/series?by=sector&window_s=300&country=BE")["series"]
    lines.sort(key=lambda line: -line["co2_kg"])
    page.mouse.move(0, 0)
    expect(page.locator("#rates .ef-legend li")).to_have_count(len(lines))
    labels = [re.compile(f" {line['label']} ") for line in lines]
    expect(page.locator("#rates .ef-legend li")).to_contain_text(labels)
    bar(page, "country", "Belgium").click()
    expect(first).to_contain_text("Power")
