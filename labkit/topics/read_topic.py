"""Read a topic to its present end, with a client that is in no group.

The end is that of the committed records: an open transaction's records are past it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from labkit.core.errors import BrokerUnavailable

POLL_TIMEOUT_MS = 500
POLL_RECORDS = 2_000
SILENCE_S = 15.0
"""How long the brokers may send nothing while the topic holds more."""


def read_to_end(
    client: KafkaConsumer,
    ends: Mapping[TopicPartition, int],
    on_expired: Callable[[int], None] = lambda count: None,
) -> Iterator[Any]:
    """Yield records until each partition's position has reached its end.

    The last batch may hold records past that end; they are yielded, too.

    Parameters
    ----------
    client : KafkaConsumer
        A consumer with the partitions assigned, at the positions to read from.
    ends : mapping of TopicPartition to int
        Where to stop, usually ``client.end_offsets(partitions)``.
    on_expired : callable
        Called with the number of records that retention deleted while they were being read.

    Raises
    ------
    BrokerUnavailable
        The brokers sent nothing for 15 s although the topic holds more.
    BatchUnreadable
        A batch's codec is not installed, or its checksum is wrong.
    """
    last_news_at, seen = time.monotonic(), 0
    while any(client.position(place) < end for place, end in ends.items()):
        try:
            batches = client.poll(POLL_TIMEOUT_MS, max_records=POLL_RECORDS)
        except OffsetOutOfRangeError:
            on_expired(_skip_expired(client, ends))
            continue
        for records in batches.values():
            yield from records
        # A position also moves past what brings no records: an aborted transaction.
        if (read := sum(map(client.position, ends))) != seen:
            last_news_at, seen = time.monotonic(), read
        elif time.monotonic() - last_news_at > SILENCE_S:
            msg = f"the broker has sent nothing of the topic for {SILENCE_S:g} s"
            raise BrokerUnavailable(msg, "labkit broker status")


def assign_from(
    client: KafkaConsumer, wanted: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Assign partitions, each to be read from an offset on, or from its start where that is later.

    Returns
    -------
    dict of TopicPartition to int
        Where each partition starts: records before that were deleted by retention.
    """
    client.assign(list(wanted))
    starts: dict[TopicPartition, int] = client.beginning_offsets(list(wanted))
    for place, offset in wanted.items():
        client.seek(place, max(offset, starts[place]))
    return starts


def _skip_expired(client: KafkaConsumer, places: Mapping[TopicPartition, int]) -> int:
    """Continue at the new start of each partition, and return how many records were skipped."""
    skipped = 0
    for place, start in client.beginning_offsets(list(places)).items():
        position = client.position(place)
        if position < start:
            skipped += start - position
            client.seek(place, start)
    return skipped
