"""What becomes of the records of one poll: a row each, or a dead letter and a marker row.

Every record is judged, the bad ones go to the dead-letter queue, and the rest is written, in one
write for each partition. A partition that cannot go on is held, and the others are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import TopicPartition

from labkit.consumer.consumer_report import ConsumerReport
from labkit.consumer.dead_letter_queue import DeadLetter, DeadLetterQueue
from labkit.consumer.partition_assignment import Assignment
from labkit.core.errors import SinkError
from labkit.readings.reading import Reading
from labkit.sink.csv_log import CsvLog
from labkit.sink.row_cache import KnownPlants

Batches = Mapping[TopicPartition, Sequence[Any]]  # Any: kafka-python's ConsumerRecord


@dataclass
class Counts:
    """What one call of `consume` stored."""

    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    gap_records: int = 0  # deleted by the topic's retention before they could be read


class RecordStore:
    """Stores what was polled, and adds to the counts."""

    def __init__(
        self,
        assignment: Assignment,
        dead_letters: DeadLetterQueue,
        report: ConsumerReport,
        counts: Counts,
    ) -> None:
        self._assignment, self._dead_letters = assignment, dead_letters
        self._report, self._counts = report, counts
        self._plants = KnownPlants()
        self._polled_at = datetime.now(UTC)

    def store(self, batches: Batches) -> None:
        """Judge all records, deliver the dead letters, then write what can be written."""
        letters = []
        self._polled_at = datetime.now(UTC)
        for partition, records in batches.items():
            csv = self._assignment.logs[partition]
            for record in records:
                try:
                    self._append(csv, record)
                except Exception as error:  # whatever it is: one record stops no partition
                    letters.append(DeadLetter(record, error))
                    csv.mark(record.offset)
        undelivered = self._dead_letters.deliver(letters) if letters else {}
        for partition, records in batches.items():
            mine = [one for one in letters if one.record.partition == partition.partition]
            self._write(partition, records, mine, undelivered)

    def _append(self, csv: CsvLog, record: Any) -> None:
        cells = self._plants.cells(record.value, record.timestamp)
        if cells is not None:
            csv.append_cells(record.offset, cells)
            return
        reading = Reading.from_json(record.value, record.timestamp)
        csv.append(record.offset, reading)
        self._plants.learn(record.value, reading)

    def hold(self, partition: TopicPartition, reason: str) -> None:
        """Stop fetching a partition for a while, and say why at once."""
        self._assignment.hold(partition, reason)
        self._report.write_status("running")

    def _write(
        self,
        partition: TopicPartition,
        records: Sequence[Any],
        letters: Sequence[DeadLetter],
        undelivered: Mapping[tuple[int, int], str],
    ) -> None:
        """Write one partition's rows, up to a dead letter that could not be delivered."""
        csv, counts = self._assignment.logs[partition], self._counts
        before = (csv.rows, csv.dead_letters, csv.grams)
        stuck = next((one for one in letters if one.place in undelivered), None)
        if stuck is not None:
            csv.drop_from(stuck.record.offset)
        full = None
        try:
            csv.flush()
        except SinkError as error:
            full = error.what
        counts.rows += csv.rows - before[0]
        counts.dead_letters += csv.dead_letters - before[1]
        counts.grams += csv.grams - before[2]
        self._dead_letters.forget_below(partition.partition, csv.next_offset or 0)
        self._report.note(partition, csv.next_offset or 0, records, letters, self._polled_at)
        if full is not None:
            self.hold(partition, full)
            self._assignment.let_go(partition)  # the next try opens it anew, and recovers it
        elif stuck is not None:
            self.hold(partition, undelivered[stuck.place])
        else:
            self._assignment.flows(partition)
