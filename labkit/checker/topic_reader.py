"""Read a topic for the checker: partition by partition, and the dead-letter queue.

It assigns the partitions to itself and joins no group. It does not use `topics.read_topic`: it must
stop exactly at an offset, read one partition at a time, and record where retention moved the start.
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
from labkit.checker.findings import DeadLetter, OffsetRange, Record
from labkit.consumer.dead_letter_queue import ERRORS, VALUE_KEPT
from labkit.core.config import dead_letter_topic
from labkit.core.errors import BrokerUnavailable, TopicNotFound
from labkit.topics.topics import describe_topic

POLL_MS = 500
POLL_RECORDS = 2_000
SILENCE_S = 30.0
"""How long the brokers may send nothing while the topic holds more."""
OFFSETS_TIMEOUT_MS = 15_000

DeadLetters = dict[int, dict[int, list[DeadLetter]]]
"""Partition -> offset -> the dead letters of the record there."""


class TopicReader:
    """A reader of a topic's records; use it in a ``with`` statement."""

    def __init__(self, topic: str) -> None:
        found = describe_topic(topic)
        self.topic_id = found.topic_id
        self.is_compacted = "compact" in found.config.get("cleanup.policy", "")
        self._places = [TopicPartition(topic, one.partition) for one in found.partitions]
        self._consumer = consumer(auto_offset_reset="none", enable_auto_commit=False)

    def ranges(self) -> dict[int, OffsetRange]:
        """Return where each partition begins and ends now."""
        starts = self._consumer.beginning_offsets(self._places, OFFSETS_TIMEOUT_MS)
        ends = self._consumer.end_offsets(self._places, OFFSETS_TIMEOUT_MS)
        return {
            place.partition: OffsetRange(starts[place], ends[place], ends[place], self.is_compacted)
            for place in self._places
        }

    def client_records(self, partition: int, span: OffsetRange) -> Iterator[Any]:
        """Yield the client's records of a partition, up to ``span.end``."""
        place = next(one for one in self._places if one.partition == partition)
        client = self._consumer
        client.assign([place])
        client.seek(place, span.start)
        last_news, seen = time.monotonic(), -1
        while (position := client.position(place)) < span.end:
            if position != seen:  # it also moves past what brings no records: aborted ones
                last_news, seen = time.monotonic(), position
            elif time.monotonic() - last_news > SILENCE_S:
                msg = f"the brokers have sent nothing of partition {partition} for {SILENCE_S:g} s"
                raise BrokerUnavailable(msg, "labkit broker status")
            try:
                batch = client.poll(POLL_MS, max_records=POLL_RECORDS).get(place, ())
            except OffsetOutOfRangeError:  # retention deleted them meanwhile
                span.start = client.beginning_offsets([place], OFFSETS_TIMEOUT_MS)[place]
                client.seek(place, span.start)
                continue
            for record in batch:
                if record.offset < span.end:
                    yield record

    def records(self, partition: int, span: OffsetRange) -> Iterator[Record]:
        """Yield the records of a partition, up to ``span.end``."""
        for record in self.client_records(partition, span):
            yield Record(record.offset, record.timestamp, record.value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._consumer.close()


def read_dead_letters(topic: str) -> tuple[DeadLetters, bool]:
    """Return the dead letters of a topic, and whether the queue has lost none to retention."""
    letters: DeadLetters = defaultdict(lambda: defaultdict(list))
    try:
        reader = TopicReader(dead_letter_topic(topic))
    except TopicNotFound:
        return letters, True
    complete = True
    with reader:
        for partition, span in reader.ranges().items():
            complete &= span.start == 0
            for record in reader.client_records(partition, span):
                headers = dict(record.headers)
                if headers.get(f"{ERRORS}topic") == topic.encode():
                    where, offset = (
                        int(headers[ERRORS + name]) for name in ("partition", "offset")
                    )
                    letters[where][offset].append(_dead_letter(record, headers))
    return letters, complete


def _dead_letter(record: Any, headers: dict[str, bytes]) -> DeadLetter:
    kept = headers.get(VALUE_KEPT, b"").split(b" ", 1)[0]
    return DeadLetter(crc32(record.value or b""), int(kept) if kept.isdigit() else None)
