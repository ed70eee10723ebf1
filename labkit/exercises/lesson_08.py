"""08 · When things break: three brokers that replace each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from typing import Any

from labkit.broker.broker import find_broker
from labkit.core.errors import BrokerUnavailable
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, refusal, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic
from labkit.topics.topic_model import Partition, Topic

TOPIC = "lesson08-copied"
ELECTION_TIMEOUT_S = 30.0
SYNC_TIMEOUT_S = 30.0
IN_LIST = "In the list that your function returned is"


@exercise
def q1(next_leader: Callable[[Partition, int], Any]) -> str:
    """Write `next_leader(partition, dead)`: the broker that leads if broker `dead` dies.

    A partition has `.leader`, `.replicas` and `.isr`. Kafka keeps the leader if it is alive; else
    it takes the first of the replicas, in the order of that list, that is alive and in sync.
    If no broker qualifies, return None.
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
def q2(under_replicated: Callable[[Sequence[Partition]], Any]) -> str:
    """Write `under_replicated(partitions)`: a list of the numbers of under-replicated partitions.

    `partitions` is a list such as `lab.describe_topic(topic).partitions`. A partition's number is
    its `.partition`.
    """
    topic = existing_topic(TOPIC)
    cases = [list(topic.partitions), *_made_up_topics()]
    for partitions in cases:
        said = under_replicated(list(partitions))
        right = [one.partition for one in partitions if len(one.isr) < len(one.replicas)]
        if not isinstance(said, list | tuple | set):
            raise NotYet(refusal(said, "a list of numbers", RETURNED))
        if other := next((one for one in said if isinstance(one, Partition)), None):
            raise NotYet(
                "You returned the partitions themselves. The answer is a list of their numbers: "
                f"{other.partition} for the first of yours."
            )
        numbers = [whole_number(one, IN_LIST) for one in said]
        if sorted(numbers) != right:
            raise NotYet(f"{_as_text(partitions)} You returned {numbers}.")
    now = [one.partition for one in topic.partitions if len(one.isr) < len(one.replicas)]
    return f"Right for {len(cases)} topics. Of `{TOPIC}`, {many(len(now), 'partition')} are now."


@exercise
def q3() -> str:
    """Restart the dead broker, and wait until `lesson08-copied` has no under-replicated partition.

    `broker.restart(number)` starts a dead broker.
    """
    topic, states = existing_topic(TOPIC), _node_states()
    if topic.replication_factor < 3:
        raise NotYet(
            f"`{TOPIC}` has {many(topic.replication_factor, 'replica')} of each partition: "
            f'`lab.fresh_topic("{TOPIC}", num_partitions=3, replication_factor=3)`.'
        )
    if frozen := [node for node, state in states.items() if state == "frozen"]:
        raise NotYet(f"Broker {frozen[0]} is frozen, not dead: `broker.thaw({frozen[0]})`.")
    if dead := [node for node, state in states.items() if state == "dead"]:
        raise NotAttempted(f"Broker {dead[0]} is still dead.")
    _refuse_if_nothing_happened(topic)
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
    if first.leader == first.replicas[0]:
        return Observed(
            first.leader,
            f"Broker {first.leader} is the first of the replicas {first.replicas}. If it led "
            f"before, too, nothing has changed, because broker {killed} was killed. To try again: "
            f"answer q3, predict, and kill broker {first.leader}.",
        )
    return Observed(
        first.leader,
        f"The controller takes the first replica of the list {first.replicas} that is alive and in "
        f"sync; in sync are {', '.join(map(str, first.isr))} now. "
        "That takes about four seconds after a leader's death. To try again: answer q3, predict, "
        "and kill.",
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


def _made_up_topics() -> Iterator[list[Partition]]:
    """Make topics of three partitions: each partition has from one to three replicas in sync."""
    everyone = (1, 2, 3)
    for counts in product(everyone, repeat=3):
        yield [
            Partition(number, everyone[0], everyone, everyone[:count])
            for number, count in enumerate(counts)
        ]
    # One replica each, and none is missing; and numbers that are not their places in the list.
    yield [Partition(number, 2, (2,), (2,)) for number in range(2)]
    yield [Partition(7, 1, (1, 2), (1,)), Partition(9, 3, (3, 1), (3, 1))]
    # A broker that has come back is the last in sync, whatever its place among the replicas.
    yield [Partition(0, 2, everyone, (2, 3, 1)), Partition(1, 2, (2, 3, 1), (2, 1))]


def _as_text(partitions: Sequence[Partition]) -> str:
    return " ".join(
        f"Partition {one.partition}: replicas {one.replicas}, in sync {one.isr}."
        for one in partitions
    )


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


def _refuse_if_nothing_happened(topic: Topic) -> None:
    """Refuse a new topic, of which every check would be correct without an answer."""
    if not any(one.leader_epoch for one in topic.partitions):
        raise NotAttempted(
            f"No partition of `{TOPIC}` has had another leader yet: run the cells above, which "
            "kill one."
        )


def _node_states() -> dict[int, str]:
    broker = find_broker()
    if broker is None:
        raise BrokerUnavailable("No broker of this lab is running", "lab.start_broker()")
    return {one.node_id: one.state for one in broker.nodes}


def _least_in_sync(topic: Topic) -> int:
    return min(len(one.isr) for one in topic.partitions)
