"""Delivery logs of runs that are over go by age and bytes; what the ledger needs of them stays."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

from labkit.core.run_files import RunFile
from labkit.ledger.unclaimed_readings import UnclaimedReadings
from labkit.producer import delivery_log_retention
from labkit.producer.delivery_log import DeliveryLog, delivery_log_dir
from labkit.producer.delivery_log_retention import remove_old_delivery_logs
from labkit.producer.sent_counts import SentCounts, SentCountsFile, read_sent_counts

TOPIC_ID = "a-topic-id"
DAY_S = 86_400
MASS_G = 5


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))


def run(
    name: str, age_days: float, offsets: range, unanswered: int = 0, state: str = "ended"
) -> Path:
    """Leave the files of a run; its counts file was last written before its last lines."""
    counts_file, counts = SentCountsFile("co2", TOPIC_ID, name), SentCounts()
    with DeliveryLog(TOPIC_ID, counts_file.run) as log:
        counts_file.write(counts, state, log.path.stat().st_size)
        for offset in offsets:
            log.sent(offset, 0, b"value", f"id-{offset}", co2_g=MASS_G)
            log.acked(offset, 0, offset, MASS_G)
        for number in range(unanswered):
            log.sent(1000 + number, 0, b"value", "id", co2_g=MASS_G)
    at = time.time() - age_days * DAY_S
    os.utime(log.path, (at, at))
    return log.path


def there() -> set[Path]:
    return set(delivery_log_dir(TOPIC_ID).glob("*.csv"))


def test_by_default_all_stay() -> None:
    paths = {run("old", 1000, range(10)), run("new", 0, range(10, 20))}
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == paths


def test_logs_go_by_age_and_what_they_held_stays_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_RETENTION_DAYS", "7")
    run("old", 8, range(10))
    run("killed, every record acknowledged", 8, range(30, 40), state="running")
    stay = {
        run("new", 6, range(10, 20)),
        run("killed, nobody knows of one record", 9, range(20, 30), 1, "running"),
    }
    running = run("running", 9, range(40, 50), state="running")
    run_file = RunFile("producer", "running", topic="co2", run=running.stem)
    before = read_sent_counts(TOPIC_ID)
    assert (before.acked, before.acked_g, before.unknown) == (50, 50 * MASS_G, 1)
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == {*stay, running}
    assert read_sent_counts(TOPIC_ID) == before
    remove_old_delivery_logs(TOPIC_ID)
    assert read_sent_counts(TOPIC_ID) == before
    run_file.remove()


def test_the_oldest_go_until_the_rest_is_small_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    run("a", 3, range(10))
    second, open_run = run("b", 2, range(10, 20)), run("c", 1, range(20, 30), 1)
    limit = second.stat().st_size + open_run.stat().st_size
    monkeypatch.setenv("LABKIT_RETENTION_BYTES", str(limit))
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == {second, open_run}
    monkeypatch.setenv("LABKIT_RETENTION_BYTES", "1")
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == {open_run}


def test_readings_of_a_removed_log_are_not_taken_for_another_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("old", 8, range(0, 20, 2))
    before, after = UnclaimedReadings(TOPIC_ID), UnclaimedReadings(TOPIC_ID)
    before.claim()
    monkeypatch.setenv("LABKIT_RETENTION_DAYS", "7")
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == set()
    for unclaimed in (before, after):
        for offset in range(20):
            unclaimed.add(0, offset, f"id-{offset}", MASS_G)
        unclaimed.claim()
        assert unclaimed.foreign().records == 10


@pytest.mark.parametrize("step", ["write_json", "persist", "unlink"])
@pytest.mark.parametrize("times", [0, 1])
def test_a_kill_between_the_steps_changes_no_figure(
    monkeypatch: pytest.MonkeyPatch, step: str, times: int
) -> None:
    class Killed(BaseException):
        pass

    run("old", 8, range(10), state="running")
    before = read_sent_counts(TOPIC_ID)
    monkeypatch.setenv("LABKIT_RETENTION_DAYS", "7")
    place = Path if step == "unlink" else delivery_log_retention
    action, done = getattr(place, step), 0

    def kill(*arguments: object, **options: object) -> None:
        nonlocal done
        if done == times:
            raise Killed
        done += 1
        action(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(place, step, kill)
        with contextlib.suppress(Killed):
            remove_old_delivery_logs(TOPIC_ID)
    assert read_sent_counts(TOPIC_ID) == before
    remove_old_delivery_logs(TOPIC_ID)
    assert there() == set()
    assert read_sent_counts(TOPIC_ID) == before
