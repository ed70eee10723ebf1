"""08 · When things break: three brokers that replace each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

from labkit.broker.broker import find_broker
from labkit.core.errors import BrokerUnavailable
from labkit.exercises.engine.answer_kinds import RETURNED, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic
from labkit.producer.producer import Producer
from labkit.topics.topic_model import Partition, Topic

TOPIC = "lesson08-copied"
ELECTION_TIMEOUT_S = 30.0
SYNC_TIMEOUT_S = 30.0


@exercise
def q1(next_leader: Callable[[Partition, int], Any]) -> str:
    """Write `next_leader(partition, dead)`: the broker that leads if broker `dead` dies.

    A partition has `.leader`, `.replicas` and `.isr`. Kafka keeps the leader if it is alive; else
    it takes the first of the replicas, in the order of that list, that is alive and in sync.
    Nobody fits? Return None.
    """
    cases = [*existing_topic(TOPIC).partitions, *_made_up()]
    for one in cases:
        for dead in sorted(one.replicas):
            said, right = next_leader(one, dead), _next_leader(one, dead)
            if said is not None:
                said = whole_number(said, RETURNED)
            if said != right:
                raise NotYet(
                    f"Leader {one.leader}, replicas {one.replicas}, in sync {one.isr}; broker "
                    f"{dead} dies. You returned {said}: {_slip(one, dead, said)}"
                )
    return f"Right for each broker of {len(cases)} partitions, such as those of `{TOPIC}`."


@exercise
def q2() -> str:
    """Make `lesson08-copied` accept a write with acks=all only if two replicas have it.

    `lab.alter_topic(topic, config={name: value})` changes a setting.
    """
    topic = existing_topic(TOPIC)
    wanted = topic.config.get("min.insync.replicas")
    if wanted is None:
        raise NotAttempted(
            "No `min.insync.replicas` was set on it: the broker's default, 1, applies."
        )
    if int(wanted) > topic.replication_factor:
        raise NotYet(
            f"`min.insync.replicas` is {wanted}, and there are {topic.replication_factor} "
            "replicas: no write could ever succeed."
        )
    if int(wanted) == topic.replication_factor:
        raise NotYet(f"{wanted} means all of them: one missing broker stops all writes.")
    if int(wanted) != 2:
        raise NotYet(f"`min.insync.replicas` is {wanted}: a write that only the leader has counts.")
    return "A write with acks=all now waits until 2 of the 3 replicas have it."


@exercise
def q3(spare: Any) -> str:
    """How many brokers can be down while `lesson08-copied` still accepts writes with acks=all?"""
    spare, topic = whole_number(spare), existing_topic(TOPIC)
    wanted = int(topic.config.get("min.insync.replicas", 1))
    if wanted != 2:
        raise NotAttempted(f"`min.insync.replicas` of `{TOPIC}` is {wanted}: answer q2 first.")
    true = topic.replication_factor - wanted
    if spare > true:
        raise NotYet(f"With {spare} of them down, too few replicas are left to be in sync.")
    if spare < true:
        raise NotYet(f"You said {spare}. Writes go on with more brokers down than that.")
    return f"{topic.replication_factor} replicas, of which {wanted} must be in sync: {true}."


@exercise
def q4() -> str:
    """Restart the dead broker, and wait until every partition has three replicas in sync again.

    `broker.restart(number)` starts a dead broker.
    """
    topic, states = existing_topic(TOPIC), _node_states()
    if frozen := [node for node, state in states.items() if state == "frozen"]:
        raise NotYet(f"Broker {frozen[0]} is frozen, not dead: `broker.thaw({frozen[0]})`.")
    if dead := [node for node, state in states.items() if state == "dead"]:
        raise NotAttempted(f"Broker {dead[0]} is still dead.")
    deadline = time.monotonic() + SYNC_TIMEOUT_S
    while _least_in_sync(topic) < 3:
        if time.monotonic() > deadline:
            raise NotYet("All brokers run, but a replica is still behind; look again in a moment.")
        time.sleep(0.2)
        topic = existing_topic(TOPIC)
    leaders = ", ".join(f"{one.partition} by {one.leader}" for one in topic.partitions)
    return f"Three in sync everywhere; the partitions are led: {leaders}."


@prediction(
    possible=range(1, 4),
    solution="""
    first = lab.describe_topic("lesson08-copied").partitions[0]
    ex.p1.predict(next(one for one in first.replicas if one != first.leader))
    """,
)
def p1(killed: int) -> Observed:
    """The leader of partition 0 is killed. Which broker leads the partition afterwards?"""
    deadline = time.monotonic() + ELECTION_TIMEOUT_S
    first = existing_topic(TOPIC).partitions[0]
    while first.leader in (killed, None):
        if _node_states().get(killed) == "running":
            raise NotAttempted(f"Broker {killed} is running: run the cell that kills it.")
        if time.monotonic() > deadline:
            raise BrokerUnavailable("partition 0 has no new leader yet", "lab.cluster_map()")
        time.sleep(0.2)
        first = existing_topic(TOPIC).partitions[0]
    return Observed(
        first.leader,
        f"The controller takes the first replica of the list {first.replicas} that is alive and in "
        f"sync; in sync are {', '.join(map(str, first.isr))} now. It needed about four seconds to "
        "consider the old one dead. To try again: answer q4, predict, and kill.",
    )


@prediction(possible=range(100_001), solution="ex.p2.predict(0)")
def p2(producer: Producer) -> Observed:
    """A broker is frozen until another one leads its partitions. How many readings are lost?"""
    counts = producer.counts
    return Observed(
        counts.failed + counts.unknown,
        f"{counts.acked:,} of {counts.emitted:,} readings are acknowledged, and the rest is on the "
        "way: the producer retried until another broker led.",
    )


def _next_leader(partition: Partition, dead: int) -> int | None:
    if partition.leader != dead:
        return partition.leader
    fit = [one for one in partition.replicas if one != dead and one in partition.isr]
    return fit[0] if fit else None


def _made_up() -> Iterator[Partition]:
    """Make each partition that three brokers can have, with its replicas in any order."""
    for replicas in permutations((1, 2, 3)):
        for count in (1, 2, 3):
            for isr in permutations(replicas, count):
                for leader in sorted(isr):
                    yield Partition(0, leader, replicas, isr)


def _slip(partition: Partition, dead: int, said: int | None) -> str:
    if said == dead:
        return "that is the dead one."
    if said is None:
        return "a broker is left that may lead."
    if partition.leader != dead:
        return "the leader is alive."
    if said not in partition.isr:
        return "that one is not in sync."
    return "the order of the replicas counts."


def _node_states() -> dict[int, str]:
    broker = find_broker()
    if broker is None:
        raise BrokerUnavailable("No broker of this lab is running", "lab.start_broker()")
    return {one.node_id: one.state for one in broker.nodes}


def _least_in_sync(topic: Topic) -> int:
    return min(len(one.isr) for one in topic.partitions)
