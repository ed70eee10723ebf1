"""The widgets in a real JupyterLab: they move while a cell sleeps, and end when they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from csv_feed import CsvFeed
from on_screen import number_in, painted_colours, use_dark_theme
from playwright.sync_api import Page, expect
from waiting import wait_until

from bench.jupyterlab import SLOW_MS, open_and_run, write_notebook

pytestmark = pytest.mark.chromium


def test_the_chart_moves_while_a_cell_sleeps(
    page: Page, jupyterlab: str, feed: CsvFeed, lab_dir: Path, artifacts: Path
) -> None:
    stored = feed.write(rounds=120)
    notebook = write_notebook(
        lab_dir,
        "import time, labkit as lab\nlab.live_chart(updates_per_s=2)",
        "time.sleep(600)",
    )
    open_and_run(page, jupyterlab, notebook)
    state = page.locator(".labkit-state").first
    expect(state).to_contain_text(f"{stored:,} readings", timeout=SLOW_MS)
    sleeping = page.locator(".jp-InputArea-prompt").nth(1)
    expect(sleeping).to_have_text("[*]:", timeout=SLOW_MS)
    sentence = page.locator(".ef-sentence").inner_text()
    picture = page.locator(".ef-canvas canvas").screenshot()

    stored += feed.write(rounds=10)

    expect(state).to_contain_text(f"{stored:,} readings", timeout=SLOW_MS)
    expect(page.locator(".ef-sentence")).not_to_have_text(sentence)
    expect(sleeping).to_have_text("[*]:")  # the cell sleeps on
    page.wait_for_timeout(600)  # until the lines have moved
    assert painted_colours(page, ".ef-canvas canvas") > 7
    assert page.locator(".ef-canvas canvas").screenshot() != picture
    page.screenshot(path=artifacts / "notebook-live-chart.png")


def test_the_ledger_is_drawn_and_everything_stops(
    page: Page, jupyterlab: str, feed: CsvFeed, lab_dir: Path, artifacts: Path
) -> None:
    stored = feed.write(rounds=60)
    notebook = write_notebook(
        lab_dir,
        "import labkit as lab\napi = lab.start_api(port=0)",
        "lab.live_ledger()",
        "first, second = lab.live_chart(), lab.live_chart()\n"
        "print(first.is_running, second.is_running)",
        "second",
        "lab.stop_all()",
    )
    open_and_run(page, jupyterlab, notebook)

    csv = page.locator(".labkit-ledger tr", has=page.get_by_role("rowheader", name="csv"))
    expect(csv).to_contain_text(f"{stored:,}", timeout=SLOW_MS)
    expect(page.locator(".jp-OutputArea-output", has_text="False True")).to_be_visible(
        timeout=SLOW_MS
    )
    # Everything was stopped by the last cell: the widgets say so, and keep what they showed.
    expect(page.locator(".labkit-state", has_text="Stopped.")).to_have_count(2, timeout=SLOW_MS)
    assert number_in(csv.locator("td").nth(1).inner_text()) == stored
    bar = csv.locator(".labkit-bar").bounding_box()
    assert bar is not None
    assert bar["width"] > 100  # drawn, next to the chart with its own style sheet
    page.locator(".labkit-ledger").screenshot(path=artifacts / "notebook-ledger.png")


def test_the_page_is_framed_through_the_jupyter_server(
    page: Page, jupyterlab: str, feed: CsvFeed, lab_dir: Path, artifacts: Path
) -> None:
    stored = feed.write(rounds=60)
    notebook = write_notebook(
        lab_dir,
        "import labkit as lab\napi = lab.start_api(port=0)\nlab.show_dashboard(api)",
    )
    open_and_run(page, jupyterlab, notebook)
    element = page.locator("iframe.labkit-frame")
    frame = page.frame_locator("iframe.labkit-frame")
    expect(frame.locator(".figure")).to_have_count(5, timeout=SLOW_MS)
    total = frame.locator(".figure", has_text="Emitted in total")
    expect(total).to_contain_text(f"in {stored:,} readings")
    address = element.get_attribute("src") or ""
    assert "/proxy/" in address
    stored += feed.write(rounds=5)
    expect(total).to_contain_text(f"in {stored:,} readings")
    # No scrolling within scrolling: the frame is as tall as its page, also when a part unfolds.
    is_whole = """frame => {
        const { scrollHeight, clientHeight } = frame.contentDocument.documentElement;
        return scrollHeight <= clientHeight;
    }"""
    wait_until(lambda: element.evaluate(is_whole), "the frame shows its whole page", 20)
    folded = element.evaluate("frame => frame.clientHeight")
    assert folded < 1_200
    plot = "frame => frame.contentDocument.querySelector('canvas').getBoundingClientRect().bottom"
    assert element.evaluate(plot) < 640  # so that the chart is seen with the top of the frame
    frame.get_by_role("button", name="Latest readings").click()
    wait_until(
        lambda: element.evaluate("frame => frame.clientHeight") > folded + 200,
        "the frame grows with its page",
    )
    wait_until(lambda: element.evaluate(is_whole), "the frame shows its whole page", 20)
    # The page follows JupyterLab's theme, not the system's.
    is_light = page.locator("body").get_attribute("data-jp-theme-light") == "true"
    theme = "light" if is_light else "dark"
    expect(frame.locator("html")).to_have_attribute("data-theme", theme)
    page.screenshot(path=artifacts / "notebook-dashboard.png")
    use_dark_theme(page)
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    page.screenshot(path=artifacts / "notebook-dashboard-dark.png")


def test_a_frame_without_an_api_says_which_line_starts_it(
    page: Page, jupyterlab: str, lab_dir: Path
) -> None:
    notebook = write_notebook(
        lab_dir,
        "import labkit as lab\napi = lab.start_api(port=0)\napi.stop()\nlab.show_dashboard(api)",
        "import time\ntime.sleep(4)\nagain = lab.start_api(port=api.port)",
    )
    open_and_run(page, jupyterlab, notebook)
    said = page.locator(".labkit-dashboard .labkit-state").first
    expect(said).to_contain_text("Next: api = lab.start_api()", timeout=SLOW_MS)
    expect(page.locator("iframe.labkit-frame")).to_have_count(0)
    link = page.get_by_role("link", name="Open it in a tab")
    assert "underline" in link.evaluate("one => getComputedStyle(one).textDecorationLine")
    # Once it answers, the page appears by itself.
    frame = page.frame_locator("iframe.labkit-frame")
    expect(frame.locator(".notice")).to_contain_text("No readings yet", timeout=SLOW_MS)
    expect(said).to_have_text("")
