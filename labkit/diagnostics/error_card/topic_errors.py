"""Problems with topics, offsets and groups."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from labkit.core.errors import TopicNotFound
from labkit.diagnostics import known_problems
from labkit.diagnostics.error_card.traceback_reader import Trace, call
from labkit.diagnostics.error_card.usage_errors import no_topic
from labkit.diagnostics.known_problems import Answer


def topic_exists(trace: Trace) -> Answer | None:
    """Answer a topic that is created a second time."""
    if not trace.is_a("TopicAlreadyExistsError"):
        return None
    asked = _asked_topic(trace)
    if asked is None:
        return known_problems.TOPIC.answer()
    name, partitions, _ = asked
    count = f", num_partitions={partitions}" if partitions > 0 else ""
    found = known_problems.TOPIC.answer(
        f"There is a topic {name!r} already, and creating it again changes nothing in it; "
        "`ensure_topic` takes it as it is, and says where it differs from what you ask for.",
        f"lab.ensure_topic({name!r}{count})",
    )
    return replace(found, name="the topic exists already")


def topic_missing(trace: Trace) -> Answer | None:
    """Answer a topic that does not exist; `unreachable` has answered a missing broker."""
    is_waiting = trace.is_a("KafkaTimeoutError") and "Failed to update metadata" in str(trace.error)
    if not (is_waiting or trace.is_a("UnknownTopicOrPartitionError")):
        return None
    name = trace.local("topic") or trace.local("name")
    heading = "no such topic"
    if not isinstance(name, str):
        found = known_problems.TOPIC.answer("The cluster has no such topic or partition.")
        return replace(found, name=heading)
    if similar := _similar_topic(trace, name):
        found = replace(no_topic(similar, trace), problem=known_problems.TOPIC)
    else:
        found = known_problems.TOPIC.answer(
            f"The cluster has no topic {name!r}, and does not create one just because a client "
            "mentions it.",
            f"lab.ensure_topic({name!r})",
        )
    return replace(found, name=heading)


def _similar_topic(trace: Trace, name: str) -> TopicNotFound | None:
    """Return the error that names a similar topic, if the client's cluster has one."""
    from labkit.broker.kafka_clients import admin

    if trace.client is None or trace.client.config.get("security_protocol") != "PLAINTEXT":
        return None
    servers = trace.client.config["bootstrap_servers"]
    with admin(
        bootstrap_servers=servers if isinstance(servers, str) else ",".join(servers)
    ) as client:
        error = TopicNotFound.named(name, client.list_topics())
    return error if error.similar else None


def too_few_brokers(trace: Trace) -> Answer | None:
    """Answer more replicas than brokers, and a write with too few in-sync replicas."""
    if trace.is_a("NotEnoughReplicasError", "NotEnoughReplicasAfterAppendError"):
        return known_problems.TOO_FEW_BROKERS.answer(
            "Fewer replicas are in sync than min.insync.replicas asks for, so the leader refuses "
            "what is sent with acks=all: a broker is dead or frozen.",
            "lab.start_broker()   (starts those that are dead)",
        )
    if not trace.is_a("InvalidReplicationFactorError"):
        return None
    asked, said = _asked_topic(trace), re.search(r"only (\d+) broker", str(trace.error))
    if asked is None or said is None:
        return known_problems.TOO_FEW_BROKERS.answer()
    name, partitions, copies = asked
    count = f", num_partitions={partitions}" if partitions > 0 else ""
    return known_problems.TOO_FEW_BROKERS.answer(
        f"You asked for {copies} replicas of each partition, each on a broker of its own, and "
        f"there {'is' if said[1] == '1' else 'are'} {said[1]}.",
        f"lab.ensure_topic({name!r}{count}, replication_factor={said[1]})",
    )


def _asked_topic(trace: Trace) -> tuple[str, int, int] | None:
    """Return what the request asked for: name, partitions, replicas; -1 means the default."""
    found = re.search(
        r"CreatableTopic\(name='([^']+)', num_partitions=(-?\d+), replication_factor=(-?\d+)",
        str(trace.error),
    )
    return (found[1], int(found[2]), int(found[3])) if found else None


def no_offset(trace: Trace) -> Answer | None:
    """Answer a consumer without an offset to start at."""
    consumer = trace.client
    if not trace.is_a("NoOffsetForPartitionError", "OffsetOutOfRangeError") or consumer is None:
        return None
    name = trace.name_of(consumer) or "consumer"
    if trace.is_a("OffsetOutOfRangeError"):
        what = "The log does not hold that offset: retention has deleted it, or it is not written."
    else:
        group = consumer.config["group_id"]
        what = f"The group {group!r} has committed nothing here, and `auto_offset_reset` is off."
    return known_problems.SEES_NOTHING.answer(
        f"{what} Say where to start.", f"{name}.seek_to_beginning()   (or {name}.seek_to_end())"
    )


def group_confusion(trace: Trace) -> Answer | None:
    """Answer `assign` beside `subscribe`, and commits without a group."""
    if not trace.is_a("IllegalStateError"):
        return None
    said, consumer = str(trace.error), trace.client
    name = trace.name_of(consumer) or "consumer"
    if "You must choose only one way" in said:
        return known_problems.GROUP.answer(
            "`subscribe()` lets the group share out the partitions, `assign()` takes them without "
            "asking it; a consumer does one or the other.",
            f"{name}.unsubscribe(); {_again(name, trace)}",
        )
    if "Requires group_id" in said and consumer is not None:
        return known_problems.GROUP.answer(
            "Committed offsets belong to a group, and this consumer has none.",
            f"{name}.close(); {name} = {call(consumer, group_id='my-group')}",
        )
    return None


def _again(name: str, trace: Trace) -> str:
    """Return the refused call, with its arguments."""
    given: Any = trace.local("partitions", "kafka.consumer.group")
    if given is not None:
        return f"{name}.assign({list(given)!r})"
    topics: Any = trace.local("topics", "kafka.consumer.group")
    return f"{name}.subscribe({topics!r})"
