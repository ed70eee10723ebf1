"""The live widgets follow what is stored, in a thread, and end when they are told to."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from csv_feed import TOPIC, CsvFeed
from waiting import wait_until

from labkit.core import background_workers
from labkit.core.errors import BrokerUnavailable, FrontEndMissing, WorkerFailed
from labkit.core.run_files import RunFile
from labkit.ledger.ledger_model import Ledger, Stage
from labkit.sink.segment_files import topic_dir
from labkit.table.emission_series import emission_series
from labkit.table.table import Table
from labkit.widgets import LiveChart, live_chart, live_ledger, show_dashboard
from labkit.widgets.live_widget import LiveWidget

FAST = 5.0


@pytest.fixture(autouse=True)
def no_widgets_left(lab_dir: Path) -> Iterator[None]:
    yield
    background_workers.stop_all()
    for shown in list(LiveWidget._shown.values()):
        shown.close()
    LiveWidget._shown.clear()


def live(read: Callable[[], dict[str, Any]], name: str = "a widget", **more: Any) -> LiveWidget:
    first = {"state": "first", "value": 0}
    return LiveChart(name, first, read, updates_per_s=FAST, **more)


def test_the_chart_shows_at_once_what_is_stored(lab_dir: Path, feed: CsvFeed) -> None:
    stored = feed.write(rounds=30)
    widget = live_chart(window_s=60)
    table = Table(topic_dir(lab_dir / "data", TOPIC))
    table.refresh()
    assert widget.snapshot["series"] == emission_series(table.snapshot, "sector", 60)
    assert f"{stored:,} readings" in widget.snapshot["state"]


def test_the_chart_follows_what_is_appended(feed: CsvFeed) -> None:
    widget = live_chart(by="country", updates_per_s=FAST)
    assert widget.snapshot["series"]["times"] == []
    assert "No readings stored yet" in widget.snapshot["state"]
    stored = feed.write(rounds=10)
    # This sleeps as a learner's cell does, holding the thread that the cell runs in.
    wait_until(lambda: f"{stored:,} readings" in widget.snapshot["state"])
    assert {"PL", "CZ"} <= {line["key"] for line in widget.snapshot["series"]["series"]}


def test_of_a_simulated_time_it_shows_a_day(feed: CsvFeed) -> None:
    feed.write(rounds=3, interval_s=173.0)
    run = RunFile("producer", "producer", topic=TOPIC)
    at = "2026-01-05T12:00:00.000Z"
    run.update(clock={"speed": 144.0, "at": at, "read_at": time.time()})
    try:
        widget, hour = live_chart(updates_per_s=FAST), live_chart(by="fuel", window_s=3600)
    finally:
        run.remove()
    assert widget.snapshot["series"]["window_s"] == 86_400
    assert "the last 24 hours" in widget.snapshot["title"]
    assert "Simulated time: Mon 05 Jan 12:0" in widget.snapshot["state"]
    assert hour.snapshot["series"]["window_s"] == 3600
    # The producer has ended, and its day stays on the screen.
    wait_until(lambda: "Simulated" not in widget.snapshot["state"])
    assert widget.snapshot["series"]["window_s"] == 86_400


def test_a_snapshot_is_json_that_a_browser_reads(feed: CsvFeed) -> None:
    feed.write(rounds=3)
    widget = live_chart(window_s=900)
    values = widget.snapshot["series"]["series"][0]["values"]
    assert None in values  # most of the window is empty: a gap, where JSON knows no NaN
    json.dumps(widget.snapshot, allow_nan=False)


def test_stop_ends_the_thread_and_leaves_the_picture(feed: CsvFeed) -> None:
    feed.write(rounds=5)
    widget = live_chart()
    series = widget.snapshot["series"]
    assert widget in background_workers.running()
    widget.stop()
    assert not widget.is_running
    assert widget not in background_workers.running()
    assert widget.snapshot["series"] == series
    assert widget.snapshot["state"].startswith("Stopped. 120 readings")
    assert "stopped" in repr(widget)
    assert widget.comm is not None  # still on the screen


def test_stop_all_ends_it() -> None:
    widget = live_chart()
    background_workers.stop_all()
    assert not widget.is_running


def test_a_cell_that_runs_again_leaves_one_widget() -> None:
    first, other = live_chart(), live_chart(by="fuel")
    second = live_chart()
    assert not first.is_running
    assert first.comm is None  # closed: gone from the screen and from the kernel's memory
    assert [second, other] == sorted(background_workers.running(), key=lambda thing: thing is other)


def test_a_widget_that_was_stopped_is_closed_when_it_is_shown_again() -> None:
    first = live_chart()
    background_workers.stop_all()
    live_chart()
    assert first.comm is None


def test_what_is_unchanged_is_not_sent() -> None:
    calls = threading.Semaphore(0)
    sent = []

    def read() -> dict[str, Any]:
        calls.release()
        return {"state": "steady", "value": 1}

    widget = live(read)
    widget.observe(sent.append, "snapshot")
    for _ in range(4):
        assert calls.acquire(timeout=20)
    widget.stop()
    steady = [change for change in sent if change["new"]["state"] == "steady"]
    assert len(steady) <= 1


def test_a_trouble_that_passes_is_told_and_forgotten() -> None:
    broker_is_up = threading.Event()

    def read() -> dict[str, Any]:
        if not broker_is_up.is_set():
            raise BrokerUnavailable("no broker answers", "labkit broker start")
        return {"state": "well", "value": 1}

    widget = live(read)
    wait_until(lambda: widget.snapshot["state"].startswith("No broker answers."))
    assert "Next: lab.start_broker()" in widget.snapshot["state"]
    assert widget.snapshot["value"] == 0  # the last figures stay
    broker_is_up.set()
    wait_until(lambda: widget.snapshot == {"state": "well", "value": 1})


def test_a_fault_ends_it_and_is_raised_by_stop() -> None:
    finished = threading.Event()

    def read() -> dict[str, Any]:
        raise ZeroDivisionError("a fault of ours")

    widget = live(read, finish=finished.set)
    wait_until(lambda: not widget.is_running)
    assert widget.snapshot["state"] == "Failed: a fault of ours"
    assert finished.is_set()
    with pytest.raises(WorkerFailed, match="a fault of ours"):
        widget.stop()


def test_it_never_updates_more_than_five_times_a_second() -> None:
    widget = LiveChart("eager", {"state": ""}, lambda: {"state": ""}, updates_per_s=100)
    assert widget.pause_s == pytest.approx(0.2)


def test_the_ledger_shows_five_stages_and_a_verdict() -> None:
    stage = Stage(records=10, grams=1_234_567)
    ledger = Ledger(
        topic_name=TOPIC,
        topic_id="t",
        data_dir="data",
        emitted=stage,
        acked=stage,
        topic=Stage(note="no broker answers"),
        csv=stage,
        served=stage,
        dead_letters=2,
        bad_in_topic=None,
        partitions=(),
        state="agrees",
        sentence="All four agree.",
    )
    widget = live_ledger(read=lambda: ledger)
    wait_until(lambda: widget.snapshot["stages"] != [])
    shown = widget.snapshot
    stages = {stage["key"]: stage for stage in shown["stages"]}
    assert list(stages) == ["emitted", "acked", "topic", "csv", "served"]
    assert (stages["csv"]["records"], stages["csv"]["grams"]) == (10, 1_234_567)
    assert (stages["topic"]["records"], stages["topic"]["note"]) == (None, "no broker answers")
    assert (shown["dead_letters"], shown["verdict"]) == (2, "agrees")
    assert shown["sentence"] == "✓ agrees: All four agree."
    assert shown["waiting"] is None  # the topic is not known


def test_what_waits_for_the_consumer_has_a_bar_of_its_own() -> None:
    def ledger(in_topic: int) -> Ledger:
        stored, sent = Stage(records=10, grams=100), Stage(records=in_topic, grams=10 * in_topic)
        return Ledger(
            topic_name=TOPIC, topic_id="t", data_dir="data", emitted=sent, acked=sent, topic=sent,
            csv=stored, served=stored, dead_letters=0, bad_in_topic=None, partitions=(),
            state="on the way", sentence="No consumer is running. Next: labkit consume",
        )  # fmt: skip

    ledgers = [ledger(30), ledger(15)]
    widget = live_ledger(read=lambda: ledgers.pop(0) if len(ledgers) > 1 else ledgers[0])
    wait_until(lambda: (widget.snapshot["waiting"] or {}).get("records") == 5)
    # A quarter of the most that ever waited.
    assert widget.snapshot["waiting"] == {"records": 5, "grams": 50, "share": 0.25}
    assert widget.snapshot["sentence"].endswith("Next: consumer = lab.start_consumer()")
    assert "waiting  5" in widget.text


def test_the_dashboard_names_the_port_for_the_proxy() -> None:
    frame = show_dashboard(SimpleNamespace(url="http://127.0.0.1:8050/"))
    assert (frame.port, frame.url) == (8050, "http://127.0.0.1:8050/")
    assert "http://127.0.0.1:8050/" in repr(frame)
    filtered = show_dashboard(SimpleNamespace(url="http://127.0.0.1:8050"), view="?window_s=60")
    assert "http://127.0.0.1:8050/?window_s=60" in repr(filtered)


def test_missing_bundles_are_told_with_the_way_to_build_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labkit.widgets.live_widget.resources.files", lambda _package: tmp_path)
    with pytest.raises(FrontEndMissing, match="npm run build"):
        live_chart()


def test_the_widgets_import_no_kafka() -> None:
    look = "import sys, labkit.widgets; sys.exit('kafka' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
