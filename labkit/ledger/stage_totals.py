"""The totals of one stage: readings and grams of the topic, of the CSV, and of the API."""

from __future__ import annotations

import json
import urllib.request
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kafka import TopicPartition

from labkit.broker.kafka_clients import consumer
from labkit.core.errors import BadReading
from labkit.core.run_files import read_run_files
from labkit.ledger.ledger_model import PartitionPlace, Stage, with_removed
from labkit.ledger.unclaimed_readings import UnclaimedReadings
from labkit.readings.reading import Reading, grams
from labkit.sink.csv_row import row_grams
from labkit.sink.new_csv_rows import LogTail
from labkit.sink.partition_status import PartitionStatus
from labkit.sink.segment_files import partitions, topic_dir
from labkit.topics.read_topic import read_to_end
from labkit.topics.topics import describe_topic

API_TIMEOUT_S = 10.0
ASKED_MS = 5_000  # for offsets; the client's default is 30 s


class TopicTotals:
    """The totals of a topic, read from its beginning by a consumer without a group.

    It assigns the partitions to itself instead of joining a group, so it moves no group's offsets
    and takes no partition from anyone.

    Attributes
    ----------
    records, grams : int
        The valid readings read so far, and their mass.
    bad_offsets : dict of int to list of int
        The records of each partition that are not valid readings.
    expired : int
        Records that retention had deleted before they could be read.
    start_offsets : dict of int to int
        The oldest offset of each partition now.
    unclaimed : UnclaimedReadings
        The readings that no delivery log has acknowledged.
    end_offsets : dict of int to int
        The offset after the last record of each partition that was read. What follows it, if
        anything, holds no records: the markers of transactions, and what they aborted.
    """

    def __init__(self, topic: str) -> None:
        description = describe_topic(topic)
        self.topic_id = description.topic_id
        self.records = self.grams = self.expired = 0
        self.bad_offsets: dict[int, list[int]] = defaultdict(list)
        self.start_offsets: dict[int, int] = {}
        self.end_offsets: dict[int, int] = {}
        self._partitions = [
            TopicPartition(topic, partition.partition) for partition in description.partitions
        ]
        self.unclaimed = UnclaimedReadings(self.topic_id)
        self._consumer = consumer(auto_offset_reset="none", enable_auto_commit=False)
        self._consumer.assign(self._partitions)
        for place, start in self._consumer.beginning_offsets(self._partitions, ASKED_MS).items():
            self._consumer.seek(place, start)
            self.start_offsets[place.partition] = self.end_offsets[place.partition] = start
            self.expired += start

    def read(self) -> Stage:
        """Read on to the topic's present end."""
        self.unclaimed.claim()
        for place, start in self._consumer.beginning_offsets(self._partitions, ASKED_MS).items():
            self.start_offsets[place.partition] = start
        ends = self._consumer.end_offsets(self._partitions, ASKED_MS)
        for record in read_to_end(self._consumer, ends, self._add_expired):
            self._add(record)
            self.end_offsets[record.partition] = record.offset + 1
        return Stage(records=self.records, grams=self.grams)

    def places(self, positions: Mapping[int, int]) -> tuple[PartitionPlace, ...]:
        """Return how far the CSV has followed each partition; ``positions`` are its own.

        A position is never below the topic's start: deleted records are not lag.
        """
        return tuple(
            PartitionPlace(
                partition=partition,
                end_offset=end,
                position=max(positions.get(partition, 0), self.start_offsets[partition]),
            )
            for partition, end in sorted(self.end_offsets.items())
        )

    @property
    def bad(self) -> int:
        """Records that are not valid readings."""
        return sum(map(len, self.bad_offsets.values()))

    def bad_in_lag(self, places: Iterable[PartitionPlace]) -> int:
        """Return how many records that the CSV has not reached yet are not valid readings."""
        bad = self.bad_offsets
        return sum(
            len(bad[one.partition]) - bisect_left(bad[one.partition], one.position)
            for one in places
        )

    def deleted_ahead(
        self, positions: Mapping[int, int], statuses: Iterable[PartitionStatus]
    ) -> int:
        """Return how many records are deleted that no consumer has stored, or met as a gap."""
        met = {status.partition: status.position or 0 for status in statuses}
        return sum(
            max(0, start - max(positions.get(partition, 0), met.get(partition, 0)))
            for partition, start in self.start_offsets.items()
        )

    def _add_expired(self, count: int) -> None:
        self.expired += count

    def _add(self, record: Any) -> None:
        try:
            reading = Reading.from_json(record.value, record.timestamp)
        except BadReading:
            self.bad_offsets[record.partition].append(record.offset)
        else:
            mass_g = grams(reading.co2_kg)
            self.records += 1
            self.grams += mass_g
            self.unclaimed.add(record.partition, record.offset, reading.reading_id, mass_g)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


