"""The consumer's loop without a broker: the same CSV with and without its optional fast files."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from labkit.consumer import poll_loop
from labkit.consumer.dead_letter_queue import DeadLetter
from labkit.consumer.optional_fast_decode import PartitionRecords
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import BAD_RECORDS
from labkit.sink.csv_log import CsvLog

PLACE = TopicPartition("co2-emissions", 0)
FLEET = Fleet(seed=8, size=4)  # few plants, so that most of them are known
READINGS = [FLEET.reading(datetime.now(UTC), 1.0) for _ in range(43)]


def fetched() -> bytes:
    """Return one batch as a broker sends it: readings, and every kind of malformed value."""
    builder = MemoryRecordsBuilder(2, 0, 10**8)
    for number, one in enumerate(READINGS):
        builder.append(one.timestamp_ms, b"k", one.to_json(), [])
        if number == 20:
            for spoil in BAD_RECORDS.values():
                builder.append(one.timestamp_ms, b"k", spoil(one), [])
    builder.close()
    return bytes(builder.buffer())


class Member:
    """A member of a group that is given one batch, and then told to stop."""

    undelivered: ClassVar[dict[tuple[int, int], str]] = {}

    def __init__(
        self, topic: str, _group_id: str, data_dir: Path, _owns_process: bool, fast: bool, _say: Any
    ) -> None:
        self.reader = PartitionRecords if fast else Fetcher.PartitionRecords
        self.logs = {PLACE: CsvLog(data_dir, topic, 0, topic_id="t", cluster_id="c")}
        self.client = self.dead_letters = self
        self.gap_records = 0
        self.ends: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.logs[PLACE].close()

    def poll(self, timeout_ms: int) -> Any:
        return {PLACE: self.reader(0, PLACE, MemoryRecords(fetched())).take(10**6)}

    def owned(self, polled: Any) -> Any:
        return polled

    def deliver(self, letters: list[DeadLetter]) -> dict[tuple[int, int], str]:
        return {place: why for place, why in self.undelivered.items() if letters}

    def end_partition(self, *_arguments: Any, **named: Any) -> None:
        last.update(named)
        stop.set()

    def begin_round(self) -> None: ...

    def end_round(self) -> None: ...

    def offsets_to_commit(self) -> dict[Any, Any]:
        return {}


stop = threading.Event()
last: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def a_member(monkeypatch: pytest.MonkeyPatch) -> None:
    stop.clear()
    last.clear()
    monkeypatch.setattr(poll_loop, "GroupMember", Member)


def csv_of(folder: Path) -> bytes:
    return (folder / "co2-emissions" / "0.csv").read_bytes()


def test_without_the_optional_files_the_csv_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {}
    for fast in (True, False):
        stop.clear()
        monkeypatch.setattr(poll_loop, "FAST", fast)
        counts[fast] = poll_loop.consume("co2-emissions", "g", tmp_path / str(fast), stop)
        assert last == {"trouble": None, "close": False}
    assert csv_of(tmp_path / "True") == csv_of(tmp_path / "False")
    assert counts[True] == counts[False]
    assert counts[True].rows == len(READINGS)
    assert counts[True].dead_letters == len(BAD_RECORDS)


def test_the_csv_stops_before_a_dead_letter_that_is_not_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = 21  # the first malformed value of the batch
    monkeypatch.setattr(Member, "undelivered", {(0, first + 2): "later", (0, first): "no queue"})
    counts = poll_loop.consume("co2-emissions", "g", tmp_path, stop)
    assert (counts.rows, counts.dead_letters) == (first, 0)
    assert last == {"trouble": "no queue", "close": False}
    assert csv_of(tmp_path).count(b"\n") == 1 + first
