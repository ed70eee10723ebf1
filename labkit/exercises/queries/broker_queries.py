"""What checks ask the cluster: a topic's records, a group's offsets and members.

A learner could type each of them. They are bounded, belong to no consumer group, and change
nothing.
"""

from __future__ import annotations

from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from labkit.broker import kafka_clients
from labkit.core.errors import BadReading, TopicNotFound
from labkit.exercises.engine.outcome import NotAttempted
from labkit.readings.reading import Reading
from labkit.topics.read_topic import read_to_end
from labkit.topics.topic_metadata import ask_cluster
from labkit.topics.topic_model import Topic
from labkit.topics.topics import describe_topic


def existing_topic(name: str) -> Topic:
    """Return a topic as the cluster has it; a missing topic was not attempted."""
    try:
        return describe_topic(name)
    except TopicNotFound as error:
        msg = f"There is no topic `{name}` on the cluster yet."
        raise NotAttempted(msg) from error


def records_of(name: str, limit: int = 20_000) -> list[Any]:
    """Return the records that a topic holds now, partition by partition, in order.

    Parameters
    ----------
    name : str
        The topic; where it does not exist, nothing was attempted.
    limit : int
        Read at most this many records of each partition, the newest ones.

    Returns
    -------
    list of kafka.consumer.fetcher.ConsumerRecord
        With ``partition``, ``offset``, ``key``, ``value``, ``headers`` and ``timestamp``.
    """
    topic = existing_topic(name)
    ends = {
        TopicPartition(name, one.partition): one.end_offset or 0
        for one in topic.partitions
        if one.records
    }
    starts = {one.partition: one.start_offset or 0 for one in topic.partitions}
    with kafka_clients.consumer(enable_auto_commit=False, auto_offset_reset="earliest") as client:
        client.assign(list(ends))
        for place, end in ends.items():
            client.seek(place, max(starts[place.partition], end - limit))
        found = list(read_to_end(client, ends))
    kept = [one for one in found if one.offset < ends[TopicPartition(name, one.partition)]]
    return sorted(kept, key=lambda record: (record.partition, record.offset))


def attempts_in(name: str) -> list[Any]:
    """Return what was sent to an exercise's topic; an empty one was not attempted."""
    found = records_of(name)
    if not found:
        raise NotAttempted(f"`{name}` holds no record yet.")
    return found


def why_invalid(record: Any) -> str:
    """Return why a record's value is not a valid reading; empty if it is one."""
    try:
        Reading.from_json(record.value, record.timestamp)
    except BadReading as error:
        return error.what
    return ""


def log_bytes_of(name: str) -> int:
    """Return how many bytes a topic's records take in the log of one replica, batches as sent."""
    existing_topic(name)
    dirs = ask_cluster(lambda client: client.describe_log_dirs())
    logs = [one for broker in dirs for one in broker["log_dirs"]]
    kept = [topic for one in logs for topic in one["topics"] if topic["name"] == name]
    sizes: dict[int, int] = {}  # of each partition, the replica that has most
    for part in (part for topic in kept for part in topic["partitions"]):
        number, size = part["partition_index"], part["partition_size"]
        sizes[number] = max(size, sizes.get(number, 0))
    return sum(sizes.values())


def committed_of(group_id: str, topic: str) -> dict[int, int]:
    """Return the offsets that a group has committed for a topic, by partition; may be empty."""

    def ask(client: Any) -> dict[int, int]:
        try:
            offsets = client.list_group_offsets(group_id)[group_id]
        except (KafkaError, KeyError):  # a group that was never used does not exist
            return {}
        return {
            place.partition: one.offset
            for place, one in offsets.items()
            if place.topic == topic and one.offset >= 0
        }

    return ask_cluster(ask)


def shares_of(group_id: str) -> list[int]:
    """Return how many partitions each member of a group has, the largest share first."""

    def ask(client: Any) -> list[dict[str, Any]]:
        try:
            return list(client.describe_groups([group_id])[group_id]["members"])
        # kafka-python takes every member for a consumer: a ValueError for Connect's workers.
        except (KafkaError, KeyError, ValueError):
            return []

    assignments = [member["member_assignment"] or {} for member in ask_cluster(ask)]
    shares = [
        sum(len(one["partitions"]) for one in assignment.get("assigned_partitions", []))
        for assignment in assignments
    ]
    return sorted(shares, reverse=True)
