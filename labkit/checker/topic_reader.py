"""The topic as the checker reads it: each partition by itself, and the dead-letter queue.

It assigns partitions to itself and joins no group, so it takes nothing from anyone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Self
from zlib import crc32

from kafka import TopicPartition
from kafka.errors import OffsetOutOfRangeError

from labkit.broker.kafka_clients import consumer
from labkit.checker.findings import Extent, Letter, Record
from labkit.consumer.dead_letter_queue import ERRORS, VALUE_KEPT
from labkit.core.config import dead_letter_topic
from labkit.core.errors import BrokerUnavailable, TopicNotFound
from labkit.topics.topics import describe_topic

POLL_MS = 500
POLL_RECORDS = 2_000
SILENCE_S = 30.0
"""How long the brokers may send nothing while the topic holds more."""
OFFSETS_TIMEOUT_MS = 15_000

Letters = dict[int, dict[int, list[Letter]]]
"""Partition -> offset -> the dead letters that name this place."""


class TopicReader:
    """Reads what a topic holds; use it in a ``with``."""

    def __init__(self, topic: str) -> None:
        found = describe_topic(topic)
        self.topic_id = found.topic_id
        self.is_compacted = "compact" in found.config.get("cleanup.policy", "")
        self._places = [TopicPartition(topic, one.partition) for one in found.partitions]
        self._consumer = consumer(auto_offset_reset="none", enable_auto_commit=False)

    def extents(self) -> dict[int, Extent]:
        """Ask where each partition begins and ends now."""
        starts = self._consumer.beginning_offsets(self._places, OFFSETS_TIMEOUT_MS)
        ends = self._consumer.end_offsets(self._places, OFFSETS_TIMEOUT_MS)
        return {
            place.partition: Extent(starts[place], ends[place], ends[place], self.is_compacted)
            for place in self._places
        }

    def raw(self, partition: int, extent: Extent) -> Iterator[Any]:
        """Return the client's records of a partition, up to ``extent.end``."""
        place = next(one for one in self._places if one.partition == partition)
        client = self._consumer
        client.assign([place])
        client.seek(place, extent.start)
        last_news = time.monotonic()
        while client.position(place) < extent.end:
            try:
                batch = client.poll(POLL_MS, max_records=POLL_RECORDS).get(place, ())
            except OffsetOutOfRangeError:  # retention was faster than we are
                extent.start = client.beginning_offsets([place], OFFSETS_TIMEOUT_MS)[place]
                client.seek(place, extent.start)
                continue
            for record in batch:
                if record.offset < extent.end:
                    yield record
            if batch:
                last_news = time.monotonic()
            elif time.monotonic() - last_news > SILENCE_S:
                msg = f"the brokers have sent nothing of partition {partition} for {SILENCE_S:g} s"
                raise BrokerUnavailable(msg, "labkit broker status")

    def records(self, partition: int, extent: Extent) -> Iterator[Record]:
        """Return the records of a partition, up to ``extent.end``."""
        for record in self.raw(partition, extent):
            yield Record(record.offset, record.timestamp, record.value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._consumer.close()


def read_letters(topic: str) -> tuple[Letters, bool]:
    """Return the dead letters of a topic, and whether its queue still has all it was sent."""
    letters: Letters = defaultdict(lambda: defaultdict(list))
    try:
        reader = TopicReader(dead_letter_topic(topic))
    except TopicNotFound:
        return letters, True
    complete = True
    with reader:
        for partition, extent in reader.extents().items():
            complete &= extent.start == 0
            for record in reader.raw(partition, extent):
                headers = dict(record.headers)
                if headers.get(f"{ERRORS}topic") == topic.encode():
                    where, offset = (
                        int(headers[ERRORS + name]) for name in ("partition", "offset")
                    )
                    letters[where][offset].append(_letter(record, headers))
    return letters, complete


def _letter(record: Any, headers: dict[str, bytes]) -> Letter:
    kept = headers.get(VALUE_KEPT, b"").split(b" ", 1)[0]
    return Letter(crc32(record.value or b""), int(kept) if kept.isdigit() else None)
