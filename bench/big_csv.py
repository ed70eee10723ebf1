"""The CSV that the API's figures are measured on: a day of the fleet, written by the real sink."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from bench.make_csv import make_csv
from labkit.core.config import load_config
from labkit.readings.fleet import Fleet
from labkit.sink.csv_log import CsvLog
from labkit.sink.segment_files import topic_dir

TOPIC = "co2-emissions"
PLANTS, DAY_S = 24, 86_400


@cache
def big_csv(rows: int) -> Path:
    """Return a data folder with this many rows of one day, created on first use."""
    data_dir = load_config().lab_dir / f"csv-{rows}"
    make_csv(data_dir, rows, TOPIC, interval_s=PLANTS * DAY_S / rows)
    return data_dir


def files(data_dir: Path) -> list[Path]:
    """Return the CSV files of a data folder."""
    return sorted(topic_dir(data_dir, TOPIC).glob("*.csv"))


class Writer:
    """Appends a few readings at a time to one partition, as a consumer does."""

    def __init__(self, data_dir: Path) -> None:
        self._fleet = Fleet(seed=11)
        self._log = CsvLog(data_dir, TOPIC, 0, topic_id="bench", cluster_id="bench")

    def append(self, rows: int) -> None:
        """Append readings of this moment."""
        first = self._log.next_offset or 0
        for number in range(rows):
            self._log.append(first + number, self._fleet.reading(datetime.now(UTC), 1.0))
        self._log.flush()

    def close(self) -> None:
        """Release the partition."""
        self._log.close()
