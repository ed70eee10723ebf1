"""Faults of topics: gone, made anew, refusing, or cleared before they were read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

import psutil
from kafka import TopicPartition

from labkit.core.config import dead_letter_topic
from labkit.core.errors import TopicNotFound
from labkit.core.processes import is_alive, is_labkit
from labkit.core.run_files import read_run_files
from labkit.faults.fault_kinds import FaultKind, Scene, does_not_apply
from labkit.sink.partition_status import read_progress
from labkit.topics.topic_metadata import cluster
from labkit.topics.topic_model import Topic
from labkit.topics.topics import alter_topic, delete_topic, describe_topic, ensure_topic

HOLD_S = 4.0  # shorter than a consumer's session, so that the group does not give it up
OLDEST = "message.timestamp.before.max.ms"  # how old a record may be when it arrives


def dlq_gone(scene: Scene) -> None:
    """Delete the dead-letter queue while consumers need it.

    Watch: the next bad record has nowhere to go. Its partition waits with the reason until there
    is a queue again, and no record is skipped.

    Promise: each bad record that comes from now on is a dead letter at least once, and good
    readings are stored once and in order.

    Destroys: the dead letters that are in the queue now.
    """
    queue = _queue(scene)
    scene.will_break(f"the topic {queue.name}", **_as_made(queue))
    delete_topic(queue.name)


def dlq_refuses(scene: Scene) -> None:
    """Let the dead-letter queue refuse every record: none may be older than 0 ms when it arrives.

    The setting is `message.timestamp.before.max.ms`. So the queue is there, and says no.

    Watch: the partition of the next bad record is paused, with the reason; afterwards it goes on
    by itself.

    Promise: nothing is skipped, and no dead letter is lost.
    """
    queue = _queue(scene)
    before = queue.config.get(OLDEST)
    scene.will_break(f"the topic {queue.name}", name=queue.name, before=before)
    alter_topic(queue.name, config={OLDEST: "0"})


def topic_recreated(scene: Scene) -> None:
    """Delete the topic and make it anew under the same name: offsets begin at 0 again.

    Watch: Kafka gives the new one another id. The consumers see it, and refuse to write its
    records behind those of another topic: an error in words, not a CSV with two beginnings.

    Promise: the CSV stays as it is, and no row of the new topic is mixed into it.

    Destroys: every record of the topic; what is in the CSV stays there.
    """
    topic = describe_topic(scene.topic)
    scene.will_break(f"the topic {topic.name} (id {topic.topic_id})", **_as_made(topic))
    delete_topic(topic.name)
    _make_again(scene.record.undo)


def retention_passes(scene: Scene) -> None:
    """Delete records that the group has not read yet, as a topic's retention does to slow readers.

    The group's consumers are frozen for up to four seconds; then one partition is cleared
    (`DeleteRecords`) up to its end. It needs a producer that runs.

    Watch: the consumer says how many records are missing, and goes on with the oldest there is.

    Promise: the gap is counted and shown; what the topic still retains is stored once, in order.

    Destroys: the records that one partition holds now, read or not.
    """
    members = [
        {"pid": run["pid"], "process_started": run["process_started"]}
        for run in read_run_files("consumer")
        if (run["topic"], run["group_id"]) == (scene.topic, scene.group_id)
        and is_labkit(run["pid"])
    ]
    if not members:
        why = f"no consumer of {scene.topic} in the group {scene.group_id} runs"
        raise does_not_apply(scene.plan.fault, why, "labkit consume   (in another terminal)")
    scene.will_break(f"unread records of {scene.topic}", members=members)
    for one in members:
        psutil.Process(one["pid"]).suspend()
    try:
        time.sleep(min(HOLD_S, scene.plan.for_s / 2))
        partition, position, end = scene.choose(_unread(scene))
        with cluster() as client:
            client.delete_records({TopicPartition(scene.topic, partition): end})
        victim = f"partition {partition} of {scene.topic}, records {position} to {end - 1}"
        scene.will_break(victim, members=members)
    finally:
        _resume_all(scene.record.undo)


def _unread(scene: Scene) -> list[tuple[int, int, int]]:
    """Return partition, position and end of each partition that holds unread records."""
    ends = describe_topic(scene.topic).end_offsets
    found = [
        (status.partition, status.position or 0, ends.get(status.partition) or 0)
        for status in read_progress(scene.data_dir, scene.topic)
    ]
    unread = [one for one in found if one[1] < one[2]]
    if not unread:
        why = "the consumers have read all there is, and nothing new comes"
        raise does_not_apply(scene.plan.fault, why, "labkit produce   (in another terminal)")
    return unread


def _queue(scene: Scene) -> Topic:
    name = dead_letter_topic(scene.topic)
    try:
        return describe_topic(name)
    except TopicNotFound:
        why = f"there is no {name} yet: no record has been bad so far"
        raise does_not_apply(scene.plan.fault, why, "labkit break poison-records") from None


def _as_made(topic: Topic) -> dict[str, Any]:
    """Return what it takes to make a topic again as it was, but empty."""
    return {
        "name": topic.name,
        "num_partitions": topic.num_partitions,
        "replication_factor": topic.replication_factor,
        "config": topic.config,
    }


def _make_again(undo: Mapping[str, Any]) -> None:
    try:
        describe_topic(undo["name"])
    except TopicNotFound:
        ensure_topic(**undo)


def _let_it_take_records(undo: Mapping[str, Any]) -> None:
    with contextlib.suppress(TopicNotFound):  # deleted since: there is nothing to put back
        alter_topic(undo["name"], config={OLDEST: undo["before"]})


def _resume_all(undo: Mapping[str, Any]) -> None:
    for one in undo["members"]:
        if is_alive(**one):
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(one["pid"]).resume()


KINDS = (
    FaultKind("dlq-gone", dlq_gone, _make_again),
    FaultKind("dlq-refuses", dlq_refuses, _let_it_take_records),
    FaultKind("topic-recreated", topic_recreated, _make_again),
    FaultKind("retention-passes", retention_passes, _resume_all),
)
