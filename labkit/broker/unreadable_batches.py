"""Name the partition and offset of a batch that cannot be read, and keep the client usable.

A consumer that cannot unpack one batch (its codec is not installed, its checksum is wrong) raises
an error that names no partition, and its next `poll` never returns: kafka-python 3.0.12 keeps the
exhausted batch and tries it again and again (``Fetcher.fetched_records``; not reported). Here the
batch is dropped first, so the same client goes on with the other partitions.

It wraps two private methods of kafka-python's fetcher, which has no public hook for this.
"""

from __future__ import annotations

import re
import struct
import sys
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    CorruptRecordError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnsupportedCodecError,
)

from labkit.broker.record_codecs import PACKAGES
from labkit.core.errors import BatchUnreadable

_HEADER = struct.Struct(">qi11xi")  # base offset, length, (epoch, magic, crc, attributes), delta


def name_unreadable_batches(client: KafkaConsumer) -> None:
    """Let a client raise `BatchUnreadable` where it would raise an error without a place."""
    fetcher = client._fetcher
    parse, append = fetcher._parse_fetched_data, fetcher._append

    def parse_or_name(fetched: Any) -> Any:
        try:
            part = parse(fetched)
        except (OffsetOutOfRangeError, TopicAuthorizationFailedError):
            raise  # not the fault of a batch, and they say what is wrong
        except Exception as error:
            place, offset = fetched.topic_partition, fetched.fetched_offset
            raise _unreadable(place, offset, fetched.partition_data.records, error) from error
        if part is not None:
            part.fetched_bytes = fetched.partition_data.records
        return part

    def append_or_name(drained: Any, part: Any, *limits: Any) -> int:
        try:
            count: int = append(drained, part, *limits)
        except Exception as error:
            part.drain()
            place, offset = part.topic_partition, part.next_fetch_offset
            raise _unreadable(place, offset, part.fetched_bytes, error) from error
        return count

    fetcher._parse_fetched_data, fetcher._append = parse_or_name, append_or_name


def _unreadable(
    place: TopicPartition, offset: int, fetched: bytes | None, error: Exception
) -> BatchUnreadable:
    batch = f"partition {place.partition} of {place.topic}: the batch at offset {offset}"
    codec = re.search(r"for (\w+) compression", str(error))
    if isinstance(error, UnsupportedCodecError) and codec and codec[1] in PACKAGES:
        what = f"{batch} is compressed with {codec[1]}, and the package that reads it is missing"
        return BatchUnreadable(
            what,
            f"{sys.executable} -m pip install {PACKAGES[codec[1]]}   # then start this again",
            place.partition,
            offset,
        )
    if isinstance(error, CorruptRecordError):
        what = f"{batch} is damaged, and fails its checksum"
    else:
        what = f"{batch} cannot be read ({type(error).__name__}: {error})"
    end = _end_of_batch(fetched or b"", offset)
    return BatchUnreadable(what, _give_up_line(place, end), place.partition, offset)


def _end_of_batch(fetched: bytes, offset: int) -> int:
    """Return the offset after the batch that holds an offset; the next one if it is not there."""
    at = 0
    while at + _HEADER.size <= len(fetched):
        base, length, delta = _HEADER.unpack_from(fetched, at)
        if base <= offset <= base + delta:
            return int(base + delta + 1)
        if length <= 0:
            break
        at += 12 + length
    return offset + 1


def _give_up_line(place: TopicPartition, end: int) -> str:
    """Return the line that deletes a partition's records up to the end of a batch.

    A consumer has stored all that lies before the batch, and counts the batch itself as a gap.
    """
    wanted = (
        f'{{"version":1,"partitions":[{{"topic":"{place.topic}",'
        f'"partition":{place.partition},"offset":{end}}}]}}'
    )
    return (
        f"echo '{wanted}' | labkit kafka kafka-delete-records --offset-json-file /dev/stdin"
        f"   # gives up the records before offset {end}"
    )
