"""Tell whose the readings are that no delivery log has acknowledged.

Sums alone cannot tell a reading that another program sent from one that is there twice. So the
ledger keeps the readings whose place in the topic no producer of the lab was told. Usually these
are the few that were read a moment before their acknowledgement was noted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from labkit.ledger.ledger_model import Stage
from labkit.producer.delivery_log import delivery_log_dir, read_events


class OffsetSet:
    """A set of offsets, kept as ranges: offsets that follow each other take no memory."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    def add(self, offset: int) -> None:
        """Add an offset."""
        after = bisect_right(self._starts, offset)
        if after and offset < self._stops[after - 1]:
            return
        extends = after > 0 and self._stops[after - 1] == offset
        is_followed = after < len(self._starts) and self._starts[after] == offset + 1
        if extends and is_followed:
            self._stops[after - 1] = self._stops.pop(after)
            del self._starts[after]
        elif extends:
            self._stops[after - 1] = offset + 1
        elif is_followed:
            self._starts[after] = offset
        else:
            self._starts.insert(after, offset)
            self._stops.insert(after, offset + 1)

    def __contains__(self, offset: int) -> bool:
        after = bisect_right(self._starts, offset)
        return after > 0 and offset < self._stops[after - 1]


class _Reading(NamedTuple):
    reading_id: str
    co2_g: int


class UnclaimedReadings:
    """The readings of a topic that no delivery log has acknowledged."""

    def __init__(self, topic_id: str) -> None:
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
            for event in read_events(path, self._read_to.get(path, 0)):
                self._read_to[path] = event.end
                if event.offset >= 0:
                    self._acked[event.partition].add(event.offset)
                    self._readings.pop((event.partition, event.offset), None)

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
