"""Accessibility checks with axe: WCAG 2.2 A and AA, and axe's best practices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong on the page now, and where."""
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


def check_both_themes(page: Page, state: str) -> None:
    """Assert that axe finds nothing wrong in a state of the page, in both themes."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        assert violations(page) == [], f"{state}, {theme}"
