"""A headless Chromium to measure the page in, and its DevTools protocol."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

NAMES = (
    "chromium-headless-shell",  # the same engine without a desktop's parts: a fifth less work
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
# Nothing but the bench, or a test, talks to the network, and root may run it in a container.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """Return the Chromium that is on the PATH, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the Chromium that is on the PATH."""
    found = find()
    if found is None:
        raise SystemExit(f"none of {', '.join(NAMES)} is on the PATH; install Chromium first")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def devtools(page: Page) -> CDPSession:
    """Open a DevTools session on a page."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    return session


def metrics(session: CDPSession) -> dict[str, float]:
    """Return Chromium's running totals, such as ``ScriptDuration`` in seconds."""
    answer = session.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in answer["metrics"]}


def memory(session: CDPSession) -> dict[str, float]:
    """Collect garbage, and return what is left: MB of heap, elements, listeners."""
    for _ in range(2):  # what the first run finalises, the second one frees
        session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")
    counters = session.send("Memory.getDOMCounters")
    return {
        "heap_mb": round(heap["usedSize"] / 1e6, 2),
        "nodes": counters["nodes"],
        "listeners": counters["jsEventListeners"],
    }
