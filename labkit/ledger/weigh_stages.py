"""Weigh one stage of the journey by itself: the topic, the CSV, the API."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka import TopicPartition
from kafka.errors import OffsetOutOfRangeError

from labkit.broker.kafka_clients import consumer
from labkit.core.errors import BadReading, BrokerUnavailable
from labkit.core.run_files import read_run_files
from labkit.ledger.ledger_model import PartitionPlace, Stage
from labkit.readings.reading import Reading, grams
from labkit.sink.csv_row import row_grams
from labkit.sink.csv_tail import LogTail, partitions
from labkit.sink.segment_files import topic_dir
from labkit.topics.topics import describe_topic

POLL_TIMEOUT_MS = 500
POLL_RECORDS = 2_000
SILENCE_S = 15.0
"""How long a broker may send nothing while the topic holds more."""
API_TIMEOUT_S = 10.0


class TopicScale:
    """Read a topic from its beginning, without a group, and add up its readings.

    It assigns the partitions to itself instead of joining a consumer group, so it moves nobody's
    offsets and takes no partition from anyone.

    Attributes
    ----------
    records, grams : int
        The good readings read so far, and their mass.
    bad : int
        Records that are no possible readings.
    expired : int
        Records that retention had deleted before they could be read.
    start_offsets : dict of int to int
        The oldest offset of each partition at the first look.
    end_offsets : dict of int to int
        How far each partition was read at the last look: its end then, or a little more.
    """

    def __init__(self, topic: str) -> None:
        description = describe_topic(topic)
        self.topic_id = description.topic_id
        self.records = self.grams = self.bad = self.expired = 0
        self.start_offsets: dict[int, int] = {}
        self.end_offsets: dict[int, int] = {}
        self._partitions = [
            TopicPartition(topic, partition.partition) for partition in description.partitions
        ]
        self._consumer = consumer(auto_offset_reset="none", enable_auto_commit=False)
        self._consumer.assign(self._partitions)
        for place, start in self._consumer.beginning_offsets(self._partitions).items():
            self._consumer.seek(place, start)
            self.start_offsets[place.partition] = start
            self.expired += start

    def read(self) -> Stage:
        """Read on to the topic's present end."""
        ends = self._consumer.end_offsets(self._partitions)
        last_news = time.monotonic()
        while self._is_behind(ends):
            try:
                batches = self._consumer.poll(POLL_TIMEOUT_MS, max_records=POLL_RECORDS)
            except OffsetOutOfRangeError:
                self._skip_expired()
                continue
            for records in batches.values():
                for record in records:
                    self._add(record.value, record.timestamp)
            if batches:
                last_news = time.monotonic()
            elif time.monotonic() - last_news > SILENCE_S:
                msg = f"the broker has sent nothing of the topic for {SILENCE_S:g} s"
                raise BrokerUnavailable(msg, "labkit broker status")
        self.end_offsets = {
            place.partition: self._consumer.position(place) for place in self._partitions
        }
        return Stage(records=self.records, grams=self.grams)

    def _is_behind(self, ends: Mapping[TopicPartition, int]) -> bool:
        return any(self._consumer.position(place) < end for place, end in ends.items())

    def _skip_expired(self) -> None:
        """Go on at the new start of a partition whose oldest records were deleted meanwhile."""
        for place, start in self._consumer.beginning_offsets(self._partitions).items():
            position = self._consumer.position(place)
            if position < start:
                self.expired += start - position
                self._consumer.seek(place, start)

    def _add(self, value: bytes | None, timestamp_ms: int) -> None:
        try:
            reading = Reading.from_json(value, timestamp_ms)
        except BadReading:
            self.bad += 1
        else:
            self.records += 1
            self.grams += grams(reading.co2_kg)

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


class CsvScale:
    """Read a topic's CSV files on from the last look, and add up their rows. No Kafka, no pandas.

    Attributes
    ----------
    dead_letters : int
        Rows that only mark the place of a record that was set aside.
    problem : str or None
        Why a file cannot be read to its end.
    """

    def __init__(self, data_dir: Path, topic: str) -> None:
        self._folder = topic_dir(data_dir, topic)
        self._tails: dict[int, LogTail] = {}
        self._sums: dict[int, list[int]] = {}  # partition -> readings, grams, dead letters

    def read(self) -> Stage:
        """Read what was appended."""
        found = partitions(self._folder)
        for gone in self._tails.keys() - set(found):
            del self._tails[gone]
            self._sums.pop(gone, None)
        for partition in found:
            tail = self._tails.setdefault(partition, LogTail(self._folder, partition))
            for piece in tail.read():
                if piece.starts_over or partition not in self._sums:
                    self._sums[partition] = [0, 0, 0]
                self._add(self._sums[partition], piece.rows)
        if not found:
            return Stage(note=f"there is no CSV in {self._folder}")
        return Stage(records=self._total(0), grams=self._total(1))

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
        return sum(sums[column] for sums in self._sums.values())

    @property
    def dead_letters(self) -> int:
        """Rows that mark a dead letter."""
        return self._total(2)

    @property
    def problem(self) -> str | None:
        """Why a file cannot be read to its end; None while all is well."""
        return next((tail.problem for tail in self._tails.values() if tail.problem), None)

    def places(
        self, start_offsets: Mapping[int, int], end_offsets: Mapping[int, int]
    ) -> tuple[PartitionPlace, ...]:
        """Return how far the CSV has followed each partition of the topic.

        Nobody can lag behind records that are deleted: a position begins at the topic's start.
        """
        read = {partition: tail.last_offset + 1 for partition, tail in self._tails.items()}
        return tuple(
            PartitionPlace(
                partition=partition,
                end_offset=end,
                position=max(read.get(partition, 0), start_offsets.get(partition, 0)),
            )
            for partition, end in sorted(end_offsets.items())
        )


def find_api(data_dir: Path, topic: str) -> str | None:
    """Return the address of the API that serves this folder and topic, where one runs."""
    for run in read_run_files("api"):
        if run.get("topic") == topic and Path(run.get("data_dir", "")) == data_dir:
            return str(run["url"])
    return None


def weigh_served(data_dir: Path, topic: str) -> Stage:
    """Ask the running API what it serves."""
    url = find_api(data_dir, topic)
    if url is None:
        return Stage(note="no API of this folder is running")
    try:
        summary = get_json(url, "api/summary")
    except (OSError, ValueError) as error:
        return Stage(note=f"the API at {url} does not answer: {error}")
    return Stage(records=summary["records"], grams=summary["co2_g"])


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
