"""The status files of a consumer: one for each partition, and a run file for the process."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import MemberState

from labkit.consumer.client_health import read_position
from labkit.consumer.dead_letter_queue import DeadLetter
from labkit.consumer.rebalance_listener import (
    OFFSETS_TIMEOUT_MS,
    OPEN_TRANSACTION,
    OPENING,
    PartitionAssignment,
    PartitionState,
)
from labkit.core.run_files import RunFile
from labkit.readings.tracing_record_header import newest_followed
from labkit.sink.csv_log import CsvLog
from labkit.sink.partition_status import LastDeadLetter, PartitionStatus

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 1.0
SAY_AGAIN_S = 60.0
LOOP_WRITES_S = 2.0
TRANSACTION_PATIENCE_S = 5.0  # a transaction that is open for so long is reported


class ConsumerReport:
    """Keeps the status files of one consumer up to date.

    Only the member that holds the lock of a partition's CSV writes its status file. What a
    member waits for without a lock is in its run file.
    """

    def __init__(
        self,
        client: KafkaConsumer,
        assignment: PartitionAssignment,
        topic: str,
        group_id: str,
        data_dir: Path,
        say: Callable[[str], None] = log.warning,
    ) -> None:
        self.joined = False
        self._say = say
        self._said: dict[int, str] = {}  # what was said last, by partition
        self._say_again_at = 0.0
        self._client, self._assignment = client, assignment
        self._topic, self._group_id, self._data_dir = topic, group_id, data_dir
        self._next_at = 0.0
        self._has_failed = False
        self._writing = threading.Lock()
        self._about: dict[str, Any] = {"partitions": None, "waiting": {}}
        about = {"topic": topic, "group_id": group_id, "data_dir": str(data_dir), **self._about}
        # The parent's process id groups the workers of one `labkit consume --workers 3`.
        self._run_file = RunFile("consumer", "consumer", parent_pid=os.getppid(), **about)

    def note(
        self,
        partition: TopicPartition,
        next_offset: int,
        records: Sequence[Any],
        letters: Sequence[DeadLetter],
        polled_at: datetime,
    ) -> None:
        """Remember the newest record and dead letter before ``next_offset``, for the status."""
        state = self._assignment.partitions[partition]
        state.followed = newest_followed(records, next_offset, polled_at) or state.followed
        for record in reversed(records):
            if record.offset < next_offset:
                state.newest_timestamp_ms = record.timestamp
                break
        for letter in reversed(letters):
            if letter.record.offset < next_offset:
                state.last_dead_letter = LastDeadLetter(
                    offset=letter.record.offset, reason=letter.reason
                )
                break

    def update(self, problem: str = "") -> None:
        """Write what has changed: the run file at once, the status files about once a second.

        ``problem`` is what keeps every partition from going on.
        """
        state = self._client.group_metadata().state
        self.joined = state == MemberState.STABLE
        if self.joined or self._about["partitions"] is not None:
            mine = sorted(one.partition for one in self._client.assignment())
            waiting = {
                str(one.partition): one_state.waits_for
                for one, one_state in list(self._assignment.partitions.items())
                if one_state.waits_for not in (None, OPENING)
            }
            if problem:
                waiting = {str(number): problem for number in mine}
            about = {"partitions": mine, "waiting": waiting}
            if about != self._about:
                self._about = about
                self._run_file.update(**about)
        self._say_changes(problem)
        if time.monotonic() >= self._next_at:
            self._note_positions()
            self.write_status("paused" if problem else "running", problem or None)

    def write_stopped(self) -> None:
        """Write the last status, after the last round."""
        self._note_positions(ask=False)
        self.write_status("stopped")

    def write_status(
        self, state: Literal["running", "paused", "stopped", "failed"], reason: str | None = None
    ) -> None:
        """Write the status file of each partition whose CSV is ours.

        ``failed`` is the watchdog's word, from a thread of its own, and the last one: what the
        consumer's loop may still be writing comes before it or not at all.
        """
        self._next_at = time.monotonic() + STATUS_INTERVAL_S
        self._has_failed |= state == "failed"
        for partition, csv in self._assignment.logs.items():
            # The watchdog does not wait for ever: the loop may hang in its write.
            is_ours = self._writing.acquire(timeout=LOOP_WRITES_S)
            try:
                if state == "failed" or not self._has_failed:
                    self._status(partition, csv, state, reason).write(self._data_dir)
            except OSError as error:  # a full disk: the CSV comes first, this can wait
                log.warning("the status of partition %d is not written: %s", partition[1], error)
            finally:
                if is_ours:
                    self._writing.release()

    def _note_positions(self, ask: bool = True) -> None:
        """Note how far each partition was read; all of that is stored at the end of a round.

        The client's position may be beyond the CSV's last row: the markers that end transactions,
        and aborted records, have offsets and no rows. ``ask`` the broker whether a transaction is
        open where nothing has come for some seconds.
        """
        now = time.monotonic()
        for partition in self._assignment.logs:
            state = self._assignment.partitions[partition]
            position = read_position(self._client, partition)
            if state.is_waiting or position is None:
                continue
            if position != state.read_to:
                state.read_to, state.read_to_since = position, now
                state.open_transaction = False
            elif ask and now - state.read_to_since >= TRANSACTION_PATIENCE_S:
                state.read_to_since = now  # ask again after as long a time
                state.open_transaction = self._is_in_transaction(partition, position)

    def _is_in_transaction(self, partition: TopicPartition, position: int) -> bool:
        """Tell whether a transaction is open at a partition's position.

        To this client a partition ends where the oldest open transaction begins.
        """
        end = self._client.highwater(partition)
        if end is None or end <= position:
            return False
        with contextlib.suppress(KafkaError):
            ends = self._client.end_offsets([partition], OFFSETS_TIMEOUT_MS)
            return bool(ends[partition] <= position)
        return False

    def _say_changes(self, problem: str) -> None:
        """Say what keeps partitions from going on: at once, then once a minute, and its end."""
        now = time.monotonic()
        troubles = {
            one.partition: problem or state.lasting_trouble(now)
            for one, state in list(self._assignment.partitions.items())
        }
        troubles = {number: reason for number, reason in troubles.items() if reason}
        again = now >= self._say_again_at
        news = {
            number: reason
            for number, reason in troubles.items()
            if again or self._said.get(number) != reason
        }
        for reason in dict.fromkeys(news.values()):
            numbers = [number for number, one in news.items() if one == reason]
            self._say(f"{_partitions(numbers)} cannot go on: {reason}")
        if over := self._said.keys() - troubles.keys():
            self._say(f"{_partitions(over)} can go on again")
        if news:
            self._say_again_at = now + SAY_AGAIN_S
        self._said = troubles

    def close(self) -> None:
        """Remove the run file."""
        self._run_file.remove()

    def _status(
        self,
        partition: TopicPartition,
        csv: CsvLog,
        state: Literal["running", "paused", "stopped", "failed"],
        reason: str | None,
    ) -> PartitionStatus:
        known = self._assignment.partitions[partition]
        if known.is_waiting and state == "running":
            state, reason = "paused", known.waits_for
        if reason is None and (gap := known.gap_records):
            reason = f"{gap:,} records were deleted by the topic's retention before they were read"
        start = known.start_offset
        stored_to = known.next_offset
        position = start if stored_to is None else max(stored_to, start or 0)
        end, lag = self._end_offset(partition, known), None
        if end is not None and position is not None:
            end = max(end, position)
            lag = end - position
        if lag and state == "running" and known.trouble:
            state, reason = "paused", known.trouble  # it is being tried again
        if lag and state == "running" and known.open_transaction:
            state, reason = "paused", OPEN_TRANSACTION
        return PartitionStatus(
            partition=partition.partition,
            topic=self._topic,
            group_id=self._group_id,
            member_id=self._client.group_metadata().member_id,
            pid=os.getpid(),
            state=state,
            reason=reason,
            position=position,
            start_offset=start,
            end_offset=end,
            lag=lag,
            lag_s=_lag_s(lag, known.newest_timestamp_ms),
            gap_records=csv.gap_records,
            rows=csv.rows,
            dead_letters=csv.dead_letters,
            grams=csv.grams,
            removed_rows=csv.removed.rows,
            removed_grams=csv.removed.grams,
            last_dead_letter=known.last_dead_letter,
            followed=known.followed,
        )

    def _end_offset(self, partition: TopicPartition, known: PartitionState) -> int | None:
        """Return the newest end we know: each fetch brings the partition's high watermark."""
        if partition in self._client.assignment():
            end: int | None = self._client.highwater(partition)
            if end is not None:
                return end
        return known.end_offset


def _partitions(numbers: Iterable[int]) -> str:
    names = [str(number) for number in sorted(numbers)]
    return f"partition{'' if len(names) == 1 else 's'} {', '.join(names)}"


def _lag_s(lag: int | None, newest_timestamp_ms: int | None) -> float | None:
    if lag == 0:
        return 0.0
    if lag is None or newest_timestamp_ms is None:
        return None
    return round(max(0.0, time.time() - newest_timestamp_ms / 1000), 3)
