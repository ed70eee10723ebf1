"""Requests about topics: leaders, replicas, offsets and settings, as the cluster has them now."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from kafka import KafkaAdminClient, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from labkit.broker.denied_access import denied_access
from labkit.broker.kafka_clients import admin, silent_nodes
from labkit.core.errors import BrokerUnavailable, TopicNotFound, TopicRefused
from labkit.core.wait_until import wait_until
from labkit.topics.topic_model import Partition, Topic

OFFSETS_TIMEOUT_MS = 3_000
"""Timeout of one leader's offsets; a frozen broker must not delay the others."""

NEW_TOPIC_S = 3.0
"""How long one of several brokers may not know a topic that another one has shown."""

METADATA_TIMEOUT_S = 15.0
"""How long a change may take to reach every broker: the controller answers before that."""

_deleted_ids: set[str] = set()
"""Ids of topics that this process has deleted: a broker that lags behind still shows them."""

ATTEMPTS = 4
Answer = TypeVar("Answer")


@contextmanager
def cluster() -> Iterator[KafkaAdminClient]:
    """Open an admin client; its errors become `AccessDenied` or `BrokerUnavailable`."""
    with admin() as client:
        try:
            yield client
        except kafka_errors.KafkaError as error:
            if denied := denied_access(error):
                raise denied from error
            msg = f"the cluster did not answer as it should: {error}"
            raise BrokerUnavailable(msg, "labkit doctor") from error


def ask_cluster(question: Callable[[KafkaAdminClient], Answer]) -> Answer:
    """Run a read-only request, and retry while a broker is dead or frozen.

    The metadata lists a dead broker for some seconds more, so a client may still pick it. Changes
    must not be retried like this.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            with cluster() as client:
                return question(client)
        except BrokerUnavailable:
            if not silent_nodes():
                raise
    with cluster() as client:
        return question(client)


def describe(client: KafkaAdminClient, name: str) -> Topic:
    """Read one topic; raise `TopicNotFound` if the cluster has none of that name."""
    metadata = read_metadata(client, name)
    if metadata is None:
        raise no_such_topic(client, name)
    return read_topics(client, [metadata])[0]


def describe_known(client: KafkaAdminClient, name: str) -> Topic:
    """Read a topic as `describe` does, although it may have been created a moment ago.

    The controller informs the brokers of a new topic one by one. So where there are several, one of
    them may say that there is no such topic, although another one has just shown it.
    """
    try:
        return describe(client, name)
    except TopicNotFound:
        if len(client.describe_cluster()["brokers"]) == 1:
            raise
    return wait_until(lambda: describe(client, name), NEW_TOPIC_S, retry_on=(TopicNotFound,))


def describe_created(client: KafkaAdminClient, name: str) -> Topic:
    """Read a topic that exists, but that the broker asked may not know yet.

    The controller informs the brokers of a new topic one by one.
    """
    return wait_until(
        lambda: describe(client, name),
        METADATA_TIMEOUT_S,
        retry_on=(TopicNotFound, kafka_errors.UnknownTopicOrPartitionError),
    )


def remember_deletion(topic: Topic) -> None:
    """Note that a topic was deleted, so that no broker's older answer counts."""
    _deleted_ids.add(topic.topic_id)


def read_all_metadata(client: KafkaAdminClient) -> list[dict[str, Any]]:
    """Return the metadata of all topics, without those that this process has deleted."""
    return [one for one in client.describe_topics() if not _is_deleted(one)]


def _is_deleted(metadata: dict[str, Any]) -> bool:
    return _kafka_uuid(metadata["topic_id"]) in _deleted_ids


def read_metadata(client: KafkaAdminClient, name: str) -> dict[str, Any] | None:
    """Return a topic's metadata, or None if the brokers do not know it."""
    metadata: dict[str, Any] = client.describe_topics([name])[0]
    error = kafka_errors.for_code(metadata["error_code"])
    if error is kafka_errors.UnknownTopicOrPartitionError:
        return None
    if error is kafka_errors.InvalidTopicError:
        msg = f"{name!r} is not a topic name: at most 249 letters, digits, '.', '_', '-'"
        raise TopicRefused(msg, 'lab.ensure_topic("co2-emissions")')
    if denied := denied_access(error(), "Describe", name):
        raise denied
    if error not in (kafka_errors.NoError, kafka_errors.LeaderNotAvailableError):
        msg = f"the cluster does not describe topic {name!r}: {error.__name__}"
        raise TopicRefused(msg, "labkit doctor")
    return None if _is_deleted(metadata) else metadata


