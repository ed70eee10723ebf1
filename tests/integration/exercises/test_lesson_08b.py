"""Lesson 08b's checks on three real brokers: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaProducer
from kafka.errors import NotEnoughReplicasError
from marking import expect, expect_revealed, solve
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.exercises import lesson_08b as ex
from labkit.exercises.engine.outcome import Outcome

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED


@pytest.fixture(autouse=True)
def fresh(three_brokers: Broker) -> Iterator[None]:
    lab.fresh_topic(
        ex.TOPIC, num_partitions=3, replication_factor=3, config={"min.insync.replicas": 1}
    )
    yield
    gc.collect()  # here, where the sockets that it finds are expected


def in_sync(topic: str = ex.TOPIC) -> int:
    return min(len(one.isr) for one in lab.describe_topic(topic).partitions)


@pytest.fixture
def gone(three_brokers: Broker) -> Iterator[int]:
    """Make the strict topic, and kill a broker that follows."""
    lab.fresh_topic(ex.STRICT, 1, replication_factor=3, config={"min.insync.replicas": 3})
    follower = lab.describe_topic(ex.STRICT).partitions[0].replicas[-1]
    three_brokers.kill(follower)
    wait_until(lambda: in_sync(ex.STRICT) == 2)
    yield follower
    lab.start_broker()
    wait_until(lambda: in_sync(ex.STRICT) == 3)


def send(broker: Broker, acks: str | int) -> None:
    once = {"bootstrap_servers": broker.bootstrap_servers, "enable_idempotence": False}
    with KafkaProducer(acks=acks, retries=0, **once) as sender:
        sender.send(ex.STRICT, b"12 t").get(timeout=20)


def readable() -> int:
    return lab.describe_topic(ex.STRICT).records or 0


def starts_all(broker: Broker, gone: int) -> None:
    lab.start_broker()


def asks_for_less(broker: Broker, gone: int) -> None:
    lab.alter_topic(ex.STRICT, config={"min.insync.replicas": 2})
    expect(ex.q1, NOT_YET, says="Send one more")  # the leader looks again at the next write
    send(broker, 1)


def solves(broker: Broker, gone: int) -> None:
    solve(ex.q1, broker=broker, gone=gone)


@pytest.mark.parametrize("way", [starts_all, asks_for_less, solves])
def test_q1_and_p1_a_record_that_too_few_replicas_have(
    three_brokers: Broker,
    gone: int,
    way: Callable[[Broker, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(NotEnoughReplicasError):
        send(three_brokers, "all")
    expect(ex.q1, NOT_ATTEMPTED, says="3 replicas in sync, and there are 2")
    send(three_brokers, 1)
    send(three_brokers, 1)  # a second one does not help
    assert readable() == 0
    expect(ex.q1, NOT_ATTEMPTED, says="3 replicas in sync, and there are 2")
    expect_revealed(ex.p1, 1, NOT_YET, [], says="You said 1")
    expect_revealed(ex.p1, 0, CORRECT, [], says="here three, and one is dead")
    with monkeypatch.context() as patched:
        patched.setattr(ex, "READABLE_TIMEOUT_S", 3.0)
        way(three_brokers, gone)
    expect(ex.q1, CORRECT, says="records can be read")


def test_q1_without_a_record(three_brokers: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ex, "READABLE_TIMEOUT_S", 0.5)
    lab.fresh_topic(ex.STRICT, 1, replication_factor=3, config={"min.insync.replicas": 3})
    expect(ex.q1, NOT_YET, says="No record of")
    send(three_brokers, "all")
    expect(ex.q1, CORRECT, says="1 record can be read")


def test_q2_and_q3_how_many_may_be_missing() -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="only the leader")
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_ATTEMPTED, 1, says="answer q2 first")
    for value, says in ((3, "stops all writes"), (4, "no write could")):
        lab.alter_topic(ex.TOPIC, config={"min.insync.replicas": value})
        expect(ex.q2, NOT_YET, says=says)
    lab.alter_topic(ex.TOPIC, config={"min.insync.replicas": None})  # the cluster's default is 2
    expect(ex.q2, CORRECT, says="2 of the 3")
    lab.alter_topic(ex.TOPIC, config={"min.insync.replicas": "2"})  # text is a way, too
    expect(ex.q2, CORRECT, says="2 of the 3")
    lab.fresh_topic(
        ex.TOPIC, num_partitions=3, replication_factor=3, config={"min.insync.replicas": 2}
    )
    expect(ex.q2, CORRECT, says="2 of the 3")
    solve(ex.q2)
    expect(ex.q2, CORRECT, says="2 of the 3")
    lab.fresh_topic(ex.TOPIC, replication_factor=2, config={"min.insync.replicas": 2})
    expect(ex.q2, NOT_YET, says="2 means all of them")
    solve(ex.q2)
    lab.fresh_topic(
        ex.TOPIC, num_partitions=3, replication_factor=3, config={"min.insync.replicas": 2}
    )
    for spare, says in ((2, "too few replicas"), (3, "too few"), (0, "Writes go on")):
        expect(ex.q3, NOT_YET, spare, says=says)
    expect(ex.q3, NOT_YET, "1", says="Leave out the quotation marks")
    for right in (1, 1.0, solve(ex.q3)["spare"]):
        expect(ex.q3, CORRECT, right, says="2 must be in sync")


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
