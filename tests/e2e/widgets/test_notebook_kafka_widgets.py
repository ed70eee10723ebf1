"""Cluster map, lag, throughput and producer panel in a real JupyterLab, over real brokers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from on_screen import number_in, painted_colours, use_dark_theme
from playwright.sync_api import Locator, Page, expect

from bench.jupyterlab import SLOW_MS, open_and_run, write_notebook
from labkit.broker.cluster_state import read_cluster

pytestmark = [
    pytest.mark.chromium,
    # kafka-python leaves the sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

START_MS = 180_000  # three brokers on a busy machine


@pytest.fixture
def lab_of_notebook(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let JupyterLab keep a theme that is chosen here in this test's folder."""
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(lab_dir / "settings"))
    return lab_dir


@pytest.fixture
def address(lab_of_notebook: Path, jupyterlab: str) -> str:
    """Run JupyterLab with settings of its own; return its address."""
    return jupyterlab


def take_both(page: Page, widget: Locator, artifacts: Path, name: str) -> None:
    """Take a widget's picture in both themes."""
    widget.screenshot(path=artifacts / f"{name}-light.png")
    use_dark_theme(page)
    expect(page.locator(".labkit-widget").first).to_have_attribute("data-theme", "dark")
    widget.screenshot(path=artifacts / f"{name}-dark.png")


def states() -> dict[int, str]:
    cluster = read_cluster()
    assert cluster is not None
    return {one.node_id: one.state for one in cluster.nodes}


def test_buttons_kill_and_restart_a_real_broker(
    page: Page, address: str, lab_dir: Path, artifacts: Path
) -> None:
    notebook = write_notebook(
        lab_dir,
        "import time, labkit as lab\nbroker = lab.start_broker(brokers=3)\n"
        "topic = lab.ensure_topic(num_partitions=3)",
        "lab.cluster_map(updates_per_s=5)",
        "time.sleep(600)",
    )
    page.set_viewport_size({"width": 1280, "height": 1100})
    open_and_run(page, address, notebook)
    cards = page.locator(".labkit-broker")
    expect(cards).to_have_count(3, timeout=START_MS)
    expect(page.locator(".labkit-hold[data-role=leader]")).to_have_count(3, timeout=SLOW_MS)
    expect(cards.filter(has_text="⚑ active controller")).to_have_count(1)
    expect(page.locator(".labkit-sentence")).to_contain_text("every replica in sync")

    # What a button will do is read before it is pressed, by mouse and by keyboard.
    victim = cards.filter(has=page.locator(".labkit-hold[data-role=leader]")).first
    node_id = int(number_in(victim.locator(".labkit-broker-name").inner_text()))
    card = cards.filter(has_text=f"Broker {node_id}")
    about = page.locator(".labkit-about")
    kill = card.get_by_role("button", name="Kill", exact=True)
    kill.hover()
    expect(about).to_contain_text(f"Kill ends the process of broker {node_id} at once (SIGKILL)")
    thaw = card.get_by_role("button", name="Thaw", exact=True)
    thaw.focus()
    expect(about).to_contain_text("is running: there is nothing to thaw")
    expect(thaw).to_have_attribute("aria-disabled", "true")

    kill.click()  # while the cell below sleeps
    expect(card).to_contain_text("✕ dead", timeout=SLOW_MS)
    assert states()[node_id] == "dead"
    events = page.locator(".labkit-events")
    expect(events).to_contain_text(f"leader moved {node_id} → ", timeout=SLOW_MS)
    expect(events).to_contain_text("ISR shrank to", timeout=SLOW_MS)
    expect(card.locator(".labkit-hold[data-role=behind]")).to_have_count(3, timeout=SLOW_MS)
    widget = page.locator(".labkit-widget")
    take_both(page, widget, artifacts, "notebook-cluster-map")

    start = card.get_by_role("button", name="Start", exact=True)
    expect(start).to_have_attribute("aria-disabled", "false", timeout=SLOW_MS)
    start.click()
    expect(page.locator(".labkit-state")).to_contain_text(f"Restarting broker {node_id}")
    expect(card).to_contain_text("● running", timeout=SLOW_MS)
    assert states()[node_id] == "running"
    expect(page.locator(".labkit-hold[data-role=behind]")).to_have_count(0, timeout=SLOW_MS)
    spoken = page.locator(".labkit-spoken")
    expect(spoken).to_contain_text("every replica in sync", timeout=SLOW_MS)
    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() <= 1
    page.screenshot(path=artifacts / "notebook-cluster-map-page.png")


