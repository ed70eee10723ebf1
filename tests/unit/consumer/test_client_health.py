"""What the consumer knows of kafka-python's private parts and error texts still holds."""

from __future__ import annotations

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from labkit.consumer.client_health import batch_bytes, corrupt_partition
from labkit.consumer.optional_fast_decode import PartitionRecords

PLACE = TopicPartition("co2-emissions", 12)


def batch(compression: int = 0) -> bytearray:
    builder = MemoryRecordsBuilder(2, compression, 10**7)
    for number in range(20):
        builder.append(number, b"key", b"value" * 20, [])
    builder.close()
    return bytearray(builder.buffer())


@pytest.mark.parametrize("reader", [Fetcher.PartitionRecords, PartitionRecords])
def test_a_wrong_checksum_says_which_partition_it_is_of(reader: type) -> None:
    content = batch()
    content[:8] = (4711).to_bytes(8, "big")
    content[-1] ^= 1
    with pytest.raises(CorruptRecordError) as caught:
        reader(4711, PLACE, MemoryRecords(bytes(content))).take(1)
    found = corrupt_partition(caught.value, "co2-emissions")
    assert found == (PLACE, "what the broker sends at offset 4711 fails its checksum")


def test_an_error_without_a_partition_holds_none() -> None:
    assert corrupt_partition(CorruptRecordError("of no batch"), "t") is None


def test_the_bytes_of_a_batch_are_uncompressed() -> None:
    plain = MemoryRecords(bytes(batch())).next_batch()
    packed = MemoryRecords(bytes(batch(compression=1))).next_batch()
    data, pos = batch_bytes(plain)
    other, other_pos = batch_bytes(packed)
    assert data[pos:] == other[other_pos:]
    assert b"value" * 20 in data
