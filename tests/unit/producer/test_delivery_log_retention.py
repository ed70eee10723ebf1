"""Delivery logs of ended runs go by age and bytes; their counts stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from labkit.producer.delivery_log import DeliveryLog, delivery_log_dir
from labkit.producer.delivery_log_retention import remove_old_delivery_logs
from labkit.producer.sent_counts import SentCounts, SentCountsFile, read_sent_counts

TOPIC_ID = "a-topic-id"
DAY_S = 86_400


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))


def run(name: str, age_days: float, state: str = "ended", records: int = 10) -> Path:
    counts = SentCountsFile("co2", TOPIC_ID, name)
    with DeliveryLog(TOPIC_ID, counts.run) as log:
        for number in range(records):
            log.sent(number, number % 2, b"value", "id", 5)
            log.acked(number, number % 2, number // 2, 5)
    counted = log.path.stat().st_size
    counts.write(SentCounts(records, 5 * records, records, 5 * records), state, counted)
    at = time.time() - age_days * DAY_S
    os.utime(log.path, (at, at))
    return log.path


def there() -> set[Path]:
    return set(delivery_log_dir(TOPIC_ID).glob("*.csv"))


def test_by_default_all_stay() -> None:
    paths = {run("old", 1000), run("new", 0)}
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == paths


def test_logs_of_ended_runs_go_by_age_and_what_they_held_stays_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LABKIT_RETENTION_DAYS", "7")
    run("old", 8)
    stay = {run("new", 6), run("killed or running", 9, "running")}
    without_counts = delivery_log_dir(TOPIC_ID) / "unknown.csv"
    without_counts.write_bytes(b"")
    os.utime(without_counts, (0, 0))
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == {*stay, without_counts}
    assert read_sent_counts(TOPIC_ID).acked == 30


def test_the_oldest_go_until_the_rest_is_small_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    oldest, second, running = run("a", 3), run("b", 2), run("c", 1, "running")
    limit = second.stat().st_size + running.stat().st_size
    monkeypatch.setenv("LABKIT_RETENTION_BYTES", str(limit))
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == {second, running}
    monkeypatch.setenv("LABKIT_RETENTION_BYTES", "1")
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == {running}
    assert not oldest.exists()
