"""A notebook keeps its widgets' pictures, in a real JupyterLab whose kernel is killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from csv_feed import CsvFeed
from playwright.sync_api import Page, expect
from waiting import wait_until

from bench.jupyterlab import SLOW_MS, open_and_run, write_notebook

pytestmark = pytest.mark.chromium


def test_the_next_day_there_is_a_picture_with_figures(
    page: Page, jupyterlab: str, lab_dir: Path
) -> None:
    feed = CsvFeed(lab_dir / "data")
    stored = feed.write(rounds=30)
    feed.close()
    notebook = write_notebook(
        lab_dir,
        "import labkit as lab, os\nopen('pid', 'w').write(str(os.getpid()))\nlab.live_chart()",
    )
    open_and_run(page, jupyterlab, notebook)
    expect(page.locator(".labkit-widget canvas")).to_be_visible(timeout=SLOW_MS)
    page.keyboard.press("Control+s")
    saved = lab_dir / notebook
    wait_until(lambda: "labkit-still" in saved.read_text(encoding="utf-8"))
    text = saved.read_text(encoding="utf-8")
    assert f"{stored:,} readings stored" in text
    assert "widget-view" not in text
    assert len(text) < 50_000
    # Opened again while its kernel runs, it is live.
    page.reload()
    expect(page.locator(".labkit-widget canvas")).to_be_visible(timeout=SLOW_MS)
    kernel = int((lab_dir / "pid").read_text())
    os.kill(kernel, signal.SIGKILL)
    expect(page.locator(".labkit-not-live")).to_be_visible(timeout=SLOW_MS)
    wait_until(lambda: not psutil.pid_exists(kernel))
    page.reload()
    still = page.locator(".labkit-still")
    expect(still.locator("img")).to_be_visible(timeout=SLOW_MS)
    expect(still).to_contain_text(f"{stored:,} readings stored")
    expect(page.get_by_text("model not found")).to_have_count(0)
    assert json.loads(text)["cells"][0]["outputs"][-1]["metadata"]["labkit"]
