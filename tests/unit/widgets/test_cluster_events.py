"""What changed between two looks at a cluster, and how it is, in words."""

from __future__ import annotations

from dataclasses import replace

from labkit.topics.topic_model import BrokerView, ClusterView, Partition
from labkit.widgets.cluster_events import changes, summary

THREE = (1, 2, 3)


def brokers(*states: str) -> tuple[BrokerView, ...]:
    return tuple(
        BrokerView(number, state, f"127.0.0.1:{number}")  # type: ignore[arg-type]
        for number, state in enumerate(states, 1)
    )


def led_by(leader: int | None, isr: tuple[int, ...] = THREE, partition: int = 0) -> Partition:
    return Partition(partition, leader, THREE, isr)


CALM = ClusterView("t", True, brokers(*["running"] * 3), 2, (led_by(1), led_by(1, partition=1)))


def test_nothing_changed() -> None:
    assert changes(CALM, CALM) == []


def test_a_killed_leader_is_told_in_order_and_once_for_all_partitions() -> None:
    after = replace(
        CALM,
        brokers=brokers("dead", "running", "running"),
        controller=3,
        partitions=(led_by(3, (2, 3)), led_by(3, (2, 3), 1)),
    )
    assert changes(CALM, after) == [
        "broker 1: running → dead",
        "active controller moved 2 → 3",
        "partitions 0, 1: leader moved 1 → 3",
        "partitions 0, 1: ISR shrank to 2, 3",
    ]
    assert changes(after, CALM) == [
        "broker 1: dead → running",
        "active controller moved 3 → 2",
        "partitions 0, 1: leader moved 3 → 1",
        "partitions 0, 1: ISR grew to 1, 2, 3",
    ]


def test_a_partition_may_lose_its_leader_and_find_one() -> None:
    without = replace(CALM, partitions=(led_by(None, (1,)), led_by(1, partition=1)))
    assert changes(CALM, without) == [
        "partition 0: no leader any more (1 led)",
        "partition 0: ISR shrank to 1",
    ]
    assert changes(without, CALM)[0] == "partition 0: 1 leads"


def test_an_isr_may_change_without_shrinking() -> None:
    after = replace(CALM, partitions=(led_by(1, (1, 2)), led_by(1, partition=1)))
    other = replace(CALM, partitions=(led_by(1, (1, 3)), led_by(1, partition=1)))
    assert changes(after, other) == ["partition 0: ISR changed to 1, 3"]


def test_what_nobody_could_tell_is_no_change() -> None:
    silent = replace(CALM, controller=None, partitions=None)
    assert changes(CALM, silent) == []
    assert changes(silent, CALM) == []


def test_a_sentence_for_every_state() -> None:
    assert summary(CALM) == (
        "3 brokers: 3 running; 2 is the active controller; "
        "all 2 partitions have every replica in sync."
    )
    alone = replace(CALM, partitions=(led_by(1),))
    assert summary(alone).endswith("the one partition has every replica in sync.")
    hurt = replace(
        CALM,
        brokers=brokers("running", "frozen", "dead"),
        controller=None,
        partitions=(led_by(1, (1,)), led_by(1, partition=1)),
    )
    assert summary(hurt) == (
        "3 brokers: 1 running, 1 frozen, 1 dead; 1 of 2 partitions lack replicas in sync."
    )
    assert "1 of 1 partitions have no leader" in summary(replace(CALM, partitions=(led_by(None),)))
    assert "; when last asked, all 2" in summary(replace(CALM, trouble="Nobody answers."))
    assert summary(ClusterView("t", True, (), trouble="No cluster yet.")) == "No cluster yet."
