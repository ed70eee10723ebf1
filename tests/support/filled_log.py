"""A partition's CSV log with known rows, for unit tests of the sink."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sample_readings import READING

from labkit.readings.reading import Reading
from labkit.sink.csv_log import CsvLog
from labkit.sink.segment_files import topic_dir

TOPIC = "co2-emissions"


def open_log(folder: Path, **changes: Any) -> CsvLog:
    arguments = {"topic_id": "topic-1", "cluster_id": "cluster-1", **changes}
    return CsvLog(folder, TOPIC, 0, **arguments)


def reading(offset: int) -> Reading:
    names = ["Plain", "=Formula", 'Quote "d"', "Com,ma", "Süd 电厂"]
    return READING.model_copy(update={"facility": names[offset % 5], "co2_kg": offset + 0.125})


def feed(log: CsvLog, offsets: range) -> None:
    """Do what a consumer does with a batch: every seventh record is a bad one."""
    for offset in offsets:
        if offset % 7 == 6:
            log.mark(offset)
        else:
            log.append(offset, reading(offset))
    log.flush()


def feed_to(log: CsvLog, end: int) -> None:
    """Feed on from where the log is, four records at a time."""
    for start in range(log.next_offset or 0, end, 4):
        feed(log, range(start, min(start + 4, end)))


def csv_of(folder: Path) -> Path:
    return topic_dir(folder, TOPIC) / "0.csv"
