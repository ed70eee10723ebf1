"""What the API says of the time: how old the newest reading is, and what time it is there."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from csv_feed import TOPIC, CsvFeed

from labkit.api.data_source import DataSource
from labkit.core.run_files import RunFile
from labkit.sink.partition_status import PartitionStatus
from labkit.table.dashboard_query import NOW_S, dashboard

LONG_AGO = datetime.now(UTC) - timedelta(days=25)


@pytest.fixture
def data(lab_dir: Path) -> DataSource:
    return DataSource(lab_dir / "data", TOPIC)


def let_pass(data: DataSource, seconds: float) -> None:
    """Make the stored rows that much older."""
    for path in (data.data_dir / TOPIC).glob("*.csv"):
        before = path.stat().st_mtime - seconds
        os.utime(path, (before, before))


def test_a_reading_of_the_present_is_as_old_as_its_time(feed: CsvFeed, data: DataSource) -> None:
    feed.write(rounds=1, until=datetime.now(UTC) - timedelta(seconds=40))
    assert data.health()["age_s"] == pytest.approx(40, abs=5)


def test_a_reading_of_the_past_is_as_old_as_its_arrival(feed: CsvFeed, data: DataSource) -> None:
    feed.write(rounds=1, until=LONG_AGO)
    health = data.health()
    assert datetime.fromisoformat(health["newest_recorded_at"]) < LONG_AGO + timedelta(seconds=1)
    assert 0 <= health["age_s"] < 5
    let_pass(data, 120)
    assert data.health()["age_s"] == pytest.approx(120, abs=5)


def test_a_consumer_that_is_late_makes_it_older(feed: CsvFeed, data: DataSource) -> None:
    feed.write(rounds=1, until=LONG_AGO)
    about = {"topic": TOPIC, "group_id": "g", "member_id": "m", "pid": os.getpid()}
    status = PartitionStatus(partition=0, state="running", lag=500, lag_s=300.0, **about)
    status.write(data.data_dir)
    assert data.health()["age_s"] == pytest.approx(300, abs=5)


def test_it_says_what_time_it_is_for_the_plants(feed: CsvFeed, data: DataSource) -> None:
    feed.write(rounds=1)
    assert data.health()["clock"] is None
    run = RunFile("producer", "producer", topic=TOPIC)
    try:
        run.update(clock=None)
        assert data.health()["clock"] is None
        at = "2026-01-05T12:00:00.000Z"
        run.update(clock={"speed": 144.0, "at": at, "read_at": time.time() - 10})
        clock: dict[str, Any] = data.health()["clock"]
        since = datetime.fromisoformat(clock["simulated_at"]) - datetime.fromisoformat(at)
        assert clock["speed"] == 144
        assert since.total_seconds() == pytest.approx(1440, abs=144 * 3)
        run.update(clock={"speed": 144.0, "at": at, "read_at": time.time() - 10**6})
        late = datetime.fromisoformat(data.health()["clock"]["simulated_at"])
        assert late <= datetime.now(UTC), "never in the future"
    finally:
        run.remove()


@pytest.mark.parametrize(("interval_s", "now_s"), [(1.0, NOW_S), (172.8, 172), (3600.0, 3600)])
def test_now_is_a_round_of_readings(
    feed: CsvFeed, data: DataSource, interval_s: float, now_s: int
) -> None:
    feed.write(rounds=4, interval_s=interval_s, until=LONG_AGO)
    answer = dashboard(data.snapshot(), "sector", 900, None, {}, heat_window_s=None, top=3, limit=3)
    now = answer["now"]
    assert now["window_s"] == now_s
    assert now["facilities"] == feed.facilities
    assert now["records"] == feed.facilities * (1 if interval_s > 1 else 4)
