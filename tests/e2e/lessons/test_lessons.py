"""Two more lessons in a real JupyterLab, their buttons pressed as a learner does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from lessons import is_meant_to_raise, read
from playwright.sync_api import Page, expect

from bench.jupyterlab import SLOW_MS, open_and_run

pytestmark = pytest.mark.chromium

WHOLE_LESSON_MS = 300_000
Open = Callable[[str, str], nbformat.NotebookNode]


@pytest.fixture
def open_lesson(page: Page, jupyterlab: str, lab_dir: Path) -> Open:
    """Return a function that runs a lesson as far as the cell that holds some words."""

    def run(lesson: str, until: str) -> nbformat.NotebookNode:
        notebook = read(lesson)
        end = next(n for n, cell in enumerate(notebook.cells) if until in cell.source)
        del notebook.cells[end:]
        nbformat.write(notebook, lab_dir / f"{lesson}.ipynb")
        # Tall, so that all cells are painted and none is scrolled off.
        page.set_viewport_size({"width": 1280, "height": 9000})
        open_and_run(page, jupyterlab, f"{lesson}.ipynb")
        last = page.locator(".jp-CodeCell .jp-InputPrompt").last
        expect(last).to_have_text(re.compile(r"\[\d+\]:"), timeout=WHOLE_LESSON_MS)
        return notebook

    return run


def test_03b_the_producer_panel_starts_and_stops_one(
    page: Page, open_lesson: Open, artifacts: Path
) -> None:
    notebook = open_lesson("03b_producer_settings", "## Three questions")
    raised = page.get_by_text("Traceback (most recent call last)")
    # Each is short, and whole behind a click in its card.
    assert raised.count() == 2 * sum(map(is_meant_to_raise, notebook.cells))
    figures = page.locator(".labkit-widget", has_text="Producer panel")
    switch = page.locator(".widget-button")
    switch.filter(has_text="Start").click()
    acked = figures.get_by_role("row", name=re.compile("^acked"))
    expect(acked).to_contain_text(re.compile("[1-9]"), timeout=SLOW_MS)
    figures.screenshot(path=artifacts / "03b-producer-panel.png")
    switch.filter(has_text="Stop").click()
    expect(switch.filter(has_text="Start")).to_be_enabled(timeout=SLOW_MS)


def test_08_a_broker_is_killed_and_restarted_from_the_map(
    page: Page, open_lesson: Open, artifacts: Path
) -> None:
    open_lesson("08_when_things_break", "## 4 · Predict")
    card = page.locator(".labkit-broker", has_text="Broker 2")
    expect(card).to_contain_text("running", timeout=SLOW_MS)
    card.get_by_role("button", name="Kill", exact=True).click()
    expect(card).to_contain_text("dead", timeout=SLOW_MS)
    card.screenshot(path=artifacts / "08-broker-killed.png")
    # The button of a broker that is dead says so: it starts it, and takes a press when all is done.
    start = card.get_by_role("button", name="Start", exact=True)
    expect(start).to_have_attribute("aria-disabled", "false", timeout=SLOW_MS)
    start.click()
    expect(card).to_contain_text("running", timeout=SLOW_MS)
