"""08b · Enough replicas: how many brokers may be missing, and a broker that is frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.broker.broker import find_broker
from labkit.broker.kafka_clients import admin
from labkit.core.text_tables import many
from labkit.core.wait_until import wait_until
from labkit.exercises.engine.answer_kinds import whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic
from labkit.producer.producer import Producer
from labkit.topics.topic_metadata import read_configs

STRICT, TOPIC = "lesson08b-strict", "lesson08b-copied"
SETTING = "min.insync.replicas"
READABLE_TIMEOUT_S = 15.0


@prediction(possible=range(101), solution="ex.p1.predict(0)")
def p1(seen: Sequence[Any]) -> Observed:
    """The record is acknowledged with acks=1. How many records does a consumer read now?"""
    if len(existing_topic(STRICT).partitions[0].isr) >= _min_in_sync(STRICT):
        raise NotAttempted("Enough replicas are in sync: run the cells above, which kill a broker.")
    return Observed(
        len(seen),
        "A record can be read when all replicas in sync have it, and at least "
        "`min.insync.replicas` are in sync: here three, and one is dead. To try again: run the "
        "lesson from its first `lab.fresh_topic`.",
    )


@exercise
def q1() -> str:
    """Let consumers read the record in `lesson08b-strict`.

    `gone` is the number of the dead broker.
    """
    topic, wanted = existing_topic(STRICT), _min_in_sync(STRICT)
    in_sync = len(topic.partitions[0].isr)
    if in_sync < wanted and not _all_run():
        raise NotAttempted(
            f"`{STRICT}` asks for {many(wanted, 'replica')} in sync, and there are {in_sync}."
        )
    found = wait_until(
        lambda: existing_topic(STRICT).records,
        READABLE_TIMEOUT_S,
        lambda: NotYet(
            f"No record of `{STRICT}` can be read. Send one more with acks=1, as above."
        ),
        every_s=0.2,
    )
    return f"Enough replicas are in sync, and {many(found or 0, 'record')} can be read."


@exercise
def q2() -> str:
    """Make `lesson08b-copied` accept a write with acks=all only if two replicas have it.

    `lab.alter_topic(topic, config={name: value})` changes a setting.
    """
    topic, wanted = existing_topic(TOPIC), _min_in_sync(TOPIC)
    if wanted > topic.replication_factor:
        raise NotYet(
            f"`{SETTING}` is {wanted}, and there are {topic.replication_factor} replicas: no write "
            "could ever succeed."
        )
    if wanted == topic.replication_factor:
        raise NotYet(f"{wanted} means all of them: one missing broker stops all writes.")
    if wanted != 2:
        raise NotAttempted(f"`{SETTING}` is {wanted}: a write that only the leader has counts.")
    return "A write with acks=all is now refused unless 2 of the 3 replicas are in sync."


@exercise
def q3(spare: Any) -> str:
    """How many brokers can be down while `lesson08b-copied` still accepts writes with acks=all?"""
    spare, topic, wanted = whole_number(spare), existing_topic(TOPIC), _min_in_sync(TOPIC)
    if wanted != 2:
        raise NotAttempted(f"`{SETTING}` of `{TOPIC}` is {wanted}: answer q2 first.")
    true = topic.replication_factor - wanted
    if spare > true:
        raise NotYet(f"With {spare} of them down, too few replicas are left to be in sync.")
    if spare < true:
        raise NotYet(f"You said {spare}. Writes go on with more brokers down than that.")
    return f"{topic.replication_factor} replicas, of which {wanted} must be in sync: {true}."


@prediction(possible=range(100_001), solution="ex.p2.predict(0)")
def p2(producer: Producer) -> Observed:
    """A broker is frozen until another one leads its partitions. How many readings are lost?"""
    counts = producer.counts
    return Observed(
        counts.failed + counts.unknown,
        f"{counts.acked:,} of {counts.emitted:,} readings are acknowledged, and the rest is on the "
        "way: the producer retried until another broker led.",
    )


def _min_in_sync(topic: str) -> int:
    """Return the topic's setting, or the cluster's default where it has none."""
    with admin() as client:
        return int(read_configs(client, [topic], "all")[topic][SETTING] or 1)


def _all_run() -> bool:
    broker = find_broker()
    return broker is not None and all(one.state == "running" for one in broker.nodes)
