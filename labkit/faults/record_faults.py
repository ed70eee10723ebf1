"""Faults of records and groups: a hot partition, poison records, a rebalance storm."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError

from labkit.broker import kafka_clients
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.run_files import runs_on
from labkit.faults.fault_kinds import FaultContext, FaultKind
from labkit.producer.send_loop import produce
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import BAD_RECORDS, BadRecord, spoil
from labkit.readings.pacing import Pace, at_rate
from labkit.readings.reading import Reading
from labkit.readings.simulated_clock import SimulatedClock, clock_like
from labkit.topics.topics import describe_topic

HOT_READINGS_PER_S = 300.0
STAY_S = (0.3, 2.0)  # how long the idle member keeps its partitions
MAX_STAY_S = 8.0
POISON_SHARE = 0.8  # of the fault's time; the rest is for handling the last of them


def hot_partition(context: FaultContext) -> None:
    """Send 300 readings a second of one facility: one key, so all go to one partition.

    Watch: `labkit topics describe` and the lag in `labkit status`: one partition gets all the load,
    and more consumers do not help, because a partition has one reader in a group.

    Promise: nothing is lost or stored twice; the ledger counts these readings too.
    """
    describe_topic(context.topic)
    fleet, clock = Fleet(context.plan.seed, size=1), _clock(context)
    (facility,) = fleet.facilities
    context.record_undo(f"the partition of the key {facility.facility_id} in {context.topic}")
    _send(context, fleet.readings_now(now=clock.now), HOT_READINGS_PER_S, clock)


def poison_records(context: FaultContext) -> None:
    """Send one invalid reading of every kind that the lab knows.

    Watch: each becomes one dead letter, with the reason in its headers; the readings after it are
    stored as usual.

    Promise: no invalid record stops a partition or reaches the CSV, and none is lost.
    """
    describe_topic(context.topic)
    names = sorted(BAD_RECORDS)
    context.rng.shuffle(names)
    context.record_undo(f"{len(names)} invalid records among the readings of {context.topic}")
    fleet, clock = Fleet(context.plan.seed), _clock(context)
    malformed = (spoil(name, fleet.reading(clock.now())) for name in names)
    _send(context, malformed, len(names) / (context.plan.for_s * POISON_SHARE), clock)


def _clock(context: FaultContext) -> SimulatedClock:
    """Return the clock of the topic's plants: readings of the present would end their charts."""
    return clock_like(runs_on(context.topic, "producer"))


def _send(
    context: FaultContext,
    records: Iterator[Reading | BadRecord],
    per_s: float,
    clock: SimulatedClock,
) -> None:
    source = at_rate(records, Pace(per_s, time.monotonic()))
    topic, name, stamp_now = context.topic, context.plan.fault, clock.speed > 1
    context.run_in_background(
        lambda stop: produce(topic, source, stop, name=name, stamp_now=stamp_now)
    )


def rebalance_storm(context: FaultContext) -> None:
    """Let a member that never reads join and leave the group repeatedly.

    Watch: each join and each leave causes a rebalance. If the group has fewer members than the
    topic has partitions, one partition moves to the idle member, and stops until it leaves.

    Promise: each partition has one writer at any time; nothing is lost or stored twice.
    """
    describe_topic(context.topic)
    context.record_undo(f"the group {context.group_id}")
    context.run_in_background(lambda stop: _join_and_leave_repeatedly(context, stop))


def _join_and_leave_repeatedly(context: FaultContext, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            _join_and_leave(context, stop)
        except (LabError, KafkaError):
            stop.wait(1.0)  # the brokers have problems of their own now
        stop.wait(context.rng.uniform(0.2, 1.0))


def _join_and_leave(context: FaultContext, stop: threading.Event) -> None:
    """Stay a member until it gets a partition, which takes two rounds of heartbeats."""
    member = kafka_clients.consumer(
        group_id=context.group_id,
        enable_auto_commit=False,
        session_timeout_ms=load_config().session_timeout_ms,
        partition_assignment_strategy=[CooperativeStickyAssignor],  # as the group's members
    )
    try:
        member.subscribe([context.topic], listener=_Idle(member))
        until = time.monotonic() + MAX_STAY_S
        has_some = False
        while time.monotonic() < until and not stop.is_set():
            member.poll(timeout_ms=100)
            if member.assignment() and not has_some:
                has_some = True
                until = min(until, time.monotonic() + context.rng.uniform(*STAY_S))
    finally:
        member.close(autocommit=False, timeout_ms=3_000)


class _Idle(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """A listener that takes partitions and reads nothing from them."""

    def __init__(self, member: KafkaConsumer) -> None:
        self._member = member

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        for partition in assigned:
            self._member.seek(partition, 0)  # any position, so that it requests none
            self._member.pause(partition)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        pass


KINDS = (
    FaultKind("rebalance-storm", rebalance_storm),
    FaultKind("hot-partition", hot_partition),
    FaultKind("poison-records", poison_records),
)
