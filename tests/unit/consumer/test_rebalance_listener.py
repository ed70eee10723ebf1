"""The state of a partition without a broker: waiting, flowing, held, revoked."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from sample_readings import make

from labkit.consumer import rebalance_listener
from labkit.consumer.rebalance_listener import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    OPENING,
    PartitionAssignment,
)
from labkit.core.errors import SinkForeign
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink.csv_log import CsvLog

PLACE = TopicPartition("co2", 0)
TOPIC = SimpleNamespace(name="co2", topic_id="topic-id", cluster_id="cluster-id")


class Client:
    """A consumer's client that records where it reads, and what it has paused."""

    def __init__(self, start: int = 0, end: int = 100) -> None:
        self.start, self.end = start, end
        self.position = -1
        self.paused: set[TopicPartition] = set()
        self._fetcher = SimpleNamespace(
            _paused_partition_records={PLACE: "stale"}, _paused_completed_fetches={}
        )
        self.epoch, self._manager = 1, SimpleNamespace(_conns={1: object()})
        self._cluster = SimpleNamespace(
            leader_for_partition=lambda _place: 1,
            leader_epoch_for_partition=lambda _place: self.epoch,
        )

    def seek(self, _partition: TopicPartition, offset: int) -> None:
        self.position = offset

    def pause(self, partition: TopicPartition) -> None:
        self.paused.add(partition)

    def resume(self, partition: TopicPartition) -> None:
        self.paused.discard(partition)

    def beginning_offsets(self, partitions: list[TopicPartition], _ms: int) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.start)

    def end_offsets(self, partitions: list[TopicPartition], _ms: int) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.end)


@pytest.fixture(autouse=True)
def a_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebalance_listener, "describe_topic", lambda _name: TOPIC)


def assignment(folder: Path, client: Client) -> PartitionAssignment:
    found = PartitionAssignment(client, "co2", folder, 2**20)
    found.on_partitions_assigned({PLACE})
    return found


def a_log(folder: Path) -> CsvLog:
    return CsvLog(folder, "co2", 0, topic_id=TOPIC.topic_id, cluster_id=TOPIC.cluster_id)


def test_a_new_partition_waits_until_its_csv_is_open_and_flows_from_there(tmp_path: Path) -> None:
    with a_log(tmp_path) as log:
        log.append(41, make())
        log.flush()
    client = Client()
    mine = assignment(tmp_path, client)
    state = mine.partitions[PLACE]
    assert (state.waits_for, client.paused, mine.logs) == (OPENING, {PLACE}, {})
    mine.open_due(lambda: None)
    assert not mine.is_waiting
    assert state.waits_for is None
    assert (client.position, client.paused) == (41, set()), "the last row is compared first"
    assert not client._fetcher._paused_partition_records, "stale records are dropped"
    assert (state.start_offset, state.end_offset) == (0, 100)
    mine.close()


def test_a_partition_whose_lock_is_held_is_tried_again_and_less_often(tmp_path: Path) -> None:
    client = Client()
    mine = assignment(tmp_path, client)
    state, waits = mine.partitions[PLACE], []
    with a_log(tmp_path):
        for _ in range(7):
            state.retry_at = 0.0
            mine.open_due(lambda: None)
            assert state.retry_at is not None
            waits.append(state.retry_at - time.monotonic())
            assert "is being written by" in (state.waits_for or "")
            assert client.paused == {PLACE}
    wanted = [min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**number) for number in range(7)]
    assert waits == pytest.approx(wanted, abs=0.15)
    state.retry_at = 0.0
    mine.open_due(lambda: None)
    assert not state.is_waiting
    assert state.trouble, "until something of it is stored"
    state.stored()
    assert (state.trouble, state.failures) == ("", 0)
    mine.close()


def test_a_revoked_partition_frees_its_lock_and_forgets_its_trouble(tmp_path: Path) -> None:
    mine = assignment(tmp_path, Client())
    mine.open_due(lambda: None)
    mine.hold(PLACE, "the disk is full")
    mine.on_partitions_revoked({PLACE})
    state = mine.partitions[PLACE]
    assert (state.waits_for, state.trouble, mine.logs) == (None, "", {})
    a_log(tmp_path).close()


def test_records_that_retention_deleted_are_counted_once(tmp_path: Path) -> None:
    with a_log(tmp_path) as log:
        log.append(9, make())
        log.flush()
    for new in (20, 0):  # once it is in the checkpoint, it is not counted again
        client = Client(start=30)
        mine = assignment(tmp_path, client)
        mine.open_due(lambda: None)
        assert client.position == 30
        assert mine.partitions[PLACE].gap_records == new
        assert mine.logs[PLACE].gap_records == 20
        mine.close()


def test_a_csv_that_is_ahead_of_the_topic_is_refused(tmp_path: Path) -> None:
    with a_log(tmp_path) as log:
        log.append(200, make())
        log.flush()
    mine = assignment(tmp_path, Client(end=100))
    with pytest.raises(SinkForeign, match="the topic ends at 100"):
        mine.open_due(lambda: None)
    mine.close()


