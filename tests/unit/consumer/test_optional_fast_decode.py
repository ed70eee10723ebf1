"""`optional_fast_decode` compared with kafka-python: the same records, and the same errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.errors import CorruptRecordError, UnsupportedForMessageFormatError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c, encode_varint

from labkit.consumer.optional_fast_decode import PartitionRecords, read_number

PLACE = TopicPartition("co2-emissions", 2)
CRC, ATTRIBUTES = DefaultRecordBatch.CRC_OFFSET, DefaultRecordBatch.ATTRIBUTES_OFFSET
PRODUCER = 43  # where a batch's producer id begins

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


def both(content: bytes, fetch_offset: int, take: int = 10**6, **named: Any) -> tuple[Any, Any]:
    """Take what is in a fetch in portions, with the client's class and with ours."""
    found = []
    for reader in (Fetcher.PartitionRecords, PartitionRecords):
        part = reader(fetch_offset, PLACE, MemoryRecords(content), **named)
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


def of_producer(batch: bytes, offset: int, producer_id: int, attributes: int) -> bytes:
    """Return a batch of a transaction, as a broker keeps it."""
    content = bytearray(batch)
    content[PRODUCER : PRODUCER + 8] = producer_id.to_bytes(8, "big")
    return at_offset(bytes(content), offset, attributes)


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["send", "send", "commit", "abort"])),
        max_size=40,
    ),
    st.integers(1, 5),
)
def test_what_was_aborted_is_left_out_as_the_client_does(
    steps: list[tuple[int, str]], take: int
) -> None:
    """Two transactional producers and a plain one (3) write into one partition, in turns."""
    content, offset, expected = b"", 0, []
    pending: dict[int, list[int]] = {}
    aborted = []
    for producer_id, step in [*steps, (1, "abort"), (2, "commit")]:
        mask = 0 if producer_id == 3 else DefaultRecordBatch.TRANSACTIONAL_MASK
        if step == "send":
            batch = batch_of([(1, b"k", b"v", []), (2, b"k", b"w", [])])
            content += of_producer(batch, offset, producer_id, mask)
            mine = expected if producer_id == 3 else pending.setdefault(producer_id, [])
            mine += [offset, offset + 1]
            offset += 2
        elif offsets := pending.pop(producer_id, None):
            is_commit = step == "commit"
            marker = batch_of([(1, bytes([0, 0, 0, is_commit]), b"\0\0\0\0\0\0", [])])
            control = mask | DefaultRecordBatch.CONTROL_MASK
            content += of_producer(marker, offset, producer_id, control)
            if is_commit:
                expected += offsets
            else:
                aborted.append(SimpleNamespace(producer_id=producer_id, first_offset=offsets[0]))
            offset += 1
    named = {"isolation_level": IsolationLevel.READ_COMMITTED, "aborted_transactions": aborted}
    theirs, ours = both(content, 0, take, **named)
    assert ours == theirs
    assert [record.offset for record in ours[0]] == sorted(expected)
    assert not content or ours[2][-1][1] == offset, "past the last marker"
