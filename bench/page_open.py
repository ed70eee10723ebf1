"""The page kept open over the whole real pipeline, on the real clock.

    python -m bench.page_open                 one hour
    python -m bench.page_open --minutes 5

A broker, a producer, a consumer and the API (a process of its own) run; a real Chromium shows the
page. It measures the gaps between the page's requests, by its own clock, and its memory after
garbage collection, every quarter of the time. At the end the figures on the page are
compared with the API's and the ledger's, and the API is stopped and started again on its port.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

import labkit as lab
from bench.chromium import chromium, devtools, memory
from labkit.core.run_files import read_run_files

READINGS_PER_S = 20
EVERY_MS, TOLERANCE_MS = 2_000, 300
PATIENCE_S = 120
# The page records by its own clock when it asks; Python reads that later.
NOTE_POLLS = """
    window.askedAt = [];
    const fetchFirst = window.fetch;
    window.fetch = (...request) => {
        if (String(request[0]).includes("api/dashboard")) askedAt.push(performance.now());
        return fetchFirst(...request);
    };
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="bench-page-") as folder:
        # A separate lab: the bench neither sees nor disturbs the one of this checkout.
        os.environ["LABKIT_LAB_DIR"] = folder
        os.environ["LABKIT_STATE_DIR"] = str(Path(folder) / ".labkit")
        with lab.start_broker():
            lab.ensure_topic("co2-emissions", num_partitions=3)
            consumer = lab.start_consumer("co2-emissions")
            producer = lab.start_producer("co2-emissions", readings_per_s=READINGS_PER_S)
            api = ApiProcess()
            try:
                with chromium() as browser:
                    page = browser.new_page(viewport={"width": 1280, "height": 900})
                    page.add_init_script(NOTE_POLLS)
                    page.goto(api.url)
                    page.wait_for_selector(".figure")
                    keep_open(page, minutes)
                    producer.stop()
                    consumer.wait_until_caught_up()
                    compare(page, api)
                    stop_and_start(page, api)
                    compare(page, api)
            finally:
                api.stop()
                lab.stop_all()


class ApiProcess:
    """`labkit api`, which can be stopped and started again on the same port."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "labkit", "api", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(lambda: bool(read_run_files("api")), "the API has not started")
        self.port = read_run_files("api")[0]["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop it as Ctrl-C would."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def ask(self, path: str) -> Any:
        """Return its answer, read as JSON."""
        link = HTTPConnection("127.0.0.1", self.port)
        try:
            link.request("GET", f"/api/{path}")
            return json.load(link.getresponse())
        finally:
            link.close()


def keep_open(page: Page, minutes: float) -> None:
    """Print the page's memory now and after each quarter, and its gaps."""
    session = devtools(page)
    page.wait_for_timeout(20_000)  # until the first window has begun to fill
    began = time.monotonic()
    gaps: list[float] = []
    for quarter in range(5):
        while time.monotonic() < began + quarter * minutes * 15:
            page.wait_for_timeout(1_000)
        gaps += gaps_ms(page)
        say(f"after {quarter * minutes / 4:g} min: {memory(session)}, {len(gaps)} gaps")
    near = sum(abs(gap - EVERY_MS) <= TOLERANCE_MS for gap in gaps)
    say(
        f"gaps between requests: median {statistics.median(gaps):.0f} ms, "
        f"least {min(gaps):.0f}, most {max(gaps):.0f}; "
        f"{near} of {len(gaps)} within {EVERY_MS} ± {TOLERANCE_MS} ms"
    )


def gaps_ms(page: Page) -> list[float]:
    """Return the gaps since the last call, and clear them on the page."""
    gaps: list[float] = page.evaluate(
        """() => {
            const gaps = askedAt.slice(1).map((at, place) => at - askedAt[place]);
            askedAt.splice(0, askedAt.length - 1);
            return gaps;
        }"""
    )
    return gaps


def compare(page: Page, api: ApiProcess) -> None:
    """Compare the page with the API and with Kafka's own ledger, to the gram."""
    ledger = lab.carbon_ledger("co2-emissions")
    assert ledger.agrees, ledger.sentence
    grams = str(ledger.topic.grams)
    painted = page.locator("#ledger [data-stage=painted] data")
    wait_for(lambda: painted.get_attribute("value") == grams, "the page shows other grams")
    stages = page.locator("#ledger [data-stage] data").evaluate_all("all => all.map(d => d.value)")
    total = page.locator(".figure", has_text="Emitted in total").locator("data")
    assert stages.count(grams) >= 4, stages
    assert float(total.get_attribute("value") or 0) == api.ask("summary")["co2_kg"]
    say(f"page = API = CSV = topic = producer: {grams} g in {ledger.topic.records} records")


def stop_and_start(page: Page, api: ApiProcess) -> None:
    """Stop the API's process and start it again; print how soon the page notices, and recovers."""
    notice, total = page.locator(".notice[data-kind=gone]"), page.locator(".figure data").last
    before = total.get_attribute("value")
    api.stop()
    stopped = time.monotonic()
    notice.wait_for(timeout=PATIENCE_S * 1000)
    said = time.monotonic() - stopped
    page.wait_for_timeout(10_000)
    assert total.get_attribute("value") == before  # the last figures stay
    text = notice.inner_text().replace("\n", " ")
    say(f"API stopped: the page says so after {said:.1f} s, and 10 s later: {text!r}")
    api.start()
    started = time.monotonic()
    notice.wait_for(state="detached", timeout=PATIENCE_S * 1000)
    say(f"API answers again: the page recovers after {time.monotonic() - started:.1f} s")


def wait_for(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
