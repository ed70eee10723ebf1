"""02 · Topics: partitions, keys, replicas, retention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic, records_of
from labkit.topics.topic_metadata import ask_cluster

KEYS_TOPIC = "lesson02-keys"
GROWN_TOPIC = "lesson02-grown"
HOUR_MS = 3_600_000


@prediction(possible=range(1, 4), solution="ex.p1.predict(1)")
def p1() -> Observed:
    """Twelve records with one and the same key go into a topic of three partitions.

    In how many of the partitions will they be?
    """
    found = [record for record in records_of(KEYS_TOPIC) if record.key == b"PL-COAL-001"]
    if not found:
        raise NotAttempted("Nothing has been sent yet: run the cell above this one.")
    used = sorted({record.partition for record in found})
    where = ", ".join(map(str, used))
    return Observed(
        len(used),
        f"All {len(found)} records with the key `PL-COAL-001` are in partition {where}: "
        "the client hashes the key's bytes, and the same bytes give the same partition.",
    )


@prediction(possible=("stays", "moves"), solution="ex.p2.predict('moves')")
def p2() -> Observed:
    """A topic grows from 3 partitions to 5. Twenty plants send once before and once after.

    Is each plant's second record in the same partition as its first?
    Say 'stays', or 'moves' if any is not.
    """
    places: dict[bytes, list[int]] = {}
    for record in sorted(records_of(GROWN_TOPIC), key=lambda record: record.timestamp):
        places.setdefault(record.key, []).append(record.partition)
    if not any(len(found) > 1 for found in places.values()):
        raise NotAttempted("The topic has not grown yet: run the cell above this one.")
    moved = [key.decode() for key, found in places.items() if len(set(found)) > 1]
    return Observed(
        "moves" if moved else "stays",
        f"{len(moved)} of {len(places)} keys now go to another partition, `{moved[0]}` for one: "
        "hash % 5 is not hash % 3. The old records stay where they are, so a plant's readings are "
        "in two logs, and their order across the two is lost.",
    )


@exercise
def q1() -> str:
    """Make a topic `lesson02-plants` with 4 partitions."""
    topic = existing_topic("lesson02-plants")
    if topic.num_partitions != 4:
        raise NotYet(
            f"The cluster says that `lesson02-plants` has {topic.num_partitions} partitions. "
            "Kafka can add some (`lab.alter_topic`), but never remove one: if there are too "
            'many, start again with `lab.delete_topic("lesson02-plants")`.'
        )
    leaders = ", ".join(f"{one.partition} by broker {one.leader}" for one in topic.partitions)
    return f"The cluster has `lesson02-plants` with 4 partitions, and their leaders: {leaders}."


@exercise
def q2(partition_of: Callable[[bytes, int], Any]) -> str:
    """Write `partition_of(key, num_partitions)`: where a record with that key goes.

    It is compared with where the records of `lesson02-keys` really are.
    """
    topic, found = existing_topic(KEYS_TOPIC), records_of(KEYS_TOPIC)
    keyed = [record for record in found if record.key is not None]
    if not keyed:
        raise NotAttempted(f"`{KEYS_TOPIC}` has no records with a key: run the cells above.")
    wrong = [
        (record.key, said, record.partition)
        for record in keyed
        if (said := partition_of(record.key, topic.num_partitions)) != record.partition
    ]
    if wrong:
        key, said, seen = wrong[0]
        share = f"{len(wrong)} of {len(keyed)} records are elsewhere"
        raise NotYet(f"{share}: for {key!r} you said {said!r}, and Kafka has it in {seen}.")
    return f"It is right for all {len(keyed)} records with a key in `{KEYS_TOPIC}`."


@exercise
def q3(largest: Any) -> str:
    """What is the largest replication factor that this cluster can give a topic now?"""
    largest = whole_number(largest)
    brokers = ask_cluster(lambda client: len(client.describe_cluster()["brokers"]))
    if largest != brokers:
        raise NotYet(
            f"You said {largest}. This cluster has {many(brokers, 'broker')}. Two copies on one "
            "broker would be lost together, so Kafka refuses that."
        )
    return f"The cluster has {many(brokers, 'broker')}, and a partition at most as many replicas."


@exercise
def q4() -> str:
    """Make a topic `lesson02-hour` that keeps each record for one hour."""
    topic = existing_topic("lesson02-hour")
    kept = topic.config.get("retention.ms")
    if kept is None:
        raise NotYet(
            "`lesson02-hour` is there, but no `retention.ms` was set on it: it keeps the broker's "
            'default, 7 days. `lab.alter_topic("lesson02-hour", config=...)` changes that.'
        )
    if int(kept) != HOUR_MS:
        raise NotYet(
            f"`retention.ms` is {int(kept):,}. That is {int(kept) / HOUR_MS:g} hours: the unit is "
            "milliseconds."
        )
    return (
        f"`retention.ms` is {HOUR_MS:,}. Kafka deletes whole segments of a log, so a record may "
        "stay longer than that, but is never deleted earlier."
    )
