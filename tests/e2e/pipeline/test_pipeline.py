"""The whole journey, from a real Kafka to the pixels: the tonnes on the screen are those sent."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from axe import check_both_themes
from on_screen import painted_colours
from playwright.sync_api import Page, expect

import labkit as lab

pytestmark = pytest.mark.chromium

COUNT = 1_200
# One bad record in this many, on average: the page counts the dead letters.
FAULTS = 0.01
# When each poll was asked, noted by the page itself.
NOTE_POLLS = """
    window.askedAt = [];
    const fetchFirst = window.fetch;
    window.fetch = (...request) => {
        if (String(request[0]).includes("api/dashboard")) askedAt.push(performance.now());
        return fetchFirst(...request);
    };
"""


def test_the_tonnes_on_the_screen_are_the_tonnes_sent(
    page: Page, lab_dir: Path, topic: str, artifacts: Path
) -> None:
    consumer = lab.start_consumer(topic)
    producer = lab.start_producer(topic, readings_per_s=200, count=COUNT, faults=FAULTS)
    api = lab.start_api(port=0, topic=topic)
    page.add_init_script(NOTE_POLLS)
    page.goto(api.url)
    # While it runs, the page follows by itself.
    expect(page.locator(".figure")).to_have_count(5, timeout=60_000)

    assert producer.wait(60)
    sent = producer.counts
    consumer.wait_until_caught_up()
    assert sent.acked > 0
    assert sent.bad > 0

    total = page.locator(".figure", has_text="Emitted in total").locator("data")
    expect(total).to_have_attribute("value", f"{sent.acked_g / 1000:.10g}", timeout=30_000)

    def strip(name: str) -> Any:
        return page.locator(".strip > div", has_text=name).locator(".strip-value")

    expect(strip("Consumer")).to_have_text("writing")
    expect(strip("Lag")).to_have_text("0 records", timeout=30_000)
    expect(strip("Rows stored")).to_have_text(f"{sent.acked:,}", timeout=30_000)
    expect(strip("Dead letters")).to_have_text(f"{sent.bad:,}", timeout=30_000)
    # The ledger on the page: all stages agree, to the gram, with what this page shows.
    expect(page.locator("#ledger .verdict")).to_have_attribute(
        "data-verdict", "agrees", timeout=30_000
    )
    for stage in ("acked", "csv", "served", "painted"):
        weighed = page.locator(f"#ledger [data-stage={stage}] data")
        expect(weighed).to_have_attribute("value", str(sent.acked_g))
    expect(page.locator("#pipeline tbody tr")).to_have_count(3)
    assert painted_colours(page) > 7
    page.screenshot(path=artifacts / "page-pipeline.png", full_page=True)

    # On the real clock, never sooner than that; how much later is the machine's part.
    # The first questions come sooner, until the line has its first point.
    seen = page.evaluate("askedAt.length")
    page.wait_for_function("seen => askedAt.length >= seen + 3", arg=seen, timeout=30_000)
    steady = page.evaluate("askedAt")[-3:]
    assert min(later - earlier for earlier, later in itertools.pairwise(steady)) > 1_700

    api.stop()
    expect(page.locator(".notice")).to_contain_text("The API does not answer", timeout=30_000)
    expect(page.locator(".notice")).to_contain_text("What you see is")
    expect(total).to_have_attribute("value", f"{sent.acked_g / 1000:.10g}")
    lab.start_api(port=api.port, topic=topic)
    expect(page.locator(".notice[data-kind=gone]")).to_have_count(0, timeout=30_000)
    expect(total).to_have_attribute("value", f"{sent.acked_g / 1000:.10g}")
    expect(page.locator("#ledger .verdict")).to_have_attribute(
        "data-verdict", "agrees", timeout=30_000
    )


def test_a_loss_turns_the_ledger_red(page: Page, lab_dir: Path, topic: str) -> None:
    """Three rows that were stored, and acknowledged before, are no longer in the CSV."""
    consumer = lab.start_consumer(topic)
    producer = lab.start_producer(topic, readings_per_s=200, count=300)
    api = lab.start_api(port=0, topic=topic)
    page.goto(api.url)
    assert producer.wait(60)
    consumer.wait_until_caught_up()
    verdict = page.locator("#ledger .verdict")
    expect(verdict).to_have_attribute("data-verdict", "agrees", timeout=60_000)
    consumer.stop()
    path = max((lab_dir / "data" / topic).glob("[0-9].csv"), key=lambda one: one.stat().st_size)
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(rows[:-3]))
    expect(verdict).to_have_attribute("data-verdict", "differs", timeout=60_000)
    expect(verdict).to_contain_text("≠ 3 readings")
    expect(verdict).to_contain_text("unreported")
    weighed = page.locator("#ledger [data-stage=painted] .note")
    expect(weighed).to_have_text("297 records")
    red = verdict.evaluate("one => getComputedStyle(one).color")
    assert red == page.evaluate(
        """() => {
            const sample = document.body.appendChild(document.createElement("i"));
            sample.style.color = "var(--bad)";
            return getComputedStyle(sample).color;
        }"""
    )
    check_both_themes(page, "a loss")
