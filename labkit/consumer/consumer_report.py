"""What a consumer says of itself: a status file for each partition, and one for the process."""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import MemberState

from labkit.consumer.dead_letter_queue import DeadLetter
from labkit.consumer.partition_assignment import OPENING, Assignment
from labkit.core.run_files import RunFile
from labkit.readings.tracing_header import Followed, newest_followed
from labkit.sink.partition_status import LastDeadLetter, PartitionStatus

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 1.0


@dataclass
class _Newest:
    """What a partition's status tells of its newest records."""

    timestamp_ms: int | None = None
    dead_letter: LastDeadLetter | None = None
    followed: Followed | None = None


class ConsumerReport:
    """Keeps the files of one consumer up to date.

    Only who holds the lock of a partition's CSV writes its status file; what this member waits
    for without a lock stands in its run file.
    """

    def __init__(
        self,
        consumer: KafkaConsumer,
        assignment: Assignment,
        topic: str,
        group_id: str,
        data_dir: Path,
    ) -> None:
        self._newest: defaultdict[TopicPartition, _Newest] = defaultdict(_Newest)
        self.joined = False
        self._consumer, self._assignment = consumer, assignment
        self._topic, self._group_id, self._data_dir = topic, group_id, data_dir
        self._next_at = 0.0
        self._about: dict[str, Any] = {"partitions": None, "waiting": {}}
        about = {"topic": topic, "group_id": group_id, "data_dir": str(data_dir), **self._about}
        # The parent's process tells the workers of one `labkit consume --workers 3`.
        self._run_file = RunFile("consumer", "consumer", parent_pid=os.getppid(), **about)

    def note(
        self,
        partition: TopicPartition,
        next_offset: int,
        records: Sequence[Any],
        letters: Sequence[DeadLetter],
        polled_at: datetime,
    ) -> None:
        """Remember the newest record and dead letter that lie before ``next_offset``."""
        newest = self._newest[partition]
        newest.followed = newest_followed(records, next_offset, polled_at) or newest.followed
        for record in reversed(records):
            if record.offset < next_offset:
                newest.timestamp_ms = record.timestamp
                break
        for letter in reversed(letters):
            if letter.record.offset < next_offset:
                newest.dead_letter = LastDeadLetter(
                    offset=letter.record.offset, reason=letter.reason
                )
                break

    def update(self, problem: str = "") -> None:
        """Say what is new: the process at once, the partitions about once a second.

        ``problem`` keeps all of them from going on.
        """
        state = self._consumer.group_metadata().state
        self.joined = state == MemberState.STABLE
        if self.joined or self._about["partitions"] is not None:
            mine = sorted(one.partition for one in self._consumer.assignment())
            waiting = {
                str(one.partition): wait.reason
                for one, wait in self._assignment.waiting.items()
                if wait.reason != OPENING
            }
            if problem:
                waiting = {str(number): problem for number in mine}
            about = {"partitions": mine, "waiting": waiting}
            if about != self._about:
                self._about = about
                self._run_file.update(**about)
        if time.monotonic() >= self._next_at:
            self.write_status("paused" if problem else "running", problem or None)

    def write_status(
        self, state: Literal["running", "paused", "stopped", "failed"], reason: str | None = None
    ) -> None:
        """Write the status file of each partition whose CSV is ours."""
        self._next_at = time.monotonic() + STATUS_INTERVAL_S
        for partition in list(self._assignment.logs):
            try:
                self._status(partition, state, reason).write(self._data_dir)
            except OSError as error:  # a full disk: the CSV comes first, this can wait
                log.warning("the status of partition %d is not written: %s", partition[1], error)

    def close(self) -> None:
        """Take the process's file away."""
        self._run_file.remove()

    def _status(
        self,
        partition: TopicPartition,
        state: Literal["running", "paused", "stopped", "failed"],
        reason: str | None,
    ) -> PartitionStatus:
        assignment, newest = self._assignment, self._newest[partition]
        csv, wait = assignment.logs[partition], assignment.waiting.get(partition)
        if wait is not None and state == "running":
            state, reason = "paused", wait.reason
        if reason is None and (gap := assignment.gaps[partition]):
            reason = f"{gap:,} records were deleted by the topic's retention before they were read"
        start = assignment.start_offsets.get(partition)
        position = start if csv.next_offset is None else max(csv.next_offset, start or 0)
        end, lag = self._end_offset(partition), None
        if end is not None and position is not None:
            end = max(end, position)
            lag = end - position
        if lag and state == "running" and (trouble := assignment.trouble_of(partition)):
            state, reason = "paused", trouble  # it is being tried again
        return PartitionStatus(
            partition=partition.partition,
            topic=self._topic,
            group_id=self._group_id,
            member_id=self._consumer.group_metadata().member_id,
            pid=os.getpid(),
            state=state,
            reason=reason,
            position=position,
            start_offset=start,
            end_offset=end,
            lag=lag,
            lag_s=_lag_s(lag, newest.timestamp_ms),
            gap_records=csv.gap_records,
            rows=csv.rows,
            dead_letters=csv.dead_letters,
            grams=csv.grams,
            last_dead_letter=newest.dead_letter,
            followed=newest.followed,
        )

    def _end_offset(self, partition: TopicPartition) -> int | None:
        """Return the newest end we know: each fetch brings the partition's high watermark."""
        if partition in self._consumer.assignment():
            end: int | None = self._consumer.highwater(partition)
            if end is not None:
                return end
        return self._assignment.end_offsets.get(partition)


def _lag_s(lag: int | None, newest_timestamp_ms: int | None) -> float | None:
    if lag == 0:
        return 0.0
    if lag is None or newest_timestamp_ms is None:
        return None
    return round(max(0.0, time.time() - newest_timestamp_ms / 1000), 3)
