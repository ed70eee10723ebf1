"""The ledger from files: what it says of consumers and producers that are gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from csv_feed import TOPIC, CsvFeed

from labkit.api import ledger_from_files
from labkit.api.data_source import DataSource
from labkit.producer.delivery_log import DeliveryLog
from labkit.producer.sent_counts import SentCounts, SentCountsFile
from labkit.sink.checkpoint import csv_topic_id
from labkit.sink.partition_status import PartitionStatus


class Lab:
    """A lab whose files say what a test wants them to say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.feed = CsvFeed(folder)
        self.rows = self.feed.write(rounds=3)
        self.data = DataSource(folder, TOPIC)
        self.grams = int(self.data.snapshot().totals.grams.sum())
        self.one_g = self.grams // self.rows
        topic_id = csv_topic_id(folder, TOPIC)
        assert topic_id
        self._tally = SentCountsFile(TOPIC, topic_id, "producer")
        self._log = DeliveryLog(topic_id, self._tally.run)

    def sent(self, acked: int, state: str = "ended", unanswered: int = 0, **counts: int) -> None:
        grams = self.grams + (acked - self.rows) * self.one_g
        log_bytes = self._log.bytes_written
        for number in range(unanswered):
            self._log.sent(number, 0, b"", f"id-{number}", co2_g=self.one_g)
        self._log.flush()
        self._tally.write(
            SentCounts(
                **{
                    "emitted": acked,
                    "emitted_g": grams,
                    "acked": acked,
                    "acked_g": grams,
                    **counts,
                }
            ),
            state,
            log_bytes,
        )

    def close(self) -> None:
        self._log.close()

    def stored(self, rows: int, age_s: float = 0, state: Any = "running", lag: int = 0) -> None:
        PartitionStatus(
            **{"partition": 0, "topic": TOPIC, "group_id": "g", "member_id": "m"},
            pid=os.getpid(),
            state=state,
            updated_at=datetime.now(UTC) - timedelta(seconds=age_s),
            rows=rows,
            grams=self.grams + (rows - self.rows) * self.one_g,
            lag=lag,
        ).write(self.folder)

    def ledger(self) -> dict[str, Any]:
        return self.data.ledger(self.data.current(self.data.snapshot()))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path / ".labkit"))
    lab = Lab(tmp_path)
    yield lab
    lab.feed.close()
    lab.close()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge at once, as if no figure had changed for a while."""
    monkeypatch.setattr("labkit.ledger.ledger_verdict.SETTLED_S", 0.0)


def test_what_a_killed_consumer_had_not_reported_is_in_the_table(lab: Lab, settled: None) -> None:
    lab.sent(lab.rows)
    lab.stored(lab.rows - 2, age_s=60)
    found = lab.ledger()
    assert found["state"] == "agrees", found["sentence"]
    assert [stage["records"] for stage in found["stages"] if stage["stage"] == "csv"] == [lab.rows]


def test_more_served_than_a_running_consumer_stored_is_phantom(lab: Lab, settled: None) -> None:
    lab.sent(lab.rows - 2)
    lab.stored(lab.rows - 2)
    lab.ledger()  # figures count once they have not changed since an earlier look
    found = lab.ledger()
    assert (found["state"], "another folder" in found["sentence"]) == ("phantom", True)


def test_a_loss_is_red_only_once_nothing_has_changed_for_a_while(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 100.0
    monkeypatch.setattr(ledger_from_files.time, "monotonic", lambda: clock)
    lab.sent(lab.rows + 5)
    lab.stored(lab.rows)
    assert lab.ledger()["state"] == "on the way"
    clock += 14
    assert lab.ledger()["state"] == "on the way"
    lab.sent(lab.rows + 6)
    clock += 14
    assert lab.ledger()["state"] == "on the way"
    clock += 16
    found = lab.ledger()
    assert (found["state"], found["sentence"][:10]) == ("unreported", "6 readings")
    assert "are lost" in found["sentence"]


def test_what_was_sent_after_the_consumer_stopped_is_not_lost(lab: Lab, settled: None) -> None:
    lab.stored(lab.rows, age_s=60, state="stopped")
    lab.sent(lab.rows + 5)
    found = lab.ledger()
    assert found["sentence"].endswith(
        "the consumer's lag is 5 records, and no consumer is running. Next: labkit consume"
    )
    assert "lost" not in found["sentence"]


@pytest.mark.parametrize("sent", [3, 5])
def test_what_a_killed_producer_had_not_counted_is_in_its_log(
    lab: Lab, settled: None, sent: int
) -> None:
    """Three of the readings that it sent in its last second are stored, all without an answer."""
    lab.sent(lab.rows - 3, state="running", unanswered=sent)
    lab.stored(lab.rows)
    found = lab.ledger()
    assert found["state"] == "agrees", found["sentence"]
    assert [stage["records"] for stage in found["stages"]] == [lab.rows - 3 + sent] + [lab.rows] * 4
    assert found["unknown"] == sent - 3
    assert ("labkit ledger --settle" in found["sentence"]) == (sent > 3)
