"""Cluster map, lines and the panel's figures outside of JupyterLab, as in VS Code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe import violations
from on_screen import painted_colours
from playwright.sync_api import Page, expect
from widget_anywhere import show

from labkit.topics.topic_model import BrokerView, ClusterView, Partition
from labkit.widgets.cluster_map import _MapState
from labkit.widgets.line_series import LineSeries

pytestmark = pytest.mark.chromium

KINDS = ["vscode-light", "vscode-dark"]


def map_of(**changes: Any) -> dict[str, Any]:
    """Return the snapshot of a cluster with one broker of each kind."""
    states = {1: "running", 2: "frozen", 3: "dead"}
    facts = {
        "topic": "co2-emissions",
        "is_own": True,
        "brokers": tuple(
            BrokerView(number, state, f"127.0.0.1:900{number}")  # type: ignore[arg-type]
            for number, state in states.items()
        ),
        "controller": 1,
        "partitions": (Partition(0, 1, (1, 2, 3), (1,)), Partition(1, None, (2, 3, 1), (2,))),
        **changes,
    }
    return _MapState("co2-emissions")._snapshot(ClusterView(**facts)) | {
        "events": [{"at": "12:00:00", "text": "<img src=x onerror='document.title = 1'>"}]
    }


def lines_of(points: int) -> dict[str, Any]:
    lines = LineSeries(120)
    for number in range(points):
        gap = 10 < number < 14
        lines.add(1_795_600_000.0 + number, {} if gap else {"total": number * 3, "partition 0": 7})
    keys = ["total", "partition 0"]
    return {
        "title": "Lag of group csv-writer in topic co2-emissions",
        "unit": "records",
        "state": "",
        "sentence": "Now, in records: total 87, partition 0 7.",
        "rows": [["total", "87", "0", "87"], ["partition 0", "7", "7", "7"]],
        "lines": lines.payload(keys),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_is_drawn_and_a_press_is_sent(page: Page, artifacts: Path, kind: str) -> None:
    show(page, "cluster_map", map_of(), kind)
    cards = page.locator(".labkit-broker")
    expect(cards).to_have_count(3)
    expect(cards.nth(1)).to_contain_text("❄ frozen")
    expect(cards.nth(0).locator(".labkit-hold")).to_have_text(["★ p0 leader", "… p1 behind"])
    expect(cards.nth(2).get_by_role("button", name="Start")).to_be_enabled()
    expect(cards.nth(2).get_by_role("button", name="Kill")).to_be_disabled()
    expect(page.locator(".labkit-events")).to_contain_text("<img src=x")
    assert page.title() == "host"
    page.locator("#cell").screenshot(path=artifacts / f"view-cluster-map-{kind}.png")
    page.get_by_text("The partitions as a table").click()
    assert violations(page) == []


def test_the_focus_stays_on_its_button_and_nothing_is_left_behind(page: Page) -> None:
    show(page, "cluster_map", map_of(), "vscode-light")
    kill = page.locator(".labkit-broker").nth(0).get_by_role("button", name="Kill")
    kill.focus()
    expect(page.locator(".labkit-about")).to_contain_text("(SIGKILL)")
    page.evaluate("next => window.tell(next)", map_of() | {"busy": True})
    expect(kill).to_be_disabled()
    expect(kill).to_be_focused()
    page.evaluate("next => window.tell(next)", map_of(brokers=(), partitions=None, trouble="None"))
    expect(page.locator(".labkit-broker")).to_have_count(0)
    page.evaluate("window.end()")
    assert page.evaluate("window.listeners.size") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_lines_are_drawn(page: Page, artifacts: Path, kind: str) -> None:
    show(page, "lines", lines_of(30), kind)
    expect(page.locator(".ef-legend li")).to_have_count(2)
    expect(page.locator("canvas")).to_have_attribute("aria-label", "Lag of group csv-writer in "
        "topic co2-emissions. Now, in records: total 87, partition 0 7.")  # fmt: skip
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert painted_colours(page) > 5
    page.locator("#cell").screenshot(path=artifacts / f"view-lines-{kind}.png")
    page.get_by_text("The same as a table").click()
    assert violations(page) == []
    page.evaluate("window.end()")
    assert page.evaluate("window.listeners.size") == 0


def test_the_lines_do_not_slide_for_who_wants_no_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    show(page, "lines", lines_of(30), "vscode-light")
    picture = page.locator("canvas").screenshot()
    page.evaluate("next => window.tell(next)", lines_of(31))
    page.evaluate("() => new Promise(requestAnimationFrame)")
    after = page.locator("canvas").screenshot()
    assert after != picture
    page.wait_for_timeout(600)  # an animation would go on for 450 ms
    assert page.locator("canvas").screenshot() == after


@pytest.mark.parametrize("kind", KINDS)
def test_the_figures_are_a_table(page: Page, kind: str) -> None:
    snapshot = {
        "title": "Producer panel-producer → topic co2-emissions",
        "state": "Sending.",
        "sentence": "The producer is running: 10 records sent, 9 acked, 0 failed.",
        "rows": [["sent", "10", "records of this run"], ["acked", "9", "the brokers have them"]],
    }
    show(page, "figures", snapshot, kind)
    expect(page.get_by_role("row", name="acked 9")).to_be_visible()
    assert violations(page) == []
