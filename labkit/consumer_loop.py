"""The consumer's loop: poll, judge, dead letters, flush, commit; over and over.

It runs in one thread, beside the client's own network thread, which keeps the heartbeats going.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from kafka import OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, OffsetOutOfRangeError

from labkit import connection
from labkit.assignment import Assignment
from labkit.config import load_config
from labkit.consumer_report import ConsumerReport
from labkit.dead_letters import DeadLetter, DeadLetterQueue
from labkit.errors import SinkError
from labkit.readings import Reading
from labkit.topics import describe_topic

log = logging.getLogger(__name__)

POLL_MS = 200  # how long a round waits for records: also how soon it notices that it shall stop
MAX_POLL_RECORDS = 500  # the most in one round: few enough to stay in the processor's cache
TIMEOUT_MS = 3_000  # for what is asked of the broker at the begin and the end

Batches = Mapping[TopicPartition, Sequence[Any]]  # Any: kafka-python's ConsumerRecord


@dataclass
class Counts:
    """What one call of `consume` stored."""

    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    gap_records: int = 0  # deleted by the topic's retention before they could be read


class ConsumerLoop:
    """One member of a consumer group that writes CSV; use it in a ``with``."""

    def __init__(self, topic: str, group_id: str, data_dir: Path) -> None:
        config = load_config()
        found = describe_topic(topic)  # says in plain words if there is none, or no broker
        self._all = [TopicPartition(topic, one.partition) for one in found.partitions]
        self._topic = topic
        self._topic_uuid: UUID | None = None
        self._counts = Counts()
        self._commit_interval_s = config.commit_interval_s
        self._commit_at = 0.0
        self._committed: dict[TopicPartition, int] = {}
        self._consumer = connection.consumer(
            group_id=group_id,
            enable_auto_commit=False,
            auto_offset_reset="none",  # the CSV says where to go on, never a default
            session_timeout_ms=config.session_timeout_ms,
            heartbeat_interval_ms=config.session_timeout_ms // 3,
            max_poll_records=MAX_POLL_RECORDS,
            partition_assignment_strategy=[CooperativeStickyAssignor],
            metadata_max_age_ms=10_000,  # how soon new partitions are noticed
        )
        self._assignment = Assignment(self._consumer, topic, data_dir, config.segment_bytes)
        self._dead_letters = DeadLetterQueue(topic, group_id)
        self._report = ConsumerReport(self._consumer, self._assignment, topic, group_id, data_dir)
        self._consumer.subscribe([topic], listener=self._assignment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Commit, leave the group, and let go of every CSV; also after an error."""
        with contextlib.ExitStack() as last:  # called in the opposite order
            last.callback(self._report.close)
            last.callback(self._assignment.close)
            last.callback(self._leave)
            last.callback(self._dead_letters.close)
            if error is None:
                self._report.write_status("stopped")
            else:
                self._report.write_status("failed", str(error))

    def run(self, stop: threading.Event, until_end: bool = False) -> Counts:
        """Go round until told to stop, or until everything is stored that was there at first."""
        ends = self._consumer.end_offsets(self._all, TIMEOUT_MS) if until_end else {}
        while not stop.is_set():
            self._round()
            if until_end and self._reached(ends):
                break
        self._counts.gap_records = self._assignment.gaps.total()
        return self._counts

    def _round(self) -> None:
        batches: Batches = {}
        try:
            batches = self._consumer.poll(timeout_ms=POLL_MS)
        except OffsetOutOfRangeError as error:
            for partition in self._assignment.logs.keys() & error.args[0].keys():
                self._hold(partition, "Kafka no longer retains the record that comes next")
        self._look_for_another_topic()
        if batches:
            self._store(batches)
        self._assignment.open_due()
        if time.monotonic() >= self._commit_at:
            self._commit()
        self._report.update()

    def _store(self, batches: Batches) -> None:
        """Judge all records, deliver the dead letters, then write what can be written."""
        letters = []
        for partition, records in batches.items():
            csv = self._assignment.logs[partition]
            for record in records:
                try:
                    csv.append(record.offset, Reading.from_json(record.value, record.timestamp))
                except Exception as error:  # whatever it is: one record stops no partition
                    letters.append(DeadLetter(record, error))
                    csv.mark(record.offset)
        undelivered = self._dead_letters.deliver(letters) if letters else {}
        for partition, records in batches.items():
            mine = [one for one in letters if one.record.partition == partition.partition]
            self._write(partition, records, mine, undelivered)

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
        self._report.note(partition, csv.next_offset or 0, records, letters)
        if full is not None:
            self._hold(partition, full)
            self._assignment.let_go(partition)  # the next try opens it anew, and recovers it
        elif stuck is not None:
            self._hold(partition, undelivered[stuck.place])
        else:
            self._assignment.flows(partition)

    def _hold(self, partition: TopicPartition, reason: str) -> None:
        self._assignment.hold(partition, reason)
        self._report.write_status("running")

    def _look_for_another_topic(self) -> None:
        """Open every CSV anew if the topic was deleted and made anew: it will be refused."""
        # Private, but free: the client keeps the id of each topic it has metadata of, and a
        # fetch by name goes on in a new topic of the same name as if nothing had happened.
        uuid = self._consumer._cluster.topic_id(self._topic)
        if uuid is None or uuid == self._topic_uuid:
            return
        for partition in list(self._assignment.logs) if self._topic_uuid else []:
            self._hold(partition, "the topic was deleted and made anew")
            self._assignment.let_go(partition)
        self._topic_uuid = uuid

    def _commit(self) -> None:
        """Tell the group how far we are, for lag tools; our position is the CSV."""
        self._commit_at = time.monotonic() + self._commit_interval_s
        offsets = self._uncommitted()
        if offsets:
            self._consumer.commit_async(offsets, callback=_log_failed_commit)
            self._committed |= {one: offset.offset for one, offset in offsets.items()}

    def _uncommitted(self) -> dict[TopicPartition, OffsetAndMetadata]:
        return {
            partition: OffsetAndMetadata(csv.next_offset, "", -1)
            for partition, csv in self._assignment.logs.items()
            if csv.next_offset is not None and csv.next_offset != self._committed.get(partition)
        }

    def _reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Tell whether each partition is stored up to its end, by us or by another member."""
        if not self._report.joined or self._assignment.waiting:
            return False
        mine = self._consumer.assignment()
        for partition, end in ends.items():
            if partition in mine:
                offset = self._consumer.position(partition, TIMEOUT_MS)
            else:
                offset = self._consumer.committed(partition, timeout_ms=TIMEOUT_MS)
            if (offset or 0) < end:
                return False
        return True

    def _leave(self) -> None:
        """Commit what is stored, and leave the group at once instead of by a missed heartbeat."""
        self._committed.clear()  # an earlier commit may have failed
        try:
            if offsets := self._uncommitted():
                self._consumer.commit(offsets, TIMEOUT_MS)
        except KafkaError as error:  # the CSV is right; only the lag tools are late
            log.warning("the offsets were not committed: %s", error)
        self._consumer.close(autocommit=False, timeout_ms=TIMEOUT_MS)


def _log_failed_commit(_offsets: object, outcome: object) -> None:
    if isinstance(outcome, Exception):
        log.info("the offsets were not committed this time: %s", outcome)
