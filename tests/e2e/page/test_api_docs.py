"""The page to try the API, in a real browser, behind a prefix as JupyterLab's proxy has one."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from csv_feed import TOPIC, CsvFeed
from playwright.sync_api import Page, expect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from labkit.api.app import create_app

pytestmark = pytest.mark.chromium


@pytest.fixture
def base(lab_dir: Path) -> Iterator[str]:
    """Serve the API below /proxy/8050, and return that address."""
    app = create_app(lab_dir / "data", TOPIC)
    prefixed = DispatcherMiddleware(Response(status=404), {"/proxy/8050": app})
    server = make_server("127.0.0.1", 0, prefixed, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/proxy/8050"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_can_be_tried_out(base: str, feed: CsvFeed, page: Page) -> None:
    """The `page` fixture sees to it that nothing broke the content security policy."""
    feed.write(rounds=3)
    page.goto(f"{base}/api/docs")
    operation = page.locator("#operations-data-get_summary")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    asked = operation.locator(".request-url pre").inner_text(timeout=30_000)
    assert "sector=power" in asked  # the form is filled with the description's examples
    with urllib.request.urlopen(asked) as plain:
        records = json.load(plain)["records"]
    assert records > 0
    answer = operation.locator(".live-responses-table")
    expect(answer).to_contain_text(f'"records": {records},', timeout=30_000)
