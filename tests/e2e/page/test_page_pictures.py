"""The pictures of the README: the page over the whole real pipeline, light and dark.

``LABKIT_TEST_PICTURE_READINGS=12000`` lets five minutes of readings come in first; then copy
``artifacts/page-light.png`` and ``artifacts/page-dark.png`` to ``docs/images/``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from on_screen import painted_colours
from playwright.sync_api import Browser, expect

import labkit as lab

pytestmark = pytest.mark.chromium

READINGS_PER_S = 40
READINGS = int(os.environ.get("LABKIT_TEST_PICTURE_READINGS", "300"))


def test_the_pictures_of_the_readme(
    browser: Browser, lab_dir: Path, topic: str, artifacts: Path
) -> None:
    lab.start_consumer(topic)
    lab.start_producer(topic, readings_per_s=READINGS_PER_S, faults=0.003)
    api = lab.start_api(port=0, topic=topic)
    context = browser.new_context(viewport={"width": 1280, "height": 1664}, locale="en-GB")
    page = context.new_page()
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(5, timeout=60_000)
    page.wait_for_function(
        "wanted => document.querySelector('#ledger [data-stage=painted] .note')"
        ".textContent.replace(/\\D/g, '') >= wanted",
        arg=READINGS,
        timeout=(60 + 2 * READINGS / READINGS_PER_S) * 1000,
    )
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        assert painted_colours(page) > 7
        page.screenshot(path=artifacts / f"page-{theme}.png")
    context.close()
