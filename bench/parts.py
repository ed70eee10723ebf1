"""Where a record's microseconds go, in the producer and in the consumer: each step by itself.

    python -m bench.parts

No broker is needed: each step is the lab's or the client's own code, run over the same few thousand
records in one process; the median of several rounds is printed. The steps add up to less than a
whole run needs, because of thread switches and garbage collection.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime

from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from rich.console import Console
from rich.table import Table

from labkit.consumer.optional_fast_decode import PartitionRecords
from labkit.producer.delivery_log import DeliveryLog
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink.csv_row import encode_cells, encode_row
from labkit.sink.row_cache import RowCache

RECORDS, ROUNDS = 5_000, 9
PLACE = TopicPartition("co2-emissions", 0)
Step = tuple[str, Callable[[], object]]


def main() -> None:
    """Print both sides."""
    fleet = Fleet(seed=7)
    readings = [fleet.reading(datetime.now(UTC), 1.0) for _ in range(RECORDS)]
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LABKIT_STATE_DIR"] = folder  # for the delivery log
        console.print(table("A record in the producer", producer_steps(fleet, readings)))
    console.print(table("A record in the consumer", consumer_steps(readings)))


def producer_steps(fleet: Fleet, readings: list[Reading]) -> list[Step]:
    """Return the steps from a plant to a batch that is ready to be sent."""
    fields = [dict(reading) for reading in readings]
    ready = [
        (number, one.timestamp_ms, one.facility_id.encode(), one.to_json(), one.reading_id)
        for number, one in enumerate(readings)
    ]
    log = DeliveryLog("bench", "parts")

    def note() -> None:
        for number, _timestamp_ms, _key, value, reading_id in ready:
            log.sent(number, 0, value, reading_id)
        for number, *_rest in ready:
            log.acked(number, 0, number)
        log.flush()

    def append() -> None:
        batch = ProducerBatch(PLACE, MemoryRecordsBuilder(2, 0, 10**8))
        for _number, timestamp_ms, key, value, _reading_id in ready:
            batch.try_append(timestamp_ms, key, value, [])

    return [
        (
            "simulate and validate (fleet)",
            lambda: [fleet.reading(datetime.now(UTC)) for _ in readings],
        ),
        ("  of it: validate (pydantic)", lambda: [Reading.model_validate(one) for one in fields]),
        ("serialise (pydantic)", lambda: [one.to_json() for one in readings]),
        ("delivery log: sent and acked", note),
        ("append to a batch (kafka-python)", append),
    ]


def consumer_steps(readings: list[Reading]) -> list[Step]:
    """Return the steps from a fetched batch to a row."""
    builder = MemoryRecordsBuilder(2, 0, 10**8)
    for one in readings:
        builder.append(one.timestamp_ms, one.facility_id.encode(), one.to_json())
    builder.close()
    fetched = bytes(builder.buffer())
    values = [(one.to_json(), one.timestamp_ms) for one in readings]

    def taken_apart(reader: type[Fetcher.PartitionRecords]) -> list[object]:
        records: list[object] = reader(0, PLACE, MemoryRecords(fetched)).take(RECORDS)
        assert len(records) == RECORDS
        return records

    plants = RowCache()
    for one in readings:
        plants.learn(one.to_json(), one)

    def known() -> None:
        for offset, (value, timestamp_ms) in enumerate(values):
            cells = plants.cells(value, timestamp_ms)
            if cells is not None:
                encode_cells(0, offset, cells.content)

    return [
        (
            "take a batch apart (kafka-python; not used)",
            lambda: taken_apart(Fetcher.PartitionRecords),
        ),
        (
            "take a batch apart (labkit.consumer.optional_fast_decode)",
            lambda: taken_apart(PartitionRecords),
        ),
        (
            "parse and validate (pydantic)",
            lambda: [Reading.from_json(value, timestamp_ms) for value, timestamp_ms in values],
        ),
        (
            "write as a row, with its checksum",
            lambda: [encode_row(0, offset, one) for offset, one in enumerate(readings)],
        ),
        ("both at once, for a known plant (labkit.sink.row_cache)", known),
    ]


def table(title: str, steps: list[Step]) -> Table:
    """Measure the steps, in turn, and return what each takes."""
    took: dict[str, list[float]] = {name: [] for name, _ in steps}
    for _ in range(1 + ROUNDS):
        for name, work in steps:
            start = time.perf_counter()
            work()
            took[name].append((time.perf_counter() - start) / RECORDS * 1e6)
    shown = Table("step", "µs", title=title)
    for name, microseconds in took.items():
        shown.add_row(name, f"{statistics.median(microseconds[1:]):.1f}")
    return shown


if __name__ == "__main__":
    main()
