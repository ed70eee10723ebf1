"""What the consumer knows of kafka-python's private parts and error texts still holds."""

from __future__ import annotations

from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from labkit.consumer.client_health import LogSource, batch_bytes


def batch(compression: int = 0) -> bytearray:
    builder = MemoryRecordsBuilder(2, compression, 10**7)
    for number in range(20):
        builder.append(number, b"key", b"value" * 20, [])
    builder.close()
    return bytearray(builder.buffer())


def test_another_connection_or_leader_may_have_another_log() -> None:
    first, second = object(), object()
    then = LogSource(1, 5, first)
    assert not LogSource(1, 5, first).may_differ_from(then)
    assert not LogSource(1, 5, None).may_differ_from(then), "what was fetched before it broke"
    assert LogSource(1, 5, second).may_differ_from(then), "a broker may have come back"
    assert LogSource(1, 6, first).may_differ_from(then)
    assert LogSource(2, 5, None).may_differ_from(then)


def test_the_bytes_of_a_batch_are_uncompressed() -> None:
    plain = MemoryRecords(bytes(batch())).next_batch()
    packed = MemoryRecords(bytes(batch(compression=1))).next_batch()
    data, pos = batch_bytes(plain)
    other, other_pos = batch_bytes(packed)
    assert data[pos:] == other[other_pos:]
    assert b"value" * 20 in data
