"""The state of a partition without a broker: waiting, flowing, held, revoked."""

from __future__ import annotations

import time
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
    PartitionState,
)
from labkit.core.errors import SinkForeign
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


def assignment(folder: Path, client: Client, **known: Any) -> PartitionAssignment:
    found = PartitionAssignment(client, "co2", folder, 2**20, **known)
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
    assert (client.position, client.paused) == (42, set())
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


def test_what_an_earlier_client_could_not_read_is_held_at_first(tmp_path: Path) -> None:
    known = PartitionState(trouble="a wrong checksum", failures=3)
    mine = assignment(tmp_path, Client(), troubles={PLACE: known})
    state = mine.partitions[PLACE]
    assert (state.waits_for, state.failures) == ("a wrong checksum", 4)
    mine.open_due(lambda: None)
    assert state.is_waiting, "its time has not come"


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
