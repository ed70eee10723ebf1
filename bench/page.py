"""What the page costs: its size, its first chart, and a redraw of 24 hours.

    python -m bench.page
    python -m bench.page --profile out.cpuprofile    what Chrome's DevTools open

The real API serves 24 hours of readings, to which the fleet adds a round every second. A real
Chromium shows them, for all but the first figures with its CPU slowed four times.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import CDPSession, Page

import labkit as lab
from bench.chromium import chromium, devtools, metrics
from bench.make_csv import make_csv
from labkit.api.app import Api
from labkit.api.web_page import PAGE_DIR

WIDGET = PAGE_DIR.parent / "widget" / "chart.js"
DAY_S = 86_400
PLANTS = 24
REPORTED_EVERY_S = 10.0
SLOWED = 4
STARTS, POLLS, REDRAWS = 5, 10, 40
# When the chart is first on the page; its label is written right after it was drawn.
NOTE_FIRST_CHART = """
    new MutationObserver((_, observer) => {
        if (!document.querySelector("#rates canvas[aria-label]")) return;
        window.firstChartMs = performance.now();
        observer.disconnect();
    }).observe(document, { subtree: true, childList: true, attributes: true });
"""
# The notebook's widget is the page's own chart figure; answers go into it as from a kernel.
START_CHART = """async ({ source, answers }) => {
    const { default: widget } = await import(
        URL.createObjectURL(new Blob([source], { type: "text/javascript" }))
    );
    const state = { series: answers[0], title: "", state: "" };
    const model = { get: () => state, on: (_, told) => { model.told = told; }, off() {} };
    widget.render({ model, el: document.body.appendChild(document.createElement("div")) });
    Object.assign(window, { answers, state, model });
}"""
REDRAW = """async redraws => {
    // Every point of every line differs from the last answer's, so that there is something to draw.
    const moved = (line, turn) => (
        { ...line, values: line.values.map(value => value === null ? null : value + turn / 10) }
    );
    const next = Array.from({ length: redraws }, (_, turn) => {
        const answer = answers[turn % answers.length];
        return { ...answer, series: answer.series.map(line => moved(line, turn + 1)) };
    });
    const tookMs = [];
    for (const series of next) {
        await new Promise(requestAnimationFrame);
        state.series = series;
        const began = performance.now();
        model.told();
        tookMs.push(performance.now() - began);
    }
    return tookMs;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", type=Path, help="also write a CPU profile of the polls")
    arguments = parser.parse_args()
    script = sum(len(gzip.compress(one.read_bytes())) for one in PAGE_DIR.glob("assets/*.js"))
    print(f"the page's script: {script / 1000:.0f} kB gzipped")
    with tempfile.TemporaryDirectory(prefix="bench-page-") as folder:
        os.environ["LABKIT_LAB_DIR"] = folder
        os.environ["LABKIT_STATE_DIR"] = str(Path(folder) / ".labkit")
        data = Path(folder) / "data"
        make_csv(data, int(PLANTS * DAY_S / REPORTED_EVERY_S), interval_s=REPORTED_EVERY_S)
        with lab.start_api(port=0) as api, chromium() as browser, Feed(data):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(NOTE_FIRST_CHART)
            first_chart(page, api)
            session = devtools(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
            polls(page, session, arguments.profile)
            redraws(page, api)


class Feed:
    """Append a round of readings every second, as the consumer would."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed)

    def _feed(self) -> None:
        while not self._ended.wait(1):
            make_csv(self._data, PLANTS, interval_s=1.0)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._thread.join()


def first_chart(page: Page, api: Api) -> None:
    """Measure how soon after navigation the chart of 24 hours is drawn, from a warm start."""
    took_ms = []
    for _ in range(STARTS + 1):
        page.goto(f"{api.url}/?window_s={DAY_S}")
        page.wait_for_function("() => window.firstChartMs")
        took_ms.append(page.evaluate("firstChartMs"))
    print(f"first chart of 24 h, warm start: {said(took_ms[1:])} after navigation")


def polls(page: Page, session: CDPSession, profile: Path | None) -> None:
    """Measure all that the page computes for one poll, in its two seconds."""
    page.wait_for_timeout(3_000)  # until what a start brings with it is over
    if profile is not None:
        session.send("Profiler.enable")
        session.send("Profiler.start")
    spent: dict[str, list[float]] = {
        "ScriptDuration": [],
        "LayoutDuration": [],
        "RecalcStyleDuration": [],
        "TaskDuration": [],
    }
    for _ in range(POLLS):
        before = metrics(session)
        with page.expect_response("**/api/dashboard*"):
            pass
        page.wait_for_timeout(1_000)  # until it is drawn
        after = metrics(session)
        for name, values in spent.items():
            values.append((after[name] - before[name]) * 1000)
    if profile is not None:
        profile.write_text(json.dumps(session.send("Profiler.stop")["profile"]))
    for name, values in spent.items():
        print(f"a poll at 24 h, CPU slowed {SLOWED} times, {name}: {said(values)}")


def redraws(page: Page, api: Api) -> None:
    """Measure the chart's part: lines, legend, sentence and table of 24 hours."""
    answers = []
    for _ in range(4):
        address = f"{api.url}/api/series?window_s={DAY_S}"
        answers.append(page.evaluate("address => fetch(address).then(a => a.json())", address))
        page.wait_for_timeout(1_100)
    page.goto("about:blank")
    page.evaluate(START_CHART, {"source": WIDGET.read_text("utf-8"), "answers": answers})
    page.evaluate(REDRAW, 5)  # the first ones also compile
    took_ms = page.evaluate(REDRAW, REDRAWS)
    buckets, lines = len(answers[0]["times"]), len(answers[0]["series"])
    print(f"a redraw of the chart, {lines} lines of {buckets} points: {said(took_ms)}")


def said(values: list[float]) -> str:
    """Return the median and the range."""
    return f"median {statistics.median(values):.0f} ms ({min(values):.0f} … {max(values):.0f})"


if __name__ == "__main__":
    main()