def test_the_panel_produces_and_the_lines_follow(
    page: Page, address: str, lab_dir: Path, artifacts: Path
) -> None:
    notebook = write_notebook(
        lab_dir,
        "import time, labkit as lab\nbroker = lab.start_broker()\n"
        "topic = lab.ensure_topic(num_partitions=3)",
        "lab.producer_panel(readings_per_s=100, updates_per_s=5)",
        "lab.throughput_chart(updates_per_s=2)",
        "lab.lag_chart(updates_per_s=2)",
        "time.sleep(8)\nconsumer = lab.start_consumer()",
        "time.sleep(600)",
    )
    page.set_viewport_size({"width": 1280, "height": 3200})
    open_and_run(page, address, notebook)
    switch = page.locator(".widget-button")
    expect(switch).to_contain_text("Start", timeout=START_MS)
    switch.click()
    expect(switch).to_contain_text("Stop", timeout=SLOW_MS)
    panel = page.locator(".labkit-widget", has_text="Producer panel-producer")
    acked = panel.locator("tr", has=page.get_by_role("rowheader", name="acked", exact=True))
    expect(acked).to_contain_text(re.compile(r"[1-9]\d\d"), timeout=SLOW_MS)

    # Another acks: the producer is restarted, and says that nobody answers now.
    page.get_by_role("combobox", name="acks").select_option("0: nobody")
    expect(acked).to_contain_text("acks=0: no broker answers", timeout=SLOW_MS)
    sent = panel.locator("tr", has=page.get_by_role("rowheader", name="sent", exact=True))
    expect(sent).to_contain_text(re.compile(r"[1-9]\d\d"), timeout=SLOW_MS)

    rates = page.locator(".labkit-widget", has_text="Records per second")
    lag = page.locator(".labkit-widget", has_text="Lag of group csv-writer")
    expect(rates.locator(".ef-sentence")).to_contain_text(
        re.compile("appended to the topic (9|10)[0-9].*committed by the group (9|10)"),
        timeout=SLOW_MS,
    )
    expect(lag.locator(".ef-legend li")).to_have_count(4)
    expect(lag.locator(".ef-sentence")).to_contain_text("total", timeout=SLOW_MS)
    for index in range(2):
        canvas = page.locator(".ef-canvas canvas").nth(index)
        canvas.scroll_into_view_if_needed()
    assert painted_colours(page, ".ef-canvas canvas") > 5
    lag.get_by_text("The same as a table").click()
    expect(lag.get_by_role("rowheader", name="partition 2")).to_be_visible()
    hide = lag.get_by_role("button", name=re.compile("^partition 1"))
    hide.click()
    expect(hide).to_have_attribute("aria-pressed", "false")
    take_both(page, page.locator(".jp-Notebook"), artifacts, "notebook-producer-and-lines")

    switch.click()
    expect(panel.locator(".labkit-sentence")).to_contain_text("stopped", timeout=SLOW_MS)
    expect(rates.locator(".ef-sentence")).to_contain_text(
        "appended to the topic 0", timeout=SLOW_MS
    )


def test_a_new_kernel_leaves_one_panel_that_works(page: Page, address: str, lab_dir: Path) -> None:
    notebook = write_notebook(
        lab_dir,
        "import labkit as lab\nbroker = lab.start_broker()\nlab.ensure_topic(num_partitions=1)\n"
        "lab.producer_panel()",
        "panel = lab.producer_panel()\npanel",
        "import os\nprint([thing.name for thing in lab.running()], os.getpid())",
    )
    open_and_run(page, address, notebook)
    printed = page.locator(".jp-OutputArea-output pre")
    only = re.compile(r"^\['producer panel of co2-emissions'\] \d+\s*$")
    expect(printed.last).to_have_text(only, timeout=START_MS)
    before = printed.last.inner_text()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Restart Kernel and Run All Cells…", exact=True).click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(printed.last).not_to_have_text(before, timeout=START_MS)
    expect(printed.last).to_have_text(only, timeout=START_MS)
    page.locator(".widget-button").click()
    sentence = page.locator(".labkit-sentence")
    expect(sentence).to_contain_text(re.compile(r"running: [1-9]\d+ records"), timeout=SLOW_MS)