def read_topics(client: KafkaAdminClient, found: list[dict[str, Any]]) -> list[Topic]:
    """Complete topic metadata with offsets and settings."""
    if not found:
        return []
    cluster_id = client.describe_cluster()["cluster_id"]
    configs = read_configs(client, [metadata["name"] for metadata in found], "modified")
    offsets = _read_offsets(client, found)
    return [
        Topic(
            name=metadata["name"],
            topic_id=_kafka_uuid(metadata["topic_id"]),
            cluster_id=cluster_id,
            internal=metadata["is_internal"],
            partitions=partitions_of(metadata, offsets),
            config={
                key: value for key, value in configs[metadata["name"]].items() if value is not None
            },
        )
        for metadata in found
    ]


def partitions_of(
    metadata: dict[str, Any],
    offsets: Mapping[TopicPartition, tuple[int, int]] | None = None,
) -> tuple[Partition, ...]:
    """Return a topic's partitions in order, with their start and end offsets where known."""
    known = offsets or {}

    def partition(one: dict[str, Any]) -> Partition:
        number = one["partition_index"]
        start, end = known.get(TopicPartition(metadata["name"], number), (None, None))
        return Partition(
            number,
            one["leader_id"] if one["leader_id"] >= 0 else None,
            tuple(one["replica_nodes"]),
            tuple(one["isr_nodes"]),
            start,
            end,
            one["leader_epoch"],
        )

    return tuple(sorted(map(partition, metadata["partitions"]), key=lambda one: one.partition))


def read_configs(
    client: KafkaAdminClient, names: list[str], config_filter: str
) -> dict[str, dict[str, str | None]]:
    """Return the settings of topics: only those `modified` on the topic itself, or `all`."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = client.describe_configs(resources, config_filter=config_filter).get("topic", {})
    return {
        name: {key: entry["value"] for key, entry in found.get(name, {}).items()} for name in names
    }


def no_such_topic(client: KafkaAdminClient, name: str) -> TopicNotFound:
    """Return the error to raise, with the most similar name on this cluster."""
    return TopicNotFound.named(name, [one["name"] for one in read_all_metadata(client)])


def _read_offsets(
    client: KafkaAdminClient, found: list[dict[str, Any]]
) -> dict[TopicPartition, tuple[int, int]]:
    """Ask each leader for its start and end offsets; a silent one is left out."""
    offsets: dict[TopicPartition, tuple[int, int]] = {}
    for logs in logs_by_leader(found):
        try:
            start, end = (
                client.list_partition_offsets(
                    dict.fromkeys(logs, spec), timeout_ms=OFFSETS_TIMEOUT_MS
                )
                for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
            )
        except kafka_errors.RetriableError:
            continue  # the leader is gone or frozen: its offsets are shown as unknown
        offsets.update({log: (start[log].offset, end[log].offset) for log in logs})
    return offsets


def logs_by_leader(found: list[dict[str, Any]]) -> list[list[TopicPartition]]:
    """Group the partitions of topics by leader; those of a dead or frozen leader are left out."""
    by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
    for metadata in found:
        for partition in metadata["partitions"]:
            log = TopicPartition(metadata["name"], partition["partition_index"])
            by_leader[partition["leader_id"]].append(log)
    for silent in (-1, *silent_nodes()):  # -1: partitions without a leader
        by_leader.pop(silent, None)
    return list(by_leader.values())


def consumer_groups(client: KafkaAdminClient) -> list[dict[str, Any]]:
    """Ask each broker that can answer for the groups of consumers that it coordinates."""
    silent = silent_nodes()
    brokers = None
    if silent:
        there = {broker["broker_id"] for broker in client.describe_cluster()["brokers"]}
        brokers = sorted(there - silent)
    return [
        group
        for group in client.list_groups(broker_ids=brokers)
        # Share groups (KIP-932) have no single position.
        if group.get("group_type", "classic") in ("classic", "consumer")
    ]


def _kafka_uuid(topic_id: str) -> str:
    """Write a UUID as Kafka does: URL-safe base64 of its sixteen bytes, without padding."""
    return base64.urlsafe_b64encode(uuid.UUID(topic_id).bytes).decode().rstrip("=")
