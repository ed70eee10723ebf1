"""Write a topic's CSV as if a consumer had: real readings of the fleet, through the real sink.

    python bench/make_csv.py --rows 1000000 --data /tmp/million

Three partitions, 24 facilities, each reporting once a second; seeded, so that every run of one
version writes the same readings.
"""

from __future__ import annotations

import argparse
import itertools
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labkit.readings.fleet import Fleet
from labkit.sink.csv_log import CsvLog

PARTITIONS = 3
FLUSH_EVERY = 5_000


def make_csv(
    data_dir: Path,
    rows: int,
    topic: str = "co2-emissions",
    until: datetime | None = None,
    interval_s: float = 1.0,
) -> Path:
    """Append readings to a topic's CSV, the newest one at ``until``; return the topic's folder."""
    fleet = Fleet(seed=7)
    facilities = len(fleet.facilities)
    partition_of = {
        facility.facility_id: place % PARTITIONS for place, facility in enumerate(fleet.facilities)
    }
    logs = [
        CsvLog(data_dir, topic, partition, topic_id="bench", cluster_id="bench")
        for partition in range(PARTITIONS)
    ]
    offsets = [itertools.count(log.next_offset or 0) for log in logs]
    start = (until or datetime.now(UTC)) - timedelta(seconds=interval_s * rows / facilities)
    try:
        for row in range(rows):
            at = start + timedelta(seconds=interval_s * (row + 1) / facilities)
            reading = fleet.reading(at, interval_s)
            partition = partition_of[reading.facility_id]
            logs[partition].append(next(offsets[partition]), reading)
            if row % FLUSH_EVERY == 0:
                for log in logs:
                    log.flush()
        for log in logs:
            log.flush()
    finally:
        for log in logs:
            log.close()
    return data_dir / topic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    arguments = parser.parse_args()
    began = time.perf_counter()
    folder = make_csv(arguments.data, arguments.rows)
    print(f"{arguments.rows:,} rows in {folder}, {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
