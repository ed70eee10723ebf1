"""``labkit up`` to the first point of the page's chart, compared with the broker's start alone.

There is no other tool that does this, so the ratio says how much there is around the broker. The
page is opened in a Chromium that runs already, as soon as ``labkit up`` names its address, which
is when it would open the browser itself. The row's note says what each part took.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from playwright.sync_api import Browser, expect

from bench.broker_start import new_lab, start_s
from bench.chromium import chromium
from bench.figures import Figure, Scale, from_pairs
from labkit.broker.install.kafka_jars import cache_dir

PATIENCE_S = 120.0
# What each line of `labkit up` says has been done, in the order in which it comes.
LINES = {
    "broker    starting": "Python and its packages",
    "broker    started": "broker",
    "topic ": "topic",
    "The page: ": "consumer, API, producer: processes started, partitions shared out, first record",
}
PAGE, FIRST_POINT = "page loaded", "first whole interval of all plants, stored, polled, drawn"


def measure(scale: Scale) -> list[Figure]:
    """Return seconds until the first point, and until the first topic."""
    parts: list[dict[str, float]] = []
    pairs = []
    cache = str(cache_dir())
    with chromium() as browser:
        for _ in range(scale.rounds):
            parts.append(first_point(browser))
            pairs.append((sum(parts[-1].values()), start_s(cache, with_cache=True)))
    medians = {name: statistics.median(one[name] for one in parts) for name in parts[0]}
    return [
        from_pairs(
            "labkit up to the first point on the page, warm",
            "s",
            "the broker's start to its first topic alone",
            pairs,
            note="; ".join(f"{name}: {took:.1f} s" for name, took in medians.items()),
        )
    ]


def first_point(browser: Browser) -> dict[str, float]:
    """Run ``labkit up`` in a new lab until its page draws a point; return what each part took."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    done: dict[str, float] = {}
    with new_lab():
        began = time.perf_counter()
        try:
            with running_up() as output:
                url = follow(output, done)
                page.goto(url)
                done[PAGE] = time.perf_counter()
                # The chart's words begin with the newest point's time, once there is one.
                drawn = page.locator("#rates canvas[aria-label^='At ']")
                expect(drawn).to_be_visible(timeout=PATIENCE_S * 1000)
                done[FIRST_POINT] = time.perf_counter()
        finally:
            page.close()
    before = [began, *done.values()]
    return {name: at - then for (name, at), then in zip(done.items(), before, strict=False)}


@contextmanager
def running_up() -> Iterator[IO[str]]:
    """Run it, and give what it says; at the end it is stopped as with Ctrl-C."""
    up = subprocess.Popen(
        [sys.executable, "-m", "labkit", "up", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert up.stdout is not None
    try:
        yield up.stdout
    finally:
        up.terminate()
        for _ in up.stdout:  # a full pipe would hold it up
            pass
        up.wait(PATIENCE_S)


def follow(output: IO[str], done: dict[str, float]) -> str:
    """Note when each part is done, until the page's address comes; return that."""
    alarm = threading.Timer(PATIENCE_S, output.close)
    alarm.start()
    said = ""
    try:
        for line in output:
            said += line
            for start, part in LINES.items():
                if line.startswith(start):
                    done[part] = time.perf_counter()
            if line.startswith("The page: "):
                assert len(done) == len(LINES), said
                return line.partition("The page: ")[2].strip()
    finally:
        alarm.cancel()
    raise AssertionError(f"labkit up has ended: {said}")
