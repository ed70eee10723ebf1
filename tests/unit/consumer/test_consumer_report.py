"""What a consumer says on standard error of partitions that cannot go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from kafka import TopicPartition

from labkit.consumer.consumer_report import ConsumerReport
from labkit.consumer.rebalance_listener import SETTLED_S, PartitionState

FULL, LOCKED = "the disk is full", "another process writes it"


class Spoken:
    """A report of three partitions, and what it has said since the last look."""

    def __init__(self, folder: Path) -> None:
        self.states = {TopicPartition("co2", number): PartitionState() for number in range(3)}
        self.lines: list[str] = []
        assignment = SimpleNamespace(partitions=self.states)
        self.report = ConsumerReport(None, assignment, "co2", "g", folder, self.lines.append)

    def hold(self, number: int, reason: str) -> None:
        state = self.states[TopicPartition("co2", number)]
        state.trouble, state.retry_at = reason, 0.0

    def resume(self, number: int, since_s: float) -> None:
        state = self.states[TopicPartition("co2", number)]
        state.retry_at, state.resumed_at = None, time.monotonic() - since_s

    def said(self, problem: str = "") -> list[str]:
        self.lines.clear()
        self.report._say_changes(problem)
        return list(self.lines)


@pytest.fixture
def spoken(lab_dir: Path) -> Iterator[Spoken]:
    one = Spoken(lab_dir)
    yield one
    one.report.close()


def test_a_trouble_is_said_once_with_all_its_partitions_and_then_its_end(spoken: Spoken) -> None:
    assert spoken.said() == []
    spoken.hold(0, FULL)
    spoken.hold(2, FULL)
    assert spoken.said() == [f"partitions 0, 2 cannot go on: {FULL}"]
    assert spoken.said() == []
    spoken.hold(1, LOCKED)
    assert spoken.said() == [f"partition 1 cannot go on: {LOCKED}"], "and not the others again"
    spoken.resume(0, since_s=0)
    assert spoken.said() == [], "it is only being tried again"
    spoken.resume(0, since_s=SETTLED_S)
    assert spoken.said() == ["partition 0 can go on again"]


def test_a_trouble_that_lasts_is_said_again(spoken: Spoken) -> None:
    spoken.hold(0, FULL)
    spoken.said()
    spoken.report._say_again_at = 0.0  # a minute has passed
    assert spoken.said() == [f"partition 0 cannot go on: {FULL}"]
    assert spoken.said() == []


def test_what_keeps_every_partition_from_going_on_is_said_once(spoken: Spoken) -> None:
    assert spoken.said("no broker") == ["partitions 0, 1, 2 cannot go on: no broker"]
    assert spoken.said("no broker") == []
    assert spoken.said() == ["partitions 0, 1, 2 can go on again"]
