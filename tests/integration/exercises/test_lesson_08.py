"""Lesson 08's checks on three real brokers: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from marking import expect, expect_revealed, solve
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.exercises import lesson_08 as ex
from labkit.exercises.engine.outcome import Outcome

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


def test_q1_the_leader() -> None:
    first = lab.describe_topic(ex.TOPIC).partitions[0]
    follower = next(one for one in first.replicas if one != first.leader)
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_YET, follower, says="holds a copy")
    expect(ex.q1, NOT_YET, 0, says="is not one of those")
    expect(ex.q1, CORRECT, solve(ex.q1)["leader"], says="leads partition 0")


def test_q2_and_q3_how_many_may_be_missing() -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="No `min.insync.replicas`")
    expect(ex.q3, NOT_YET, 1, says="1 must be in sync")
    for value, says in ((1, "only the leader"), (3, "stops all writes"), (4, "no write could")):
        lab.alter_topic(ex.TOPIC, config={"min.insync.replicas": value})
        expect(ex.q2, NOT_YET, says=says)
    solve(ex.q2)
    expect(ex.q2, CORRECT, says="2 of the 3")
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_YET, 2, says="2 must be in sync")
    expect(ex.q3, NOT_YET, 0, says="count those")
    expect(ex.q3, CORRECT, solve(ex.q3)["spare"], says="1 may be away")


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
