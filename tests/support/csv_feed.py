"""Real CSV logs without a broker: the fleet's readings, written by the real sink."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink.csv_log import CsvLog

TOPIC = "co2-emissions"


class CsvFeed:
    """Writes the fleet's readings to the three partitions of a topic's CSV.

    Each facility has one partition, as its key would have in Kafka.
    """

    def __init__(
        self, data_dir: Path, topic: str = TOPIC, seed: int = 7, facilities: int = 24
    ) -> None:
        self._fleet = Fleet(seed, facilities)
        self._partition = {
            facility.facility_id: place % 3 for place, facility in enumerate(self._fleet.facilities)
        }
        self._logs = [
            CsvLog(data_dir, topic, partition, topic_id="topic-1", cluster_id="cluster-1")
            for partition in range(3)
        ]
        self._offsets = [itertools.count(log.next_offset or 0) for log in self._logs]
        self.facilities = len(self._fleet.facilities)

    def write(self, rounds: int, interval_s: float = 1.0, until: datetime | None = None) -> int:
        """Store ``rounds`` readings of every facility, the last one now; return how many."""
        until = until or datetime.now(UTC)
        for before in range(rounds - 1, -1, -1):
            at = until - timedelta(seconds=before * interval_s)
            for _ in range(self.facilities):
                self._append(self._fleet.reading(at, interval_s))
        for log in self._logs:
            log.flush()
        return rounds * self.facilities

    def _append(self, reading: Reading) -> None:
        partition = self._partition[reading.facility_id]
        self._logs[partition].append(next(self._offsets[partition]), reading)

    def close(self) -> None:
        for log in self._logs:
            log.close()
