"""The capstone's input and its evidence: the gateway's file, the topic, and the learner's CSV."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from labkit.core.config import load_config
from labkit.core.errors import BadReading, TopicNotFound
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.queries.broker_queries import attempts_in
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import spoil
from labkit.readings.reading import Reading, grams
from labkit.topics.topics import delete_topic

TOPIC, DLQ, GROUP = "capstone-co2", "capstone-co2.dlq", "capstone"
PARTITIONS, RETENTION_MS = 4, 30 * 24 * 3_600_000
SOURCE = ("source", b"gateway-11")
COLUMNS = ("partition", "offset", "facility_id", "sector", "recorded_at", "co2_kg")
READINGS, SEED = 240, 11
SPOILT = {31: "co2_negative", 90: "plain_text", 133: "name_misspelt", 201: "unix_seconds"}
FEED_AGE_S = 20 * 24 * 3_600
"""An older file is written again: its records would soon be past the topic's retention."""


class Line(NamedTuple):
    """A record as the gateway wrote it."""

    facility_id: str
    timestamp_ms: int
    value: bytes

    @property
    def is_reading(self) -> bool:
        """Whether its value is a valid reading."""
        return _decoded(self.value, self.timestamp_ms) is not None


def folder() -> Path:
    """Return the capstone's folder; create it if it does not exist."""
    path = load_config().data_path("data/capstone")
    path.mkdir(parents=True, exist_ok=True)
    return path


def csv_path() -> Path:
    """Return where the learner's CSV belongs."""
    return folder() / "readings.csv"


def write_feed() -> Path:
    """Return the gateway's file, ``feed.jsonl``; it is written once, and then stays as it is."""
    path = folder() / "feed.jsonl"
    if not path.exists() or time.time() - path.stat().st_mtime > FEED_AGE_S:
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
        source = Fleet(seed=SEED).readings(start, readings_per_s=4.0)
        lines = []
        for number in range(READINGS):
            reading = next(source)
            assert isinstance(reading, Reading)  # no faults were asked for
            bad = SPOILT.get(number)
            value = spoil(bad, reading).value if bad else reading.to_json()
            assert value is not None
            content = {
                "facility_id": reading.facility_id,
                "timestamp_ms": reading.timestamp_ms,
                "value": value.decode(),
            }
            lines.append(json.dumps(content, ensure_ascii=False))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def clear() -> None:
    """Delete what was built: the topics with their records, and the CSV; the feed stays."""
    for name in (TOPIC, DLQ):
        try:
            delete_topic(name)
        except TopicNotFound:
            continue
    csv_path().unlink(missing_ok=True)


def feed() -> list[Line]:
    """Return what the gateway wrote, line by line."""
    path = folder() / "feed.jsonl"
    if not path.exists():
        raise NotAttempted("The gateway's file is not there: run the cell with `ex.write_feed()`.")
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Line(one["facility_id"], one["timestamp_ms"], one["value"].encode()) for one in lines]


@cache
def _decoded(value: bytes, timestamp_ms: int) -> Reading | None:
    try:
        return Reading.from_json(value, timestamp_ms)
    except BadReading:
        return None


def sent() -> list[Any]:
    """Return what the learner's topic holds."""
    return attempts_in(TOPIC)


def good_rows() -> dict[tuple[int, int], Reading]:
    """Return the readings that belong in the CSV, by partition and offset."""
    judged = ((record, _decoded(record.value or b"", record.timestamp)) for record in sent())
    return {(one.partition, one.offset): reading for one, reading in judged if reading is not None}


def stored() -> list[dict[str, str]]:
    """Return the learner's CSV, row by row."""
    if not csv_path().exists():
        raise NotAttempted(f"There is no `{csv_path().name}` in `{folder()}` yet.")
    with csv_path().open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise NotYet(f"Its columns are {reader.fieldnames}, and must be {', '.join(COLUMNS)}.")
    return rows


def place(row: dict[str, str]) -> tuple[int, int]:
    """Return a row's partition and offset."""
    return int(row["partition"]), int(row["offset"])


def sector_grams() -> Counter[str]:
    """Return the grams of CO2 of each sector, of the readings that the topic holds."""
    sums: Counter[str] = Counter()
    for reading in good_rows().values():
        sums[reading.sector] += grams(reading.co2_kg)
    return sums
