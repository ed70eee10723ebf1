"""Tell whose the readings are that no delivery log has acknowledged.

Sums alone cannot tell a reading that another program sent from one that is there twice. So the
ledger keeps the readings whose place in the topic no producer of the lab was told. Usually these
are the few that were read a moment before their acknowledgement was noted.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from labkit.ledger.ledger_model import Stage
from labkit.producer.delivery_log import delivery_log_dir, read_events
from labkit.producer.delivery_log_retention import read_acked_offsets
from labkit.producer.offset_set import OffsetSet


class _Reading(NamedTuple):
    reading_id: str
    co2_g: int


class UnclaimedReadings:
    """The readings of a topic that no delivery log has acknowledged.

    Attributes
    ----------
    acknowledged : int
        How many records the delivery logs say were acknowledged, malformed ones included.
    """

    def __init__(self, topic_id: str) -> None:
        self.acknowledged = 0
        self._folder = delivery_log_dir(topic_id)
        self._read_to: dict[Path, int] = {}
        self._acked: dict[int, OffsetSet] = defaultdict(OffsetSet)
        self._readings: dict[tuple[int, int], _Reading] = {}  # by partition and offset
        self._ours: set[str] = set()  # of these, the ids that are in a delivery log
        self._foreign: list[_Reading] = []

    def add(self, partition: int, offset: int, reading_id: str, co2_g: int) -> None:
        """Keep a reading of the topic, unless its place was acknowledged."""
        if offset not in self._acked[partition]:
            self._readings[partition, offset] = _Reading(reading_id, co2_g)

    def claim(self) -> None:
        """Read what was appended to the delivery logs, and drop what they acknowledge."""
        for path in sorted(self._folder.glob("*.csv")):
            with suppress(FileNotFoundError):  # retention has removed it since
                if path.stat().st_size > self._read_to.get(path, 0):
                    self._claim_logged(path)
        for path in self._folder.glob("*.json"):  # of logs that retention has removed
            if path not in self._read_to:
                self._read_to[path] = 0
                self._claim_ranges(read_acked_offsets(path))

    def _claim_logged(self, path: Path) -> None:
        for event in read_events(path, self._read_to.get(path, 0)):
            self._read_to[path] = event.end
            self.acknowledged += event.event in ("acked", "found")
            if event.offset >= 0:
                self._acked[event.partition].add(event.offset)
                self._readings.pop((event.partition, event.offset), None)

    def _claim_ranges(self, acked: dict[int, list[tuple[int, int]]]) -> None:
        for partition, ranges in acked.items():
            for start, stop in ranges:
                self.acknowledged += stop - start
                self._acked[partition].add(start, stop)
        for partition, offset in list(self._readings):
            if offset in self._acked[partition]:
                del self._readings[partition, offset]

    def foreign(self) -> Stage:
        """Return how many of them no producer of the lab has sent."""
        ids = {one.reading_id for one in self._readings.values()} - self._ours
        if ids:
            self._ours |= {
                event.reading_id
                for path in self._folder.glob("*.csv")
                for event in read_events(path)
                if event.reading_id in ids
            }
            for place, one in list(self._readings.items()):
                if one.reading_id not in self._ours:
                    self._foreign.append(self._readings.pop(place))
        return Stage(records=len(self._foreign), grams=sum(one.co2_g for one in self._foreign))
