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


def test_q2_the_under_replicated_partitions(three_brokers: Broker) -> None:
    def blank(partitions): ...

    def prints_them(partitions: Any) -> None:
        print(partitions)

    def by_loop(partitions: Any) -> tuple[int, ...]:
        found = ()
        for one in partitions:
            if set(one.replicas) - set(one.isr):
                found += (one.partition,)
        return found

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    wrong: list[tuple[Any, str]] = [
        (lambda them: [one.partition for one in them if len(one.isr) < 3], "replicas (2,)"),
        (lambda them: [one.partition for one in them if len(one.isr) == 1], "You returned"),
        (lambda them: [n for n, one in enumerate(them) if one.isr != one.replicas], "You returned"),
        (lambda them: [one.partition for one in them if one.isr == one.replicas], "You returned"),
        (lambda them: sum(len(one.isr) < len(one.replicas) for one in them), "a list of numbers"),
        (lambda them: [one for one in them if len(one.isr) < 3], "the partitions themselves"),
        (
            lambda them: [one.partition for one in them if one.isr != one.replicas],
            "in sync (2, 3, 1)",
        ),
        (lambda them: [str(one.partition) for one in them], "In the list that your function"),
        (lambda them: [], "in sync (1,)"),  # true of the topic, and a cheat
    ]
    for function, says in wrong:
        expect(ex.q2, NOT_YET, function, says=says)
    expect(ex.q2, NOT_YET, prints_them, says="returned nothing")
    solution = solve(ex.q2)["under_replicated"]
    for function in (solution, by_loop, lambda them: set(solution(them))):
        expect(ex.q2, CORRECT, function, says="0 partitions are now")
    three_brokers.kill(3)
    wait_until(lambda: in_sync() == 2)
    expect(ex.q2, CORRECT, solution, says="3 partitions are now")
    three_brokers.restart(3)
    wait_until(lambda: in_sync() == 3)


def test_p1_and_q3_a_leader_dies_and_comes_back(three_brokers: Broker) -> None:
    first = lab.describe_topic(ex.TOPIC).partitions[0]
    killed = first.leader
    assert killed is not None
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, killed, says="is running")
    solve(ex.p1, ex=ex)  # commits the right prediction, while the old leader lives
    three_brokers.kill(killed)
    assert ex.p1.reveal(killed).is_correct
    expect_revealed(ex.p1, killed, NOT_YET, killed, says=f"You said {killed}")
    expect(ex.q3, NOT_ATTEMPTED, says=f"Broker {killed} is still dead")
    solve(ex.q3, broker=three_brokers, killed=killed)
    expect(ex.q3, CORRECT, says="Three in sync everywhere")
    three_brokers.freeze(killed)
    expect(ex.q3, NOT_YET, says=f"broker.thaw({killed})")
    three_brokers.thaw(killed)
    wait_until(lambda: in_sync() == 3)


def test_p1_another_broker_was_killed(three_brokers: Broker) -> None:
    first = lab.describe_topic(ex.TOPIC).partitions[0]
    killed = first.replicas[-1]
    three_brokers.kill(killed)
    expect_revealed(ex.p1, killed, NOT_YET, killed, says=f"because broker {killed} was killed")
    expect(ex.q3, NOT_ATTEMPTED, says=f"Broker {killed} is still dead")
    lab.start_broker()
    expect(ex.q3, CORRECT, says="Three in sync everywhere")
    for fewer, says in ((1, "has 1 replica of each"), (2, "has 2 replicas of each")):
        lab.fresh_topic(ex.TOPIC, num_partitions=3, replication_factor=fewer)
        expect(ex.q3, NOT_YET, says=says)  # a topic that asks for less
    lab.fresh_topic(ex.TOPIC, num_partitions=3, replication_factor=3)
    expect(ex.q3, NOT_ATTEMPTED, says="has had another leader yet")  # blank is not right
    three_brokers.restart(first.replicas[0])  # another way: who stops in good order hands over
    wait_until(lambda: in_sync() == 3)
    expect(ex.q3, CORRECT, says="Three in sync everywhere")
    lab.delete_topic(ex.TOPIC)
    for task, answers in ((ex.q2, [len]), (ex.q3, [])):
        expect(task, NOT_ATTEMPTED, *answers, says=f"no topic `{ex.TOPIC}`")
