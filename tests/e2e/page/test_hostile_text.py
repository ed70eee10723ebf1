"""Text from a topic that would like to be HTML: the page and the widget show it, and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from csv_feed import TOPIC
from playwright.sync_api import Browser, Page, expect

from bench.jupyterlab import SLOW_MS, open_and_run, write_notebook
from labkit.api.app import Api
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink.csv_log import CsvLog
from labkit.sink.partition_status import PartitionStatus

pytestmark = pytest.mark.chromium

HOSTILE = [
    "<img src=x onerror=pwned=1>",
    "<script>pwned=1</script>",
    "\"><svg/onload=pwned=1>'",
    "javascript:pwned=1//",
    "{{constructor.constructor('pwned=1')()}}",
    "${pwned=1}</textarea></title>",
]


@pytest.fixture
def hostile_feed(lab_dir: Path) -> None:
    """Store a minute of readings of plants, operators and ids with such names."""
    log = CsvLog(lab_dir / "data", TOPIC, 0, topic_id="topic-1", cluster_id="cluster-1")
    model, now = Fleet().reading(datetime.now(UTC), 1.0).model_dump(), datetime.now(UTC)
    offset = 0
    for second in range(60, -1, -1):
        for place, text in enumerate(HOSTILE):
            at = now - timedelta(seconds=second)
            names = {"facility_id": text, "facility": text, "operator": text}
            reading = Reading(**model | names | {"recorded_at": at, "co2_kg": 9.0 - place})
            log.append(offset, reading)
            offset += 1
    log.flush()
    log.close()
    PartitionStatus(
        **{"partition": 0, "topic": TOPIC, "group_id": HOSTILE[0], "member_id": HOSTILE[1]},
        **{"pid": 1, "state": "paused", "reason": HOSTILE[0], "rows": 1, "grams": 1},
    ).write(lab_dir / "data")


def test_the_page_shows_it_as_text(hostile_feed: None, page: Page, api: Api) -> None:
    page.goto(api.url)
    expect(page.locator("body")).to_contain_text(HOSTILE[0], timeout=SLOW_MS)
    expect(page.locator(".figure", has_text=HOSTILE[0])).to_be_visible()  # it emits most
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.locator("img[src='x'], svg[onload], body script:not([src])").count() == 0


def test_a_script_would_not_run_if_it_got_in(api: Api, browser: Browser) -> None:
    """The second wall: the policy, should the first one have a hole some day."""
    page = browser.new_page()
    page.goto(api.url)
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            const heard = (event) => resolve(event.violatedDirective);
            document.addEventListener("securitypolicyviolation", heard);
            const script = document.createElement("script");
            script.textContent = "pwned = 1";
            document.documentElement.append(script);
            setTimeout(() => resolve("nothing"), 5000);
        })"""
    )
    assert blocked == "script-src-elem"
    assert page.evaluate("typeof pwned") == "undefined"
    page.close()


def test_the_widget_shows_it_as_text(
    hostile_feed: None, page: Page, jupyterlab: str, lab_dir: Path
) -> None:
    notebook = write_notebook(
        lab_dir, 'import labkit as lab\nlab.live_chart(by="facility")', "lab.read_table().tail(6)"
    )
    open_and_run(page, jupyterlab, notebook)
    expect(page.locator(".labkit-widget")).to_contain_text(HOSTILE[0], timeout=SLOW_MS)
    expect(page.locator("table.dataframe")).to_contain_text(HOSTILE[1], timeout=SLOW_MS)
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.locator(".labkit-widget img, .dataframe img, .dataframe svg").count() == 0
