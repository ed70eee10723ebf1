"""Watch a topic: its newest records, its leaders and its groups' positions, read repeatedly.

`TopicWatch` assigns the partitions to itself. It joins no group, so no group is rebalanced because
of it, and it commits nothing. Each read makes few requests and fetches the newest records only.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from labkit.broker.kafka_clients import ReusedClients
from labkit.core.errors import BatchUnreadable
from labkit.topics.topic_metadata import consumer_groups, describe
from labkit.topics.topic_model import (
    HEADER_BYTES,
    HEADERS,
    VALUE_BYTES,
    Partition,
    SeenRecord,
    Topic,
    TopicSnapshot,
)

POLL_MS = 100
READ_S = 1.0
"""The longest that one read fetches; later records come with the next read."""
MOST_RECORDS = 240
"""In all partitions together: with many partitions, fewer records of each are kept."""
MOST_GROUPS = 6


class TopicWatch:
    """Reads one topic repeatedly, with the same clients.

    Parameters
    ----------
    topic : str
        Its name. The topic may be created, deleted and created again meanwhile.
    groups : sequence of str, optional
        The groups whose positions are read; default: each that has committed one for this topic.
    last : int
        How many records of each partition are kept.
    """

    def __init__(self, topic: str, groups: Sequence[str] | None = None, last: int = 12) -> None:
        self._name, self._groups, self._last = topic, groups, last
        self._clients = ReusedClients()
        self._positions: dict[str, dict[int, int]] = {}
        self._topic_id = ""
        self._forget()

    def _forget(self) -> None:
        """Forget the records: they belong to a topic that was deleted."""
        self._records: dict[int, list[SeenRecord]] = {}
        self._next: dict[int, int] = {}
        # Partition -> where to read on, past a batch that cannot be read; and what is wrong.
        self._unreadable: dict[int, tuple[int, str]] = {}

    def read(self) -> TopicSnapshot:
        """Read the topic once.

        Raises
        ------
        BrokerUnavailable, TopicNotFound
            No broker answers; the topic does not exist at this moment.
        """
        with self._clients.use() as clients:
            topic = describe(clients.admin, self._name)
            if topic.topic_id != self._topic_id:
                self._forget()
                clients.close_consumer()  # its fetched records are the deleted topic's
                self._topic_id = topic.topic_id
            if "compact" in topic.config.get("cleanup.policy", ""):
                # The log cleaner removes records from the middle of the log: read it again.
                self._records, self._next = {}, {}
            notes = self._read_records(topic)
            self._positions, hidden = self._read_positions(clients.admin)
            if hidden:
                notes.append(hidden)
            records = {number: tuple(held) for number, held in self._records.items()}
            return TopicSnapshot(topic, records, self._positions, tuple(notes))

    def close(self) -> None:
        """Close the clients."""
        self._clients.close()

    def _read_records(self, topic: Topic) -> list[str]:
        """Fetch the new records of each partition whose end offset is known."""
        known = [one for one in topic.partitions if one.end_offset is not None]
        last = max(2, min(self._last, MOST_RECORDS // max(1, len(topic.partitions))))
        for one in known:
            self._set_position(one, last)
        ends = {one.partition: one.end_offset or 0 for one in known}
        if any(self._next[number] < end for number, end in ends.items()):
            try:
                self._fetch(self._clients.consumer, ends)
            except OffsetOutOfRangeError:  # retention deleted them in between
                self._next.clear()
            except BatchUnreadable as error:
                self._unreadable[error.partition] = (ends[error.partition], error.what)
        for number, held in self._records.items():
            self._records[number] = held[-last:]
        notes = [what for _offset, what in self._unreadable.values()]
        if last < self._last:
            notes.append(f"the last {last} records of each, because there are many partitions")
        return notes

    def _set_position(self, one: Partition, last: int) -> None:
        """Set the next offset to read, and drop records that the log no longer holds."""
        number, start, end = one.partition, one.start_offset or 0, one.end_offset or 0
        low = max(start, end - last, self._unreadable.get(number, (0, ""))[0])
        at = self._next.get(number, low)
        # Outside this range: the first read, more records than are shown, or a truncated log.
        self._next[number] = at if low <= at <= end else low
        held = self._records.get(number, [])
        self._records[number] = [record for record in held if start <= record.offset < end]

    def _fetch(self, client: KafkaConsumer, ends: Mapping[int, int]) -> None:
        places = {TopicPartition(self._name, number) for number in ends}
        is_new = client.assignment() != places
        if is_new:
            client.assign(sorted(places))
        for place in places:
            if is_new or client.position(place) != self._next[place.partition]:
                client.seek(place, self._next[place.partition])
        # An open transaction's records cannot be read yet: to this client they are past the end.
        readable = client.end_offsets(sorted(places))
        deadline = time.monotonic() + READ_S
        while any(self._next[place.partition] < end for place, end in readable.items()):
            for place, records in client.poll(POLL_MS).items():
                self._records[place.partition] += map(_seen, records)
            for place in places:  # also past offsets without a record, such as a transaction marker
                self._next[place.partition] = client.position(place)
            if time.monotonic() > deadline:
                break

    def _read_positions(self, client: KafkaAdminClient) -> tuple[dict[str, dict[int, int]], str]:
        """Return the groups' committed offsets, and a note where they are unknown or left out."""
        try:
            names = (
                [group["group_id"] for group in consumer_groups(client)]
                if self._groups is None
                else list(self._groups)
            )
            offsets = client.list_group_offsets(names) if names else {}
        except KafkaError as error:
            # For example, a coordinator is moving to another broker. The records are still shown.
            problem = f"the groups' positions are not known just now ({type(error).__name__})"
            return self._positions, problem
        found = {}
        for group, places in sorted(offsets.items()):
            here = {
                place.partition: one.offset
                for place, one in places.items()
                if place.topic == self._name and one.offset >= 0
            }
            if here or self._groups is not None:
                found[group] = here
        hidden = sorted(found)[MOST_GROUPS:] if self._groups is None else []
        note = f"{len(hidden)} more groups are not shown; name yours: groups=[…]" if hidden else ""
        return {group: here for group, here in found.items() if group not in hidden}, note


def _seen(record: Any) -> SeenRecord:
    """Return the part of a record that is shown."""
    sizes = (record.serialized_key_size, record.serialized_value_size)
    return SeenRecord(
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=record.key,
        value=None if record.value is None else record.value[: VALUE_BYTES + 1],
        size_bytes=sum(size for size in sizes if size and size > 0),
        headers=tuple(
            (name, None if value is None else value[: HEADER_BYTES + 1])
            for name, value in record.headers[:HEADERS]
        ),
    )
