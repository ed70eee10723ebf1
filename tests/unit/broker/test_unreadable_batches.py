"""A batch that cannot be unpacked is named, and the client remains usable."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import kafka.codec
import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from labkit.broker.unreadable_batches import name_unreadable_batches
from labkit.consumer.optional_fast_decode import PartitionRecords
from labkit.core.errors import BatchUnreadable

PLACE = TopicPartition("co2-emissions", 12)
GZIP = 1


def batch(first_offset: int, compression: int = 0, records: int = 20) -> bytearray:
    builder = MemoryRecordsBuilder(2, compression, 10**7)
    for number in range(records):
        builder.append(number, b"key", b"value" * 20, [])
    builder.close()
    content = bytearray(builder.buffer())
    content[:8] = first_offset.to_bytes(8, "big")
    return content


def fetcher_of(reader: Any) -> Any:
    """Return the part of kafka-python's fetcher that unpacks what one fetch has brought."""

    def parse(fetched: Any) -> Any:
        records = MemoryRecords(fetched.partition_data.records)
        return reader(fetched.fetched_offset, PLACE, records)

    found = SimpleNamespace(
        _parse_fetched_data=parse, _append=lambda drained, part, most: drained.extend(part.take())
    )
    name_unreadable_batches(SimpleNamespace(_fetcher=found))
    return found


def unpack(reader: Any, content: bytes, offset: int) -> tuple[list[Any], BatchUnreadable, Any]:
    fetcher = fetcher_of(reader)
    fetched = SimpleNamespace(
        topic_partition=PLACE,
        fetched_offset=offset,
        partition_data=SimpleNamespace(records=content),
    )
    part, drained = fetcher._parse_fetched_data(fetched), []

    def drain() -> None:
        while True:
            fetcher._append(drained, part, 100)

    with pytest.raises(BatchUnreadable) as caught:
        drain()
    return drained, caught.value, part


@pytest.mark.parametrize("reader", [Fetcher.PartitionRecords, PartitionRecords])
def test_a_damaged_batch_is_named_with_the_line_that_gives_it_up(reader: type) -> None:
    good, bad = batch(4700), batch(4720)
    bad[-1] ^= 1
    drained, error, part = unpack(reader, bytes(good + bad), 4700)
    assert [record.offset for record in drained] == list(range(4700, 4720))
    assert (error.partition, error.offset) == (12, 4720)
    assert "partition 12 of co2-emissions: the batch at offset 4720 is damaged" in error.what
    found = re.search(r"echo '(.*)'", error.next_line)
    assert found is not None
    (wanted,) = json.loads(found[1])["partitions"]
    assert wanted == {"topic": "co2-emissions", "partition": 12, "offset": 4740}
    assert not part, "or the next poll never returns"


@pytest.mark.parametrize("reader", [Fetcher.PartitionRecords, PartitionRecords])
@pytest.mark.parametrize(
    ("number", "codec", "package"),
    [(2, "snappy", "python-snappy"), (3, "lz4", "lz4"), (4, "zstd", "zstandard")],
)
def test_a_codec_that_is_not_installed_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, reader: type, number: int, codec: str, package: str
) -> None:
    monkeypatch.setattr(kafka.codec, f"has_{codec}", lambda: False)
    content = batch(7, GZIP)
    content[22] = content[22] & ~7 | number
    content[17:21] = kafka.record.util.calc_crc32c(content[21:]).to_bytes(4, "big")
    drained, error, _part = unpack(reader, bytes(content), 7)
    assert not drained
    assert f"compressed with {codec}" in error.what
    assert f"-m pip install {package} " in error.next_line
    assert error.offset == 7
