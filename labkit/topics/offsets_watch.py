"""Watch a topic's end offsets and a group's committed offsets: the lag.

The end offset of a partition is the offset that its next record will get. The committed offset is
the one that the group reads next. The difference is the lag, in records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from labkit.broker.kafka_clients import ReusedClients
from labkit.topics.topic_metadata import logs_by_leader, no_such_topic, read_metadata

REQUEST_TIMEOUT_MS = 3_000


@dataclass(frozen=True)
class Offsets:
    """Offsets by partition; None where a leader does not answer, or the group has no commit."""

    ends: Mapping[int, int | None] = field(default_factory=dict)
    committed: Mapping[int, int | None] = field(default_factory=dict)

    @property
    def lag(self) -> dict[int, int | None]:
        """Records that the group has not committed yet; None where unknown."""
        return {
            partition: None if end is None or (at := self.committed.get(partition)) is None
            else max(0, end - at)
            for partition, end in self.ends.items()
        }  # fmt: skip

    @property
    def has_commits(self) -> bool:
        """Whether the group has committed anything in this topic."""
        return any(at is not None for at in self.committed.values())


class OffsetsWatch:
    """Reads a topic's end offsets and a group's commits repeatedly, from one thread."""

    def __init__(self, topic: str, group_id: str) -> None:
        self.topic, self.group_id = topic, group_id
        self._clients = ReusedClients(REQUEST_TIMEOUT_MS)

    def read(self) -> Offsets:
        """Return the current offsets.

        Raises
        ------
        BrokerUnavailable, TopicNotFound
        """
        with self._clients.use() as clients:
            metadata = read_metadata(clients.admin, self.topic)
            if metadata is None:
                raise no_such_topic(clients.admin, self.topic)
            # The commits first: a record that arrives between the requests then counts as lag.
            committed = self._committed(clients.admin)
            ends = _ends(clients.admin, self.topic, metadata)
            return Offsets(ends, {partition: committed.get(partition) for partition in ends})

    def _committed(self, client: KafkaAdminClient) -> dict[int, int | None]:
        try:
            found = client.list_group_offsets(self.group_id)[self.group_id]
        except kafka_errors.GroupIdNotFoundError:
            return {}
        return {
            log.partition: place.offset if place.offset >= 0 else None
            for log, place in found.items()
            if log.topic == self.topic
        }

    def close(self) -> None:
        """Close the client."""
        self._clients.close()


def _ends(client: KafkaAdminClient, topic: str, metadata: dict[str, Any]) -> dict[int, int | None]:
    """Ask each leader for its end offsets; a silent one does not delay the others."""
    numbers = sorted(one["partition_index"] for one in metadata["partitions"])
    ends: dict[int, int | None] = dict.fromkeys(numbers)
    for logs in logs_by_leader([metadata]):
        try:
            found = client.list_partition_offsets(
                dict.fromkeys(logs, OffsetSpec.LATEST), timeout_ms=REQUEST_TIMEOUT_MS
            )
        except kafka_errors.UnknownTopicOrPartitionError as error:  # deleted between two requests
            raise no_such_topic(client, topic) from error
        except kafka_errors.RetriableError:
            continue
        ends.update({log.partition: found[log].offset for log in logs})
    return ends
