"""`optional_fast_decode` compared with kafka-python: the same records, and the same errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, UnsupportedForMessageFormatError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c, encode_varint

from labkit.consumer.optional_fast_decode import PartitionRecords, read_number

PLACE = TopicPartition("co2-emissions", 2)
CRC, ATTRIBUTES = DefaultRecordBatch.CRC_OFFSET, DefaultRecordBatch.ATTRIBUTES_OFFSET

some_bytes = st.binary(max_size=300)
some_headers = st.lists(st.tuples(st.text(max_size=20), st.none() | some_bytes), max_size=3)
# A record has a key or a value, or the client would not send it.
some_records = st.tuples(
    st.integers(0, 2**41), st.none() | some_bytes, some_bytes, some_headers
) | st.tuples(st.integers(0, 2**41), some_bytes, st.none(), some_headers)


def batch_of(records: list[Any], compression: int = 0, magic: int = 2) -> bytes:
    builder = MemoryRecordsBuilder(magic, compression, 10**7)
    for timestamp_ms, key, value, headers in records:
        builder.append(timestamp_ms, key, value, headers)
    builder.close()
    return bytes(builder.buffer())


def at_offset(batch: bytes, base_offset: int, attributes: int = 0) -> bytes:
    """Return a batch as a broker keeps it: it sets the offset, and may set who made the time."""
    content = bytearray(batch)
    content[:8] = base_offset.to_bytes(8, "big")
    content[ATTRIBUTES + 1] |= attributes
    content[CRC:ATTRIBUTES] = calc_crc32c(memoryview(content)[ATTRIBUTES:]).to_bytes(4, "big")
    return bytes(content)


def both(content: bytes, fetch_offset: int, take: int = 10**6) -> tuple[Any, Any]:
    """Take what is in a fetch in portions, with the client's class and with ours."""
    found = []
    for reader in (Fetcher.PartitionRecords, PartitionRecords):
        part = reader(fetch_offset, PLACE, MemoryRecords(content))
        records, places = [], []
        while part:
            portion = part.take(take)
            records += portion
            places.append((len(portion), part.next_fetch_offset))
            if not portion:
                break
        found.append((records, [type(one) for one in records], places, part.leader_epoch))
    return found[0], found[1]


@given(
    st.lists(st.lists(some_records, min_size=1, max_size=80), min_size=1, max_size=3),
    st.sampled_from([0, 1]),
    st.integers(0, 2**40),
    st.integers(1, 50),
    st.integers(0, 30),
    st.sampled_from([0, DefaultRecordBatch.TIMESTAMP_TYPE_MASK]),
)
def test_it_reads_what_the_client_reads(
    batches: list[list[Any]], codec: int, offset: int, take: int, skip: int, attributes: int
) -> None:
    content, at = b"", offset
    for records in batches:
        content += at_offset(batch_of(records, codec), at, attributes)
        at += len(records)
    theirs, ours = both(content, offset + skip, take)
    assert ours == theirs


@given(st.lists(some_records, min_size=1, max_size=5), st.data())
def test_a_batch_with_wrong_bytes_is_refused_or_read_the_same(
    records: list[Any], data: st.DataObject
) -> None:
    """The checksum is made right again, so that only the structure is wrong."""
    content = bytearray(at_offset(batch_of(records), 0))
    header = DefaultRecordBatch.HEADER_STRUCT.size
    place = data.draw(st.integers(header, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    whole = at_offset(bytes(content), 0)
    found = []
    for reader in (Fetcher.PartitionRecords, PartitionRecords):
        try:
            found.append(reader(0, PLACE, MemoryRecords(whole)).take(10**6))
        except (CorruptRecordError, UnicodeDecodeError):
            found.append(None)
    assert found[0] == found[1]


def test_a_wrong_checksum_raises_the_clients_error() -> None:
    content = bytearray(at_offset(batch_of([(1, b"k", b"v", [])]), 7))
    content[-1] ^= 1
    said = []
    for reader in (Fetcher.PartitionRecords, PartitionRecords):
        with pytest.raises(CorruptRecordError) as refused:
            reader(7, PLACE, MemoryRecords(bytes(content))).take(1)
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_the_end_of_a_transaction_is_not_a_record() -> None:
    control = DefaultRecordBatch.CONTROL_MASK | DefaultRecordBatch.TRANSACTIONAL_MASK
    marker = at_offset(batch_of([(1, b"\0\0\0\1", b"\0\0\0\0\0\0", [])]), 1, control)
    content = at_offset(batch_of([(1, b"k", b"v", [])]), 0) + marker
    theirs, ours = both(content, 0)
    assert ours == theirs
    assert len(ours[0]) == 1
    assert ours[2][-1][1] == 2


def test_records_of_an_old_format_are_refused() -> None:
    content = batch_of([(1, b"k", b"v", [])], magic=1)
    with pytest.raises(UnsupportedForMessageFormatError, match="from before Kafka"):
        PartitionRecords(0, PLACE, MemoryRecords(content)).take(1)


@given(st.integers(-(2**62), 2**62))
def test_a_number_of_any_size(number: int) -> None:
    data = bytearray(b"x")
    encode_varint(number, data.append)
    assert read_number(bytes(data), 1) == (number, len(data))
