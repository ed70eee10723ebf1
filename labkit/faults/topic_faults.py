"""Faults of topics: deleted, created again, refusing records, cleared before they were read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

import psutil
from kafka import TopicPartition

from labkit.core.config import dead_letter_topic
from labkit.core.errors import TopicNotFound
from labkit.faults.consumer_faults import process_identity, resume, running_members
from labkit.faults.fault_kinds import FaultContext, FaultKind, does_not_apply
from labkit.sink.partition_status import read_progress
from labkit.topics.topic_metadata import cluster
from labkit.topics.topic_model import Topic
from labkit.topics.topics import alter_topic, delete_topic, describe_topic, ensure_topic

HOLD_S = 4.0  # shorter than a consumer's session, so that the group does not give it up
OLDEST = "message.timestamp.before.max.ms"  # how old a record may be when it arrives


def dlq_gone(context: FaultContext) -> None:
    """Delete the dead-letter queue while consumers need it.

    Watch: the next invalid record has nowhere to go. Its partition waits, with the reason, until
    the queue exists again, and no record is skipped.

    Promise: each invalid record from now on becomes a dead letter at least once, and valid readings
    are stored once and in order.

    Destroys: the dead letters that are in the queue now.
    """
    queue = _dead_letter_queue(context)
    context.record_undo(f"the topic {queue.name}", **_settings(queue))
    delete_topic(queue.name)


def dlq_refuses(context: FaultContext) -> None:
    """Let the dead-letter queue refuse every record: none may be older than 0 ms when it arrives.

    The setting is `message.timestamp.before.max.ms`. The queue exists, but refuses every write.

    Watch: the partition of the next invalid record is paused, with the reason; afterwards it
    continues without help.

    Promise: nothing is skipped, and no dead letter is lost.
    """
    queue = _dead_letter_queue(context)
    before = queue.config.get(OLDEST)
    context.record_undo(f"the topic {queue.name}", name=queue.name, before=before)
    alter_topic(queue.name, config={OLDEST: "0"})


def topic_recreated(context: FaultContext) -> None:
    """Delete the topic and create it again under the same name: offsets begin at 0 again.

    Watch: Kafka gives the new topic another id. The consumers notice it, and refuse to append its
    records to the CSV of another topic: they end with an error that says so.

    Promise: the CSV stays as it is, and gets no row of the new topic.

    Destroys: every record of the topic; rows that are in the CSV stay there.
    """
    topic = describe_topic(context.topic)
    context.record_undo(f"the topic {topic.name} (id {topic.topic_id})", **_settings(topic))
    delete_topic(topic.name)
    _recreate(context.record.undo)


def retention_passes(context: FaultContext) -> None:
    """Delete records that the group has not read yet, as retention does when readers are slow.

    The group's consumers are frozen for up to four seconds; then one partition is cleared
    (`DeleteRecords`) up to its end. It needs a running producer.

    Watch: the consumer reports how many records are missing, and continues with the oldest left.

    Promise: the gap is counted and shown; records that the topic retains are stored once, in order.

    Destroys: the records that one partition holds now, read or not.
    """
    members = [process_identity(run) for run in running_members(context)]
    context.record_undo(f"unread records of {context.topic}", members=members)
    for one in members:
        psutil.Process(one["pid"]).suspend()
    try:
        time.sleep(min(HOLD_S, context.plan.for_s / 2))
        partition, position, end = context.choose(_unread(context))
        with cluster() as client:
            client.delete_records({TopicPartition(context.topic, partition): end})
        victim = f"partition {partition} of {context.topic}, records {position} to {end - 1}"
        context.record_undo(victim, members=members)
    finally:
        _resume_all(context.record.undo)


def _unread(context: FaultContext) -> list[tuple[int, int, int]]:
    """Return partition, position and end of each partition that holds unread records."""
    ends = describe_topic(context.topic).end_offsets
    found = [
        (status.partition, status.position or 0, ends.get(status.partition) or 0)
        for status in read_progress(context.data_dir, context.topic)
    ]
    unread = [one for one in found if one[1] < one[2]]
    if not unread:
        why = "the consumers have read everything, and no new records arrive"
        raise does_not_apply(context.plan.fault, why, "labkit produce   (in another terminal)")
    return unread


def _dead_letter_queue(context: FaultContext) -> Topic:
    name = dead_letter_topic(context.topic)
    try:
        return describe_topic(name)
    except TopicNotFound:
        why = f"there is no {name} yet: no record has been invalid so far"
        raise does_not_apply(context.plan.fault, why, "labkit break poison-records") from None


def _settings(topic: Topic) -> dict[str, Any]:
    """Return the arguments that create the topic again, empty."""
    return {
        "name": topic.name,
        "num_partitions": topic.num_partitions,
        "replication_factor": topic.replication_factor,
        "config": topic.config,
    }


def _recreate(undo: Mapping[str, Any]) -> None:
    try:
        describe_topic(undo["name"])
    except TopicNotFound:
        ensure_topic(**undo)


def _restore_setting(undo: Mapping[str, Any]) -> None:
    with contextlib.suppress(TopicNotFound):  # it was deleted meanwhile
        alter_topic(undo["name"], config={OLDEST: undo["before"]})


def _resume_all(undo: Mapping[str, Any]) -> None:
    for one in undo["members"]:
        resume(one)


KINDS = (
    FaultKind("dlq-gone", dlq_gone, _recreate),
    FaultKind("dlq-refuses", dlq_refuses, _restore_setting),
    FaultKind("topic-recreated", topic_recreated, _recreate),
    FaultKind("retention-passes", retention_passes, _resume_all),
)
