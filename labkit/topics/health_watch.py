"""Watch the whole cluster: brokers, replicas, and how far each group is behind each topic.

`HealthWatch` makes few requests, however many topics there are: the metadata, the end offsets (one
request for each leader), the groups and their commits. It joins no group and commits nothing. The
record that a group reads next is fetched, because only the record has the time that tells how old
it is; that time is kept until the group moves on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from labkit.broker.kafka_clients import ReusedClients, silent_nodes
from labkit.core.errors import BatchUnreadable
from labkit.topics.topic_metadata import consumer_groups, logs_by_leader

REQUEST_TIMEOUT_MS = 3_000
POLL_MS = 100
FETCH_S = 1.0
"""The longest that one read fetches records; the others come with the next read."""


@dataclass(frozen=True)
class PartitionHealth:
    """One partition; `leader` is None while it is offline, `end_offset` while nobody answers."""

    topic: str
    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    end_offset: int | None = None

    @property
    def is_under_replicated(self) -> bool:
        """Whether a replica lacks records that the leader has."""
        return len(self.in_sync) < len(self.replicas)


@dataclass(frozen=True)
class GroupPosition:
    """How far a group is in one partition.

    `oldest_unread_ms` is the time of the record that the group reads next, in milliseconds since
    1970; None without lag, and where it is not known.
    """

    group_id: str
    topic: str
    partition: int
    committed: int
    end_offset: int | None
    oldest_unread_ms: int | None = None

    @property
    def lag(self) -> int | None:
        """Records that the group has not committed yet."""
        return None if self.end_offset is None else max(0, self.end_offset - self.committed)


@dataclass(frozen=True)
class ClusterHealth:
    """The cluster at one moment.

    `brokers` are those that answer; `missing` those that have replicas and do not. `groups` has
    each group's state in Kafka's word: Stable, PreparingRebalance, Empty and so on. `note` says
    what is not known.
    """

    brokers: tuple[int, ...]
    missing: tuple[int, ...]
    partitions: tuple[PartitionHealth, ...]
    positions: tuple[GroupPosition, ...]
    groups: dict[str, str]
    note: str = ""

    @property
    def under_replicated(self) -> tuple[PartitionHealth, ...]:
        """The partitions with a replica that is not in sync, Kafka's internal topics included."""
        return tuple(one for one in self.partitions if one.is_under_replicated)

    @property
    def offline(self) -> tuple[PartitionHealth, ...]:
        """The partitions that no broker leads: nobody can read or write them."""
        return tuple(one for one in self.partitions if one.leader is None)


class HealthWatch:
    """Reads the cluster's health repeatedly, from one thread with the same clients."""

    def __init__(self) -> None:
        self._clients = ReusedClients(REQUEST_TIMEOUT_MS)
        self._times_ms: dict[tuple[TopicPartition, int], int] = {}

    def read(self) -> ClusterHealth:
        """Read the cluster once.

        Raises
        ------
        BrokerUnavailable
            No broker answers as it should.
        """
        with self._clients.use() as clients:
            found = clients.admin.describe_topics()
            silent = silent_nodes()
            # The commits first: a record that arrives between the requests then counts as lag.
            groups, committed, note = _commits(clients.admin)
            ends = _ends(clients.admin, found)
            partitions = _partitions(found, silent, ends)
            listed = clients.admin.describe_cluster()["brokers"]
            up = {one["broker_id"] for one in listed if not one.get("is_fenced")} - silent
            known = {node for one in partitions for node in one.replicas}
            self._read_times(clients.consumer, committed, ends)
            positions = tuple(
                GroupPosition(
                    group_id=group,
                    topic=log.topic,
                    partition=log.partition,
                    committed=at,
                    end_offset=ends.get(log),
                    oldest_unread_ms=self._times_ms.get((log, at)),
                )
                for (group, log), at in sorted(committed.items())
            )
            return ClusterHealth(
                tuple(sorted(up)), tuple(sorted(known - up)), partitions, positions, groups, note
            )

    def _read_times(
        self,
        client: KafkaConsumer,
        committed: dict[tuple[str, TopicPartition], int],
        ends: dict[TopicPartition, int],
    ) -> None:
        """Read the time of each record that a group reads next, if it is not known yet."""
        places = {(log, at) for (_, log), at in committed.items() if at < ends.get(log, at)}
        self._times_ms = {one: at for one, at in self._times_ms.items() if one in places}
        # One place of each partition at a time; those of another group come with the next read.
        wanted = dict(place for place in places if place not in self._times_ms)
        if not wanted:
            return
        client.assign(sorted(wanted))
        client.resume(*wanted)  # a partition that was paused stays so, although assigned again
        for log, at in wanted.items():
            client.seek(log, at)
        deadline = time.monotonic() + FETCH_S
        left = set(wanted)
        while left and time.monotonic() < deadline:
            try:
                polled = client.poll(POLL_MS)
            except kafka_errors.OffsetOutOfRangeError as error:
                # Retention deleted it: the oldest record that is left is the next one.
                client.seek_to_beginning(*error.args[0])
                continue
            except (BatchUnreadable, kafka_errors.KafkaError):
                return  # such as a topic that this login may not read: its times stay unknown
            for log, records in polled.items():
                self._times_ms[log, wanted[log]] = records[0].timestamp
                left.discard(log)
                client.pause(log)

    def close(self) -> None:
        """Close the clients."""
        self._clients.close()


def _partitions(
    found: list[dict[str, Any]], silent: set[int], ends: dict[TopicPartition, int]
) -> tuple[PartitionHealth, ...]:
    return tuple(
        PartitionHealth(
            topic["name"],
            one["partition_index"],
            one["leader_id"] if one["leader_id"] >= 0 else None,
            tuple(sorted(one["replica_nodes"])),
            # A broker that was killed a moment ago is in sync in the metadata for some seconds.
            tuple(sorted(set(one["isr_nodes"]) - silent)),
            ends.get(TopicPartition(topic["name"], one["partition_index"])),
        )
        for topic in sorted(found, key=lambda topic: str(topic["name"]))
        for one in sorted(topic["partitions"], key=lambda one: int(one["partition_index"]))
    )


def _commits(
    client: KafkaAdminClient,
) -> tuple[dict[str, str], dict[tuple[str, TopicPartition], int], str]:
    """Return each group's state, each group's commits, and what is not known."""
    try:
        groups = {one["group_id"]: one.get("group_state", "") for one in consumer_groups(client)}
        found = client.list_group_offsets(sorted(groups)) if groups else {}
    except kafka_errors.KafkaError as error:
        # Such as a coordinator that is moving to another broker, or a login without the right.
        return {}, {}, f"the groups do not answer just now ({type(error).__name__})"
    committed = {
        (group, log): place.offset
        for group, places in found.items()
        for log, place in places.items()
        if place.offset >= 0
    }
    return groups, committed, ""


def _ends(client: KafkaAdminClient, found: list[dict[str, Any]]) -> dict[TopicPartition, int]:
    """Ask each leader for the end offsets of its partitions; a silent one is left out."""
    ends: dict[TopicPartition, int] = {}
    for logs in logs_by_leader([one for one in found if not one["is_internal"]]):
        try:
            answers = client.list_partition_offsets(
                dict.fromkeys(logs, OffsetSpec.LATEST), timeout_ms=REQUEST_TIMEOUT_MS
            )
        except kafka_errors.RetriableError:
            continue
        ends.update({log: answers[log].offset for log in logs})
    return ends
