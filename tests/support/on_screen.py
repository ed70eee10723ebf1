"""What tests read and choose on the screen."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def painted_colours(page: Page, canvas: str = "canvas") -> int:
    """Return the number of different colours on a canvas; an empty canvas has none."""
    script = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const pixels = new Uint32Array(data.buffer);
      return new Set(pixels.filter(pixel => pixel >>> 24 === 255)).size;
    }"""
    colours: int = page.locator(canvas).first.evaluate(script)
    return colours


def number_in(text: str) -> float:
    """Return the first number of a text such as ``1,234.5 t/h``."""
    found = re.search(r"-?[\d,]+(\.\d+)?", text)
    assert found, f"no number in {text!r}"
    return float(found[0].replace(",", ""))


def figure(page: Page, title: str) -> float:
    """Return a headline figure with all the digits that the API returned."""
    panel = page.locator(".figure", has_text=title)
    return float(panel.locator("data").get_attribute("value") or "nan")


def use_dark_theme(page: Page) -> None:
    """Choose JupyterLab's dark theme from its menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^JupyterLab Dark$")).click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
