"""The error card in a real JupyterLab: a box below the traceback, in a light and a dark theme."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bench.jupyterlab import SLOW_MS, open_and_run, write_notebook

pytestmark = pytest.mark.chromium


def contrast(text: Locator) -> float:
    """Return the contrast of a text with what is behind it (WCAG 2: at least 4.5)."""
    return text.evaluate(
        """(node) => {
          const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
          const shade = (colour) => parts(colour).slice(0, 3)
            .map((one) => one / 255)
            .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
            .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
          let behind = node;
          while (behind && (parts(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0)
            behind = behind.parentElement;
          const [one, other] = [getComputedStyle(node).color,
            getComputedStyle(behind).backgroundColor].map(shade).sort((a, b) => b - a);
          return (one + 0.05) / (other + 0.05);
        }"""
    )


def test_the_answer_stands_below_the_traceback(
    page: Page, jupyterlab: str, lab_dir: Path, artifacts: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    notebook = write_notebook(
        lab_dir,
        "%load_ext labkit\nimport labkit as lab\nfrom kafka import KafkaConsumer",
        "lab.doctor()",
        f'KafkaConsumer("t", bootstrap_servers="127.0.0.1:{port}", bootstrap_timeout_ms=1_000)',
    )
    open_and_run(page, jupyterlab, notebook)
    note = page.get_by_role("note", name="A note of the lab")
    expect(note).to_contain_text(f"Nothing listens at 127.0.0.1:{port}", timeout=SLOW_MS)
    expect(note).to_have_count(1)
    line = note.locator("code").last
    expect(line).to_contain_text("bootstrap_servers=lab.start_broker().bootstrap_servers")
    outputs = page.locator(".jp-OutputArea-output")
    expect(outputs.nth(-2)).to_contain_text("KafkaTimeoutError")  # Python's own traceback, whole
    expect(page.get_by_role("row", name=re.compile("kafka client"))).to_contain_text("✔ ok")
    for theme in ("Light", "Dark"):
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        for item in ("Theme", f"JupyterLab {theme}"):
            page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).click()
        expect(page.locator("body")).to_have_attribute(
            "data-jp-theme-light", str(theme == "Light").lower(), timeout=SLOW_MS
        )
        note.scroll_into_view_if_needed()
        assert contrast(note.locator("strong")) >= 4.5
        assert contrast(line) >= 4.5
        page.screenshot(path=artifacts / f"error-card-{theme.lower()}.png")
