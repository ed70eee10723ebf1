"""Lesson 08's checks on three real brokers: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from marking import expect, expect_revealed, solve
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.exercises import lesson_08 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.topics.topic_model import Partition

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED


@pytest.fixture(autouse=True)
def fresh(three_brokers: Broker) -> Iterator[None]:
    lab.fresh_topic(ex.TOPIC, num_partitions=3, replication_factor=3)
    yield
    gc.collect()  # here, where the sockets that it finds are expected


def in_sync() -> int:
    return min(len(one.isr) for one in lab.describe_topic(ex.TOPIC).partitions)


def first_in_sync(partition: Partition, dead: int) -> int | None:
    if dead != partition.leader:
        return partition.leader
    return next((one for one in partition.replicas if one in partition.isr and one != dead), None)


def by_loop(partition: Partition, dead: int) -> int | None:
    alive = [one for one in partition.replicas if one in partition.isr]
    if dead in alive and partition.leader == dead:
        alive.remove(dead)
        return alive[0] if alive else None
    return partition.leader


def test_q1_the_next_leader() -> None:
    def blank(partition, dead): ...

    def prints_it(partition: Partition, dead: int) -> None:
        print(partition.leader)

    known = {one.partition: one for one in lab.describe_topic(ex.TOPIC).partitions}
    wrong: list[tuple[Any, str]] = [
        (lambda one, dead: one.leader, "that is the dead one"),
        (prints_it, "a broker is left that may lead"),
        (lambda one, dead: next(i for i in one.replicas if i != dead), "not in sync"),
        (lambda one, dead: str(one.leader), "Leave out the quotation marks"),
        (lambda one, dead: 7 if one.leader == dead else one.leader, "not in sync"),
        (lambda one, dead: first_in_sync(known[one.partition], dead), "You returned"),  # a look-up
        (
            lambda one, dead: first_in_sync(replace(one, replicas=one.isr), dead),
            "the order of the replicas counts",
        ),
    ]
    expect(ex.q1, NOT_ATTEMPTED, blank, says="three dots")
    for function, says in wrong:
        expect(ex.q1, NOT_YET, function, says=says)
    for function in (first_in_sync, by_loop, solve(ex.q1)["next_leader"]):
        expect(ex.q1, CORRECT, function, says="Right for each broker")


def test_q2_and_q3_how_many_may_be_missing() -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="No `min.insync.replicas`")
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_ATTEMPTED, 1, says="answer q2 first")
    for value, says in ((1, "only the leader"), (3, "stops all writes"), (4, "no write could")):
        lab.alter_topic(ex.TOPIC, config={"min.insync.replicas": value})
        expect(ex.q2, NOT_YET, says=says)
    lab.alter_topic(ex.TOPIC, config={"min.insync.replicas": "2"})  # text is a way, too
    expect(ex.q2, CORRECT, says="2 of the 3")
    lab.fresh_topic(
        ex.TOPIC, num_partitions=3, replication_factor=3, config={"min.insync.replicas": 2}
    )
    expect(ex.q2, CORRECT, says="2 of the 3")
    solve(ex.q2)
    expect(ex.q2, CORRECT, says="2 of the 3")
    for spare, says in ((2, "too few replicas"), (3, "too few"), (0, "Writes go on")):
        expect(ex.q3, NOT_YET, spare, says=says)
    expect(ex.q3, NOT_YET, "1", says="Leave out the quotation marks")
    for right in (1, 1.0, solve(ex.q3)["spare"]):
        expect(ex.q3, CORRECT, right, says="2 must be in sync")


def test_p1_and_q4_a_leader_dies_and_comes_back(three_brokers: Broker) -> None:
    first = lab.describe_topic(ex.TOPIC).partitions[0]
    killed = first.leader
    assert killed is not None
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, killed, says="is running")
    solve(ex.p1, ex=ex)  # commits the right prediction, while the old leader lives
    three_brokers.kill(killed)
    assert ex.p1.reveal(killed).is_correct
    expect_revealed(ex.p1, killed, NOT_YET, killed, says=f"You said {killed}")
    expect(ex.q4, NOT_ATTEMPTED, says=f"Broker {killed} is still dead")
    solve(ex.q4, broker=three_brokers, killed=killed)
    expect(ex.q4, CORRECT, says="Three in sync everywhere")

    three_brokers.freeze(killed)
    expect(ex.q4, NOT_YET, says=f"broker.thaw({killed})")
    three_brokers.thaw(killed)
    wait_until(lambda: in_sync() == 3)


def test_p2_a_frozen_broker_costs_no_reading(three_brokers: Broker) -> None:
    producer = lab.start_producer(ex.TOPIC, readings_per_s=20, seed=7)
    wait_until(lambda: producer.counts.acked > 20)
    frozen = lab.describe_topic(ex.TOPIC).partitions[1].leader
    assert frozen is not None
    three_brokers.freeze(frozen)
    wait_until(lambda: lab.describe_topic(ex.TOPIC).partitions[1].leader not in (frozen, None))
    three_brokers.thaw(frozen)
    wait_until(lambda: in_sync() == 3)
    expect_revealed(ex.p2, 6, NOT_YET, producer, says="You said 6")
    expect_revealed(ex.p2, 0, CORRECT, producer, says="acknowledged")
    producer.stop()
