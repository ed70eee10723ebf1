"""The partition view and the group view outside of JupyterLab, as in VS Code: any page will do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from axe import violations
from playwright.sync_api import Page, expect
from widget_anywhere import show

from labkit.topics.group_watch import GroupDescription, Member
from labkit.topics.topic_model import Partition, SeenRecord, Topic, TopicSnapshot
from labkit.widgets.group_view import group_snapshot
from labkit.widgets.partition_view import topic_snapshot
from labkit.widgets.text_alternative import Places

pytestmark = pytest.mark.chromium


def topic_of(partitions: int, last: int = 12, first: int = 1_000) -> dict[str, Any]:
    """Return the snapshot of a topic with much of what a topic can have."""
    numbers = range(partitions)
    told = [
        Partition(
            number,
            None if number == 2 else number % 3 + 1,
            (1, 2, 3),
            (1, 2) if number == 1 else (1, 2, 3),
            None if number == 2 else 40,
            None if number == 2 else first + last + 1,
        )
        for number in numbers
    ]
    records = {
        number: tuple(
            SeenRecord(
                first + n + (n > 4),  # an offset is missing in the middle
                1_795_600_000_000 + n,
                None if n == 3 else f"FACILITY-{(number + n) % 11:03}".encode(),
                b'<img src=x onerror="document.title = 1">',
                60,
                (("labkit.created_at", b"2026"),),
            )
            for n in range(last)
        )
        for number in numbers
        if number != 3
    }
    positions = {
        "csv-writer": {number: first + number for number in numbers},
        "a-slow-group": dict.fromkeys(numbers, 10),
        "up-to-date": dict.fromkeys(numbers, first + last + 1),
    }
    topic = Topic("co2-emissions", "id", "cluster", False, tuple(told), {})
    return topic_snapshot(TopicSnapshot(topic, records, positions), Places()) | {"fresh": True}


def group_of(members: int, partitions: int, state: str = "Stable") -> dict[str, Any]:
    found = tuple(
        Member(
            f"labkit-{number:032x}",
            "labkit",
            "127.0.0.1",
            ("co2-emissions",),
            {"co2-emissions": held} if (held := tuple(range(number, partitions, members))) else {},
        )
        for number in range(members)
    )
    sight = GroupDescription("csv-writer", state, "range", found, {"co2-emissions": partitions})
    return group_snapshot(sight, Places()) | {"fresh": True}


@pytest.mark.parametrize("kind", ["vscode-light", "vscode-dark"])
def test_the_partition_view_is_drawn(page: Page, artifacts: Path, kind: str) -> None:
    show(page, "partitions", topic_of(5), kind)
    cell = page.locator("#cell")
    expect(cell).to_have_attribute("data-theme", kind.removeprefix("vscode-"))
    lanes = page.locator(".labkit-lane")
    expect(lanes).to_have_count(5)
    expect(lanes.nth(1)).to_contain_text("in sync 1 2 · not ✕3")
    expect(lanes.nth(2)).to_contain_text("no leader")
    expect(lanes.nth(0).locator(".labkit-arrow")).to_have_text(
        ["▲ csv-writer: lag 13", "◀ a-slow-group: lag 1,003, 30 gone unread", "up-to-date: lag 0 ▲"]
    )
    expect(lanes.nth(0).locator(".labkit-after-gap")).to_have_count(1)
    lanes.nth(0).locator(".labkit-box").nth(3).hover()
    # What others wrote is text, and nothing else.
    expect(page.locator(".labkit-record")).to_contain_text("<img src=x")
    assert page.title() == "host"
    ground = cell.evaluate("one => getComputedStyle(one).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if kind == "vscode-light" else "rgb(18, 24, 28)")
    cell.screenshot(path=artifacts / f"view-partitions-{kind}.png")
    page.get_by_text("The same as a table").click()
    assert violations(page) == []


def test_records_move_and_nothing_is_left_behind(page: Page) -> None:
    show(page, "partitions", topic_of(3), "vscode-light")
    box = page.locator(".labkit-lane").nth(0).locator(".labkit-box[data-offset='1003']")
    box.evaluate("one => { one.isTheSame = true }")
    page.evaluate("next => window.tell(next)", topic_of(3, first=1_002))
    assert box.evaluate("one => one.isTheSame")  # it moved, and was not created again
    fresh = page.locator(".labkit-lane").nth(0).locator(".labkit-box.labkit-new")
    assert {one.get_attribute("data-offset") for one in fresh.all()} <= {"1005", "1013", "1014"}
    page.evaluate("next => window.tell(next)", topic_of(1))
    expect(page.locator(".labkit-lane")).to_have_count(1)
    page.evaluate("window.end()")
    assert page.evaluate("window.listeners.size") == 0


def test_nothing_moves_for_who_wants_no_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    show(page, "partitions", topic_of(1), "vscode-light")
    page.evaluate("next => window.tell(next)", topic_of(1, first=1_002))
    look = "one => [getComputedStyle(one).transitionProperty, getComputedStyle(one).animationName]"
    assert page.locator(".labkit-box").last.evaluate(look) == ["none", "none"]
    assert page.locator(".labkit-arrow").first.evaluate(look) == ["none", "none"]


@pytest.mark.parametrize("kind", ["vscode-light", "vscode-dark"])
def test_the_group_view_is_drawn(page: Page, artifacts: Path, kind: str) -> None:
    show(page, "group", group_of(5, 3), kind)
    expect(page.locator(".labkit-filled")).to_have_text(["A", "B", "C"])
    expect(page.locator(".labkit-idle")).to_have_count(2)
    page.locator("#cell").screenshot(path=artifacts / f"view-group-{kind}.png")
    assert violations(page) == []
    page.evaluate("next => window.tell(next)", group_of(2, 3))
    expect(page.locator(".labkit-matrix tbody tr")).to_have_count(2)
    expect(page.locator(".labkit-filled.labkit-given")).to_have_text(
        "A"
    )  # partition 2, of C before


def test_fifty_partitions_and_twenty_members_fit(page: Page, artifacts: Path) -> None:
    show(page, "group", group_of(20, 50), "vscode-light")
    expect(page.locator(".labkit-filled")).to_have_count(50)
    page.locator("#cell").screenshot(path=artifacts / "view-group-large.png")
    show(page, "partitions", topic_of(50, last=4), "vscode-light")
    expect(page.locator(".labkit-box")).to_have_count(49 * 4)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#cell").screenshot(path=artifacts / "view-partitions-large.png")
    assert len(json.dumps(topic_of(50, last=4))) < 200_000
