"""Faults that come with the traffic: a hot partition, poison records, a restless group."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError

from labkit.broker import kafka_clients
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.faults.fault_kinds import FaultKind, Scene
from labkit.producer.send_loop import produce
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import BAD_RECORDS, BadRecord, spoil
from labkit.readings.pacing import Pace, at_rate
from labkit.topics.topics import describe_topic

HOT_READINGS_PER_S = 300.0
STAYS_S = (0.3, 2.0)  # how long the idle member keeps what it was given
LONGEST_STAY_S = 8.0
POISON_SHARE = 0.8  # of the fault's time; in the rest the last of them are dealt with


def hot_partition(scene: Scene) -> None:
    """Send 300 readings a second of one facility: one key, so all go to one partition.

    Watch: `labkit topics describe` and the lag in `labkit status`: one partition has all the work,
    and more consumers do not help it, for a partition has one reader in a group.

    Promise: nothing is lost or stored twice; the ledger weighs these readings too.
    """
    describe_topic(scene.topic)
    fleet = Fleet(scene.plan.seed, size=1)
    (facility,) = fleet.facilities
    scene.will_break(f"the partition of the key {facility.facility_id} in {scene.topic}")
    source = at_rate(fleet.readings_now(), Pace(HOT_READINGS_PER_S, time.monotonic()))
    scene.meanwhile(lambda stop: produce(scene.topic, source, stop, name="hot-partition"))


def poison_records(scene: Scene) -> None:
    """Send records that are no readings: every way to be bad that the lab knows, once.

    Watch: each becomes one dead letter, with the reason in its headers; the readings behind it
    flow on.

    Promise: no bad record stops a partition or reaches the CSV, and none is lost.
    """
    describe_topic(scene.topic)
    names = sorted(BAD_RECORDS)
    scene.rng.shuffle(names)
    scene.will_break(f"{len(names)} bad records among the readings of {scene.topic}")
    pace = Pace(len(names) / (scene.plan.for_s * POISON_SHARE), time.monotonic())
    source = at_rate(_spoilt(Fleet(scene.plan.seed), names), pace)
    scene.meanwhile(lambda stop: produce(scene.topic, source, stop, name="poison-records"))


def _spoilt(fleet: Fleet, names: list[str]) -> Iterator[BadRecord]:
    for name in names:
        yield spoil(name, fleet.reading(datetime.now(UTC)))


def rebalance_storm(scene: Scene) -> None:
    """Let a member that never reads join and leave the group, over and over.

    Watch: each coming and going is a rebalance. Where the group has fewer members than the topic
    has partitions, one of them moves to the idle member, and stands still until it goes.

    Promise: each partition has one writer at any time; nothing is lost or stored twice.
    """
    describe_topic(scene.topic)
    scene.will_break(f"the group {scene.group_id}")
    scene.meanwhile(lambda stop: _come_and_go(scene, stop))


def _come_and_go(scene: Scene, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            _join_and_leave(scene, stop)
        except (LabError, KafkaError):
            stop.wait(1.0)  # the brokers have troubles of their own just now
        stop.wait(scene.rng.uniform(0.2, 1.0))


def _join_and_leave(scene: Scene, stop: threading.Event) -> None:
    """Be a member until it has been given something, which takes two rounds of heartbeats."""
    settings: dict[str, Any] = {
        "group_id": scene.group_id,
        "enable_auto_commit": False,
        "session_timeout_ms": load_config().session_timeout_ms,
        "partition_assignment_strategy": [CooperativeStickyAssignor],  # as the group's members
    }
    member = kafka_clients.consumer(**settings)
    try:
        member.subscribe([scene.topic], listener=_Idle(member))
        until = time.monotonic() + LONGEST_STAY_S
        has_some = False
        while time.monotonic() < until and not stop.is_set():
            member.poll(timeout_ms=100)
            if member.assignment() and not has_some:
                has_some = True
                until = min(until, time.monotonic() + scene.rng.uniform(*STAYS_S))
    finally:
        member.close(autocommit=False, timeout_ms=3_000)


class _Idle(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """A member that takes partitions, and reads nothing from them."""

    def __init__(self, member: KafkaConsumer) -> None:
        self._member = member

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        for partition in assigned:
            self._member.seek(partition, 0)  # any position, so that it asks for none
            self._member.pause(partition)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        pass


KINDS = (
    FaultKind("rebalance-storm", rebalance_storm),
    FaultKind("hot-partition", hot_partition),
    FaultKind("poison-records", poison_records),
)
