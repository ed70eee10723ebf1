"""A real Chromium, and a lab of its own for each test that looks at a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from require import require

import bench.jupyterlab
from bench.chromium import NAMES, chromium, find
from labkit.api.app import Api, start_api
from labkit.api.web_page import PAGE_DIR

# How Chromium names it, by how far the request had come when the API ended.
UNANSWERED = "ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE)"
# Chromium drops its connections, also those to 127.0.0.1, when an interface comes or goes: a
# container's, a VPN's. That says nothing about the page, which asks again.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
# JupyterLab's, where a test has killed the kernel.
KERNEL_KILLED = "Canceled future for"
ARTIFACTS = Path(__file__).parents[2] / "artifacts"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium; the tests skip, with the reason, where there is none.

    It ends with its module: as long as Playwright lives, an event loop counts as running
    in this thread, and no other can.
    """
    require("chromium", None if find() else f"none of {', '.join(NAMES)} is on the PATH")
    with chromium() as browser:
        yield browser


@pytest.fixture
def expected_statuses() -> set[int]:
    """Return the HTTP statuses that a test means to see: to the console they are errors."""
    return set()


@pytest.fixture
def page(browser: Browser, lab_dir: Path, expected_statuses: set[int]) -> Iterator[Page]:
    """Return an empty page, which fails its test when the console has seen an error.

    It is closed before the lab behind it is stopped.
    A request that goes unanswered while the API is stopped on purpose is no such error, nor is
    the 500 that jupyter-server-proxy answers then, nor a change of the machine's network.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        unanswered = re.search(UNANSWERED, message.text) is not None
        unanswered |= "status of 500" in message.text and "/proxy/" in message.location["url"]
        status = re.search(r"status of (\d+)", message.text)
        expected = status is not None and int(status[1]) in expected_statuses
        expected |= NETWORK_CHANGED in message.text or KERNEL_KILLED in message.text
        if message.type == "error" and not (unanswered or expected):
            errors.append(f"{message.text} ({message.location['url']})")

    page = context.new_page()
    page.on("console", note)

    def note_error(error: Exception) -> None:
        # JupyterLab does not catch its own requests that a reload of the page breaks off.
        if not ("/lab/" in page.url and "Failed to fetch" in str(error)):
            errors.append(str(error))

    page.on("pageerror", note_error)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def artifacts() -> Path:
    """Return the folder for pictures, which git ignores."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS


@pytest.fixture
def api(lab_dir: Path) -> Api:
    """Return the real API over the lab's CSV, which serves the built page."""
    if not (PAGE_DIR / "index.html").is_file():
        pytest.fail("the page is not built; next: make setup", pytrace=False)
    return start_api(port=0)


@pytest.fixture
def jupyterlab(lab_dir: Path) -> Iterator[str]:
    """Run the real ``labkit lab`` on the lab's folder; return its address, with the token."""
    with bench.jupyterlab.jupyterlab(lab_dir) as address:
        yield address
