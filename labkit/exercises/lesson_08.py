"""08 · When things break: three brokers that replace each other."""

from __future__ import annotations

import time
from typing import Any

from labkit.broker.broker import find_broker
from labkit.core.errors import BrokerUnavailable
from labkit.exercises.engine.answer_kinds import whole_number
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
def q1(leader: Any) -> str:
    """Which broker leads partition 0 of `lesson08-copied`?"""
    leader, first = whole_number(leader), existing_topic(TOPIC).partitions[0]
    if leader == first.leader:
        return f"Broker {leader} leads partition 0; {_others(first)} copy it."
    if leader in first.replicas:
        raise NotYet(f"Broker {leader} holds a copy of partition 0, but does not lead it.")
    raise NotYet(f"Broker {leader} is not one of those that hold partition 0: {first.replicas}.")


@exercise
def q2() -> str:
    """Have `lesson08-copied` take a write with acks=all only if two replicas have it."""
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
    """How many brokers can be away, and `lesson08-copied` still takes writes with acks=all?"""
    spare, topic = whole_number(spare), existing_topic(TOPIC)
    wanted = int(topic.config.get("min.insync.replicas", 1))
    true = topic.replication_factor - wanted
    how = f"{topic.replication_factor} replicas, of which {wanted} must be in sync"
    if spare != true:
        raise NotYet(f"You said {spare}. There are {how}: count those that may be missing.")
    return f"{how}: {true} may be away."


@exercise
def q4() -> str:
    """Restart the dead broker, and wait until every partition has three replicas in sync again."""
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
        "consider the old one dead.",
    )


@prediction(possible=range(100_001), solution="ex.p2.predict(0)")
def p2(producer: Producer) -> Observed:
    """A broker is frozen for six seconds, while readings flow. How many readings are lost?"""
    counts = producer.counts
    return Observed(
        counts.failed + counts.unknown,
        f"{counts.acked:,} of {counts.emitted:,} readings are acknowledged, and the rest is on the "
        "way: the producer retried until another broker led.",
    )


def _others(partition: Partition) -> str:
    return " and ".join(str(one) for one in partition.replicas if one != partition.leader)


def _node_states() -> dict[int, str]:
    broker = find_broker()
    if broker is None:
        raise BrokerUnavailable("No broker of this lab is running", "lab.start_broker()")
    return {one.node_id: one.state for one in broker.nodes}


def _least_in_sync(topic: Topic) -> int:
    return min(len(one.isr) for one in topic.partitions)
