"""The capstone's specification, solved: the whole journey in one file.

Lesson 11 asks for this, and `capstone_checks` marks it as it marks a learner's own. It is the
bridge to the lab's stages, which do the same with rates, groups, rebalances and metrics:
`produce` becomes ``producer/send_loop.py``, `consume` ``consumer/poll_loop.py``, `positions`
``sink/csv_log.py``, and `create_app` ``api/json_routes.py``.

    python -m labkit.exercises.reference produce|consume BOOTSTRAP_SERVERS FOLDER
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from flask import Flask, abort
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from labkit.core.errors import BadReading
from labkit.readings.reading import Reading

TOPIC, DEAD_LETTERS, GROUP = "capstone-co2", "capstone-co2.dlq", "capstone"
COLUMNS = ("partition", "offset", "facility_id", "sector", "recorded_at", "co2_kg")
ACK_S = 10


def produce(servers: str, feed: Path) -> None:
    """Send each line of the gateway's file; closing the producer waits for every answer."""
    with KafkaProducer(bootstrap_servers=servers) as producer:
        for text in feed.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            producer.send(
                TOPIC,
                key=line["facility_id"].encode(),
                value=line["value"].encode(),
                timestamp_ms=line["timestamp_ms"],
                headers=[("source", b"gateway-11")],
            )


def consume(servers: str, path: Path) -> None:
    """Store the topic up to its end: a row for each reading, a dead letter for each bad record."""
    position = positions(path)
    with (
        KafkaConsumer(
            bootstrap_servers=servers,
            group_id=GROUP,
            enable_auto_commit=False,
            isolation_level="read_committed",
        ) as consumer,
        KafkaProducer(bootstrap_servers=servers) as queue,
        path.open("a", newline="", encoding="utf-8") as file,
    ):
        partitions = [
            TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)
        ]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, position.get(partition.partition, 0))
        rows = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            rows.writerow(COLUMNS)
        while True:
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    try:
                        reading = Reading.from_json(record.value, record.timestamp)
                    except BadReading as error:
                        send_dead_letter(queue, record, error.what)
                    else:
                        rows.writerow(row(record, reading))
            file.flush()  # first the rows, then the commit: a crash in between loses nothing
            consumer.commit()
            if all(consumer.position(one) >= ends[one] for one in partitions):
                return


def positions(path: Path) -> dict[int, int]:
    """Return the next offset of each partition by the CSV itself, without a torn last row."""
    if not path.exists():
        return {}
    whole, _, torn = path.read_bytes().rpartition(b"\n")
    if torn:
        path.write_bytes(whole + b"\n" if whole else b"")
    with path.open(newline="", encoding="utf-8") as file:
        return {int(one["partition"]): int(one["offset"]) + 1 for one in csv.DictReader(file)}


def row(record: Any, reading: Reading) -> tuple[object, ...]:
    """Return one row: where the record is, and what it says."""
    at = reading.recorded_at.isoformat()
    place = record.partition, record.offset
    return (*place, reading.facility_id, reading.sector, at, reading.co2_kg)


def send_dead_letter(queue: KafkaProducer, record: Any, reason: str) -> None:
    """Send a bad record unchanged, with its origin and the reason; wait for the broker's answer."""
    about = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "exception.message": reason,
    }
    headers = [(f"__connect.errors.{name}", str(text).encode()) for name, text in about.items()]
    queue.send(DEAD_LETTERS, key=record.key, value=record.value, headers=headers).get(ACK_S)


def create_app(path: Path) -> Flask:
    """Serve the kilograms of each sector, from the CSV."""
    app = Flask("capstone")

    def totals() -> dict[str, float]:
        kilograms = pd.read_csv(path).groupby("sector")["co2_kg"].sum()
        return {str(sector): float(kg) for sector, kg in kilograms.round(3).items()}

    @app.get("/totals")
    def all_totals() -> dict[str, float]:
        return totals()

    @app.get("/totals/<sector>")
    def one_total(sector: str) -> dict[str, object]:
        found = totals()
        if sector not in found:
            abort(404)
        return {"sector": sector, "co2_kg": found[sector]}

    return app


if __name__ == "__main__":
    verb, bootstrap_servers, folder = sys.argv[1:]
    if verb == "produce":
        produce(bootstrap_servers, Path(folder) / "feed.jsonl")
    else:
        consume(bootstrap_servers, Path(folder) / "readings.csv")