class CsvTotals:
    """The totals of a topic's CSV files. Each read costs only the rows that are new."""

    def __init__(self, data_dir: Path, topic: str) -> None:
        self._folder = topic_dir(data_dir, topic)
        self._tails: dict[int, LogTail] = {}
        # Partition -> file -> readings, grams, dead letters.
        self._sums: dict[int, dict[Path, list[int]]] = {}

    def read(self) -> Stage:
        """Read the rows that were appended."""
        found = partitions(self._folder)
        for gone in self._tails.keys() - set(found):
            del self._tails[gone]
            self._sums.pop(gone, None)
        for partition in found:
            tail = self._tails.setdefault(partition, LogTail(self._folder, partition))
            for piece in tail.read():
                if piece.starts_over or partition not in self._sums:
                    self._sums[partition] = {}
                sums = self._sums[partition]
                if piece.removed_below:
                    for path in filter(tail.removed.covers, list(sums)):
                        del sums[path]
                if piece.rows:
                    self._add(sums.setdefault(piece.path, [0, 0, 0]), piece.rows)
        if not found:
            return Stage(note=f"there is no CSV in {self._folder}")
        removed = sum(tail.removed.rows for tail in self._tails.values())
        return with_removed(
            Stage(records=self._total(0), grams=self._total(1)),
            removed,
            sum(tail.removed.grams for tail in self._tails.values()),
        )

    @staticmethod
    def _add(sums: list[int], rows: bytes) -> None:
        for line in rows.splitlines(keepends=True):
            mass_g = row_grams(line)
            if mass_g is None:
                sums[2] += 1
            else:
                sums[0] += 1
                sums[1] += mass_g

    def _total(self, column: int) -> int:
        return sum(sums[column] for files in self._sums.values() for sums in files.values())

    @property
    def dead_letters(self) -> int:
        """Rows that mark the place of a dead letter, removed ones included."""
        removed = sum(tail.removed.dead_letters for tail in self._tails.values())
        return self._total(2) + removed

    @property
    def problem(self) -> str | None:
        """Why a file cannot be read to its end; None if all can."""
        return next((tail.problem for tail in self._tails.values() if tail.problem), None)

    def positions(self) -> dict[int, int]:
        """Return the offset that each partition's CSV goes on with."""
        return {partition: tail.last_offset + 1 for partition, tail in self._tails.items()}


def served_totals(data_dir: Path, topic: str) -> Stage:
    """Ask the running API for its totals."""
    url = find_api(data_dir, topic)
    if url is None:
        return Stage(note="no API of this folder is running")
    try:
        summary = get_json(url, "api/summary")
    except (OSError, ValueError) as error:
        return Stage(note=f"the API at {url} does not answer: {error}")
    served = Stage(records=summary["records"], grams=summary["co2_g"])
    return with_removed(served, summary.get("removed_records", 0), summary.get("removed_co2_g", 0))


def find_api(data_dir: Path, topic: str) -> str | None:
    """Return the address of the API that serves this folder and topic, if one runs."""
    for run in read_run_files("api"):  # one in another container has another address
        if run.get("topic") == topic and Path(run.get("data_dir", "")) == data_dir:
            return str(run["url"])
    return None


def get_json(url: str, path: str) -> Any:
    """GET one path of the API.

    Raises
    ------
    OSError
        It does not answer, or not with success.
    """
    # No proxy: the API listens on this machine, whatever HTTP_PROXY says.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{url.rstrip('/')}/{path}", timeout=API_TIMEOUT_S) as answer:
        return json.load(answer)