def record(offset: int, reading: Reading | None) -> SimpleNamespace:
    value = b"no reading" if reading is None else reading.to_json()
    stamp = 0 if reading is None else reading.timestamp_ms
    return SimpleNamespace(offset=offset, value=value, timestamp=stamp)


READINGS = list(itertools.islice(Fleet(seed=3).readings(datetime.now(UTC), 1.0), 6))


def five_rows(folder: Path) -> None:
    """Store readings at 0, 1, 2 and 4, and a dead letter at 3."""
    with a_log(folder) as log:
        for offset, reading in enumerate(READINGS[:5]):
            if offset == 3:
                log.mark(offset)
            else:
                log.append(offset, reading)
        log.flush()


def opened(folder: Path, client: Client) -> PartitionAssignment:
    mine = assignment(folder, client)
    mine.open_due(lambda: None)
    return mine


def test_the_last_rows_are_compared_and_only_new_records_are_passed_on(tmp_path: Path) -> None:
    five_rows(tmp_path)
    client = Client()
    mine = opened(tmp_path, client)
    assert client.position == 0
    held = [record(n, None if n == 3 else one) for n, one in enumerate(READINGS)]
    assert [one.offset for one in mine.new_records(PLACE, held)] == [5]
    assert not mine.partitions[PLACE].last_rows, "once is enough"
    mine.close()


@pytest.mark.parametrize("gone", [{4}, {0, 1, 2}, {3}, {0, 1, 2, 3, 4}])
def test_records_that_compaction_removed_prove_nothing(tmp_path: Path, gone: set[int]) -> None:
    five_rows(tmp_path)
    mine = opened(tmp_path, Client())
    held = [record(n, None if n == 3 else one) for n, one in enumerate(READINGS) if n not in gone]
    assert [one.offset for one in mine.new_records(PLACE, held)] == [5]
    mine.close()


@pytest.mark.parametrize(
    ("offset", "other", "found"),
    [
        (4, READINGS[5], f"reading {READINGS[4].reading_id}, the topic reading"),
        (4, None, "the topic a record that is not a reading"),
        (0, READINGS[5], "at offset 0"),
    ],
    ids=["another reading", "not a reading", "the first"],  # a reading's id is new in each process
)
def test_rows_of_records_that_the_topic_no_longer_holds_are_refused(
    tmp_path: Path, offset: int, other: Reading | None, found: str
) -> None:
    five_rows(tmp_path)
    mine = opened(tmp_path, Client())
    held = [record(n, None if n == 3 else one) for n, one in enumerate(READINGS)]
    held[offset] = record(offset, other)
    with pytest.raises(SinkForeign, match=found) as caught:
        mine.new_records(PLACE, held)
    assert "partition 0" in caught.value.what
    mine.close()
    before = (tmp_path / "co2" / "0.csv").read_bytes()
    subprocess.run(["sh", "-c", caught.value.next_line], check=True)
    assert (tmp_path / "co2.old" / "0.csv").read_bytes() == before


def test_a_record_between_two_rows_is_another_history(tmp_path: Path) -> None:
    with a_log(tmp_path) as log:
        log.append(1, READINGS[0])
        log.append(3, READINGS[1])
        log.flush()
    mine = opened(tmp_path, Client())
    with pytest.raises(SinkForeign, match="at offset 2 the topic holds a record that has no row"):
        mine.new_records(PLACE, [record(2, READINGS[2])])
    mine.close()


def test_a_partition_of_dead_letters_alone_is_refused_once_a_reading_is_there(
    tmp_path: Path,
) -> None:
    with a_log(tmp_path) as log:
        log.mark(0)
        log.flush()
    mine = opened(tmp_path, Client())
    assert not mine.new_records(PLACE, [record(0, None)])
    with pytest.raises(SinkForeign, match="they have a dead letter, the topic reading"):
        mine.new_records(PLACE, [record(0, READINGS[0])])
    mine.close()


def test_rows_are_compared_again_once_a_broker_may_have_come_back(tmp_path: Path) -> None:
    five_rows(tmp_path)
    client = Client()
    mine = opened(tmp_path, client)
    held = [record(n, None if n == 3 else one) for n, one in enumerate(READINGS)]
    mine.new_records(PLACE, held)
    client._manager._conns[1] = object()
    assert not mine.new_records(PLACE, [record(6, READINGS[0])]), "not before they are compared"
    assert PLACE in client.paused
    client.position = -1
    mine.open_due(lambda: None)
    assert (client.position, client.paused) == (0, set())
    assert len(mine.partitions[PLACE].last_rows) == 5
    mine.close()


def test_a_csv_that_was_deleted_while_it_was_open_is_written_again(tmp_path: Path) -> None:
    five_rows(tmp_path)
    mine = opened(tmp_path, Client())
    shutil.rmtree(tmp_path / "co2")
    mine.check_files()
    state = mine.partitions[PLACE]
    assert "was deleted, moved or overwritten" in state.trouble
    state.retry_at = 0.0
    mine.open_due(lambda: None)
    assert mine.logs[PLACE].next_offset is None
    assert not state.last_rows
    mine.close()
