"""An independent reader of the topic and of the CSV, to check the pipeline.

It uses plain kafka-python, ``csv`` and ``json``, and nothing of the lab.
"""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

NUMBERS = {"interval_s", "latitude", "longitude", "load_mw", "co2_kg"}


def read_topic(bootstrap_servers: str, topic: str) -> dict[int, list[Any]]:
    """Return all records of a topic, by partition, up to its present end."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers, enable_auto_commit=False, max_poll_records=2000
    )
    try:
        numbers = sorted(consumer.partitions_for_topic(topic))
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found: dict[int, list[Any]] = {number: [] for number in numbers}
        while any(consumer.position(one) < ends[one] for one in partitions):
            for one, records in consumer.poll(timeout_ms=500).items():
                found[one.partition] += records
        return found
    finally:
        consumer.close()


def read_csv(folder: Path, partition: int) -> list[dict[str, str]]:
    """Return the rows of a partition's CSV, with markers; it must have one segment."""
    path = folder / f"{partition}.csv"
    if not path.exists():
        return []
    text = path.read_bytes().decode()
    assert text == "" or text.endswith("\n")
    return list(csv.DictReader(text.splitlines()))


def assert_agrees(
    bootstrap_servers: str, topic: str, data_dir: Path, bad: int = 0
) -> dict[int, list[Any]]:
    """Compare the topic with the CSV: row by row, in order, each value; ``bad`` markers in all."""
    records = read_topic(bootstrap_servers, topic)
    markers = 0
    for partition, expected in records.items():
        rows = read_csv(data_dir / topic, partition)
        offsets = [int(row["offset"]) for row in rows]
        assert offsets == [record.offset for record in expected], f"partition {partition}"
        for row, record in zip(rows, expected, strict=True):
            if row["quality"] == "dead-letter":
                markers += 1
            else:
                assert restored(row) == json.loads(record.value)
                assert int(row["partition"]) == partition
    assert markers == bad
    return records


def restored(row: dict[str, str]) -> dict[str, Any]:
    """Return a row's reading as it was in the record's JSON."""
    fields: dict[str, Any] = {}
    for name, cell in row.items():
        if name in NUMBERS:
            fields[name] = float(cell)
        elif name not in {"partition", "offset", "crc32"}:
            fields[name] = cell.removeprefix("'")
    datetime.fromisoformat(fields["recorded_at"])
    return fields
