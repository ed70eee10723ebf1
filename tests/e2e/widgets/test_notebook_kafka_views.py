"""The partition view and the group view in a real JupyterLab, over a real broker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from on_screen import use_dark_theme
from playwright.sync_api import Locator, Page, expect

from bench.jupyterlab import SLOW_MS, open_and_run, write_notebook
from labkit.broker import kafka_clients

pytestmark = pytest.mark.chromium


def send(topic: str, *records: tuple[int, str | None, bytes | None]) -> None:
    """Send records, each to the partition it names."""
    with kafka_clients.producer() as producer:
        for partition, key, value in records:
            producer.send(
                topic, value=value, key=None if key is None else key.encode(), partition=partition
            ).get(30)


def commit(topic: str, group_id: str, offsets: dict[int, int]) -> None:
    """Commit positions as a group's member would."""
    from kafka import OffsetAndMetadata, TopicPartition

    with kafka_clients.consumer(group_id=group_id, enable_auto_commit=False) as client:
        client.assign([TopicPartition(topic, partition) for partition in offsets])
        client.commit(
            {
                TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
                for partition, offset in offsets.items()
            }
        )


@pytest.fixture
def own_settings(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let JupyterLab keep a theme that is chosen here in this test's folder."""
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(lab_dir / "settings"))


@pytest.fixture
def jupyterlab_of_broker(bootstrap_servers: str, own_settings: None, jupyterlab: str) -> str:
    """Run JupyterLab on the session's broker; return its address."""
    return jupyterlab


def box(lane: Locator, offset: int) -> Locator:
    return lane.locator(f".labkit-box[data-offset='{offset}']")


def test_the_logs_grow_while_a_cell_sleeps(
    page: Page, jupyterlab_of_broker: str, topic: str, lab_dir: Path, artifacts: Path
) -> None:
    keyed = [(n % 2, f"PL-COAL-00{n % 4 + 1}", b'{"co2_kg": %d}' % n) for n in range(14)]
    send(topic, *keyed, (2, None, b"\x00\x01\xff\xfe"), (2, "tombstone", None))
    commit(topic, "csv-writer", {0: 5, 1: 7, 2: 0})
    notebook = write_notebook(
        lab_dir,
        f"import time, labkit as lab\nlab.partition_view({topic!r}, updates_per_s=5)",
        "time.sleep(600)",
    )
    open_and_run(page, jupyterlab_of_broker, notebook)
    lanes = page.locator(".labkit-lane")
    expect(lanes).to_have_count(3, timeout=SLOW_MS)
    expect(lanes.nth(0).locator(".labkit-box")).to_have_count(7)
    expect(lanes.nth(0).locator(".labkit-arrow")).to_have_text("▲ csv-writer: lag 2")
    expect(lanes.nth(0)).to_contain_text("leader 1 · in sync 1")
    sleeping = page.locator(".jp-InputArea-prompt").nth(1)
    expect(sleeping).to_have_text("[*]:", timeout=SLOW_MS)

    # A record comes in, and the arrow moves, while the cell sleeps.
    before = lanes.nth(0).locator(".labkit-arrow").bounding_box()
    send(topic, (0, "PL-COAL-001", b"one more"))
    expect(box(lanes.nth(0), 7)).to_be_visible()
    expect(lanes.nth(0).locator(".labkit-arrow")).to_contain_text("lag 3")
    commit(topic, "csv-writer", {0: 8})
    expect(lanes.nth(0).locator(".labkit-arrow")).to_contain_text("lag 0")
    page.wait_for_function(
        "([box, x]) => box.getBoundingClientRect().x > x + 50",
        arg=[lanes.nth(0).locator(".labkit-arrow").element_handle(), before and before["x"]],
    )
    expect(sleeping).to_have_text("[*]:")

    # What a record holds is shown by mouse and by keyboard, which JupyterLab does not take away.
    details = page.locator(".labkit-record")
    box(lanes.nth(2), 0).hover()
    expect(details).to_contain_text("0x 00 01 ff fe")
    expect(details).to_contain_text("keynull")
    box(lanes.nth(2), 1).focus()
    expect(details).to_contain_text("tombstone")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(details).to_contain_text("partition 1, offset 3")

    page.get_by_text("The same as a table").click()
    rows = page.locator(".labkit-twin tbody tr")
    expect(rows.nth(0)).to_contain_text("at 8, lag 0")
    spoken = page.locator(".labkit-widget [aria-live=polite]")
    expect(spoken).to_contain_text("group csv-writer is 2 records behind", timeout=20_000)

    widget = page.locator(".labkit-widget")
    widget.screenshot(path=artifacts / "notebook-partitions-light.png")
    use_dark_theme(page)
    expect(widget).to_have_attribute("data-theme", "dark")
    widget.screenshot(path=artifacts / "notebook-partitions-dark.png")


def test_the_matrix_fills_as_members_come(
    page: Page,
    jupyterlab_of_broker: str,
    topic: str,
    lab_dir: Path,
    artifacts: Path,
) -> None:
    notebook = write_notebook(
        lab_dir,
        "import time, labkit as lab",
        f"view = lab.group_view('readers', {topic!r}, updates_per_s=5)\nview",
        f"first = lab.start_consumer({topic!r}, group_id='readers', name='first')",
        f"more = [lab.start_consumer({topic!r}, group_id='readers', name=f'c{{n}}')"
        " for n in range(3)]",
        "time.sleep(600)",
    )
    open_and_run(page, jupyterlab_of_broker, notebook)
    state = page.locator(".labkit-group-state")
    rows = page.locator(".labkit-matrix tbody tr")
    filled = page.locator(".labkit-filled")
    expect(rows).to_have_count(4, timeout=SLOW_MS)
    expect(state).to_contain_text("Stable: everybody knows what to read", timeout=SLOW_MS)
    expect(filled).to_have_count(3, timeout=SLOW_MS)
    expect(page.locator(".labkit-idle")).to_have_text("idle: no partition is left for it")
    letters = {one.strip() for one in filled.all_inner_texts()}
    assert len(letters) == 3  # three members have one partition each
    assert all(re.fullmatch("[A-D]", letter) for letter in letters)
    expect(state).to_contain_text("Assignor: cooperative-sticky")
    widget = page.locator(".labkit-widget")
    widget.screenshot(path=artifacts / "notebook-group-light.png")
    use_dark_theme(page)
    expect(widget).to_have_attribute("data-theme", "dark")
    widget.screenshot(path=artifacts / "notebook-group-dark.png")


def test_a_cell_that_runs_again_and_a_new_kernel_leave_one_view(
    page: Page, jupyterlab_of_broker: str, topic: str, lab_dir: Path
) -> None:
    send(topic, (0, "a", b"first"))
    notebook = write_notebook(
        lab_dir,
        f"import labkit as lab\nlab.partition_view({topic!r}, updates_per_s=5)",
        f"lab.partition_view({topic!r}, updates_per_s=5)",
        "print([thing.name for thing in lab.running()])",
    )
    open_and_run(page, jupyterlab_of_broker, notebook)
    printed = page.locator(".jp-OutputArea-output pre")
    expect(printed.last).to_have_text(f"['partition view of {topic}']", timeout=SLOW_MS)
    expect(page.locator(".labkit-box")).to_have_count(1)

    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Restart Kernel and Run All Cells…", exact=True).click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(printed.last).to_have_text(f"['partition view of {topic}']", timeout=SLOW_MS)
    send(topic, (0, "b", b"second"))
    expect(page.locator(".labkit-box")).to_have_count(2, timeout=SLOW_MS)
