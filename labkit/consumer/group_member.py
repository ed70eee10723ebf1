"""One member of a consumer group: its client, and what the loop needs around it.

The loop itself is in `labkit.consumer.poll_loop`. What is here prepares each round, handles what
the broker refuses, and tells others how far this member is.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError

from labkit.broker import kafka_clients
from labkit.broker.denied_access import denied_access
from labkit.consumer import client_health
from labkit.consumer.client_health import Reachability, Watchdog
from labkit.consumer.consumer_report import ConsumerReport
from labkit.consumer.dead_letter_queue import DeadLetter, DeadLetterQueue
from labkit.consumer.optional_fast_decode import read_in_one_pass
from labkit.consumer.rebalance_listener import PartitionAssignment
from labkit.core.config import load_config
from labkit.core.errors import BatchUnreadable, ConsumerHung, SinkForeign
from labkit.sink.csv_log import CsvLog
from labkit.sink.partition_status import say_failed
from labkit.sink.segment_files import set_aside_line, topic_dir
from labkit.topics.topics import describe_topic

log = logging.getLogger(__name__)

MAX_POLL_RECORDS = 2_000  # the most in one round: a round costs the same for few and for many
FETCH_MAX_WAIT_MS = 100
"""How long a broker may hold back an empty answer; kafka-python's default is 500 ms. Each broker
is asked one thing at a time: while it waits for news of a partition that is read to its end, no
other partition can be asked for."""
MAX_POLL_INTERVAL_MS = 300_000  # a member that does not poll for so long leaves the group
CHECK_FILES_S = 1.0  # how often to look whether the CSV's files are still there
TIMEOUT_MS = 3_000  # for what the broker is asked at the start and at the end
PAUSE_S = 0.2  # after a lost connection

Polled = Mapping[TopicPartition, Sequence[Any]]  # Any: kafka-python's ConsumerRecord


class GroupMember:
    """A member of a consumer group that writes CSV; use it in a ``with``.

    Parameters
    ----------
    topic, group_id, data_dir
        What it reads, in which group, and where to.
    owns_process : bool
        Whether the process may be ended if the client hangs.
    fast : bool
        Unpack batches with `labkit.consumer.optional_fast_decode`.
    say : callable
        Called with a sentence when a partition cannot go on, once a minute, and when it can.

    Attributes
    ----------
    client : KafkaConsumer
        kafka-python's client.
    dead_letters : DeadLetterQueue
        Where records go that are not readings.
    """

    def __init__(
        self,
        topic: str,
        group_id: str,
        data_dir: Path,
        owns_process: bool = False,
        fast: bool = True,
        say: Callable[[str], None] = log.warning,
    ) -> None:
        found = describe_topic(topic)  # says in plain words if there is no topic, or no broker
        self._all = [TopicPartition(topic, one.partition) for one in found.partitions]
        self._topic, self._group_id, self._data_dir = topic, group_id, data_dir
        self._owns_process, self._fast = owns_process, fast
        self._topic_uuid: UUID | None = None
        self._commit_interval_s, self._commit_at = load_config().commit_interval_s, 0.0
        self._check_files_at = 0.0
        self._say = say
        self.dead_letters = DeadLetterQueue(topic, group_id)

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Commit, leave the group, and close every CSV; also after an error."""
        with contextlib.ExitStack() as last:  # called in the opposite order
            last.callback(self._disconnect)
            last.callback(self.dead_letters.close)
            if error is None:
                self._report.write_stopped()
            elif not self._watchdog.verdict:  # the watchdog has said so itself
                why = getattr(error, "what", str(error))
                self._report.write_status("failed", why)
                # Also those whose CSV is closed: the topic may be gone, or not the one it was.
                last.callback(say_failed, self._data_dir, self._topic, why)
        if isinstance(error, KafkaError) and self._watchdog.verdict:
            raise ConsumerHung(self._watchdog.verdict, "labkit consume") from error

    @property
    def logs(self) -> dict[TopicPartition, CsvLog]:
        """The CSV files that this member may write now, by partition."""
        return self._assignment.logs

    @property
    def gap_records(self) -> int:
        """Records that the topic's retention deleted before this member could read them."""
        states = self._assignment.partitions.values()
        return sum(state.gap_records for state in states)

    def end_offsets(self) -> dict[TopicPartition, int]:
        """Return where each partition of the topic ends now."""
        ends: dict[TopicPartition, int] = self.client.end_offsets(self._all, TIMEOUT_MS)
        return ends

    def begin_round(self) -> None:
        """Prepare the client for the next poll."""
        self._watchdog.beat()
        client_health.finish_join(self.client)

    def recover_from(self, error: KafkaError | BatchUnreadable) -> None:
        """Do what an error of `poll` asks for.

        Raises
        ------
        SinkForeign
            The CSV holds records that the brokers have lost.
        AccessDenied
            No ACL of the cluster allows to read the topic, or to be in the group.
        KafkaError
            Polling again does not help.
        """
        if isinstance(error, BatchUnreadable):
            self._hold_unreadable(error)
        elif isinstance(error, OffsetOutOfRangeError):
            for partition in self.logs.keys() & error.args[0].keys():
                self._hold(partition, "Kafka no longer retains the record that comes next")
        elif isinstance(error, LogTruncationError):
            for partition in error.divergent_offsets:
                self._assignment.reopen(partition)  # refuses if it is another topic
            numbers = ", ".join(str(one.partition) for one in error.divergent_offsets)
            msg = f"the brokers have lost records of partition {numbers} that the CSV holds"
            folder = topic_dir(self._data_dir, self._topic)
            raise SinkForeign(msg, set_aside_line(folder)) from error
        elif denied := denied_access(error, "Read"):
            raise denied from error
        elif self._watchdog.client_is_dead or not error.retriable:
            raise error
        else:  # such as a lost connection: the client connects again, and we poll again
            self._brokers.lost(str(error))
            time.sleep(PAUSE_S)

    def owned(self, polled: Polled) -> Polled:
        """Return the new records of the partitions whose CSV this member may write.

        Raises
        ------
        SinkForeign
            The topic no longer holds the records of the CSV's last rows.
        """
        self._check_topic_id()
        if polled:
            self._brokers.heard()
        else:
            self._brokers.look()
        # The CSVs of a topic that was created again are closed now: its records belong in none.
        mine = polled.keys() & self.logs.keys()
        found = {one: self._assignment.new_records(one, polled[one]) for one in mine}
        return {partition: records for partition, records in found.items() if records}

    def end_partition(
        self,
        partition: TopicPartition,
        records: Sequence[Any],
        letters: Sequence[DeadLetter],
        polled_at: datetime,
        *,
        trouble: str | None,
        close: bool,
    ) -> None:
        """Record how far a partition is stored; hold it if there was trouble.

        ``close`` also closes its CSV: the next try opens and recovers it.
        """
        state = self._assignment.partitions[partition]
        next_offset = state.log.next_offset or 0 if state.log else 0
        mine = [one for one in letters if one.record.partition == partition.partition]
        self.dead_letters.forget_below(partition.partition, next_offset)
        self._report.note(partition, next_offset, records, mine, polled_at)
        if trouble is None:
            state.stored()
            return
        self._hold(partition, trouble)
        if close:
            state.close()

    def offsets_to_commit(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the offsets that are new since the last commit, once every commit interval."""
        if time.monotonic() < self._commit_at:
            return {}
        self._commit_at = time.monotonic() + self._commit_interval_s
        return self._new_offsets()

    def committed(self, offsets: Mapping[TopicPartition, object], outcome: object) -> None:
        """Note that the brokers did not take these offsets, so that they are committed again."""
        if isinstance(outcome, Exception):
            log.info("the offsets were not committed this time: %s", outcome)
            for partition in offsets.keys() & self.logs.keys():
                self._assignment.partitions[partition].committed_offset = None

    def end_round(self) -> None:
        """Open the partitions that are due, and write the status files."""
        if time.monotonic() >= self._check_files_at:
            self._check_files_at = time.monotonic() + CHECK_FILES_S
            self._assignment.check_files()
        self._assignment.open_due(self._watchdog.beat)
        self._report.update(self._brokers.problem)

    def has_stored(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Tell whether each partition is stored up to its end, by us or by another member."""
        if not self._report.joined or self._assignment.is_waiting:
            return False
        mine = self.client.assignment()
        for partition, end in ends.items():
            if partition in mine:
                offset = self.client.position(partition, TIMEOUT_MS)
            else:
                offset = self.client.committed(partition, timeout_ms=TIMEOUT_MS)
            if (offset or 0) < end:
                return False
        return True

    def _connect(self) -> None:
        config = load_config()
        self._brokers = Reachability()
        self.client: KafkaConsumer = kafka_clients.consumer(
            group_id=self._group_id,
            enable_auto_commit=False,
            auto_offset_reset="none",  # the CSV says where to go on, never a default
            session_timeout_ms=config.session_timeout_ms,
            heartbeat_interval_ms=config.session_timeout_ms // 3,
            max_poll_records=MAX_POLL_RECORDS,
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            partition_assignment_strategy=[CooperativeStickyAssignor],
            metadata_max_age_ms=10_000,  # how soon new partitions are noticed
        )
        if self._fast:
            read_in_one_pass(self.client)
        self._assignment = PartitionAssignment(
            self.client, self._topic, self._data_dir, config.segment_bytes
        )
        self._report = ConsumerReport(
            self.client, self._assignment, self._topic, self._group_id, self._data_dir, self._say
        )
        self._watchdog = Watchdog(
            self.client,
            lambda why: say_failed(self._data_dir, self._topic, why),
            self._owns_process,
        )
        self._watchdog.__enter__()
        self.client.subscribe([self._topic], listener=self._assignment)

    def _disconnect(self) -> None:
        with contextlib.ExitStack() as last:  # called in the opposite order
            last.push(self._watchdog)
            last.callback(self._report.close)
            last.callback(self._assignment.close)
            last.callback(self._leave)

    def _hold_unreadable(self, error: BatchUnreadable) -> None:
        """Let one partition wait; the others go on."""
        partition = TopicPartition(self._topic, error.partition)
        state = self._assignment.partitions[partition]
        if state.log is not None and error.offset < (state.log.next_offset or 0):
            state.is_unreadable = True  # stored before, and read again only to be compared
        what = error.what.partition(": ")[2]  # where it is shown, the partition is named already
        self._hold(partition, f"{what}. Next: {error.next_line}")

    def _check_topic_id(self) -> None:
        """Close every CSV if the topic was deleted and created again: opening will refuse it."""
        uuid = client_health.topic_uuid(self.client, self._topic)
        if uuid is None or uuid == self._topic_uuid:
            return
        for partition in self.logs if self._topic_uuid else ():
            self._hold(partition, "the topic was deleted and created again")
            self._assignment.partitions[partition].close()
        self._topic_uuid = uuid

    def _hold(self, partition: TopicPartition, reason: str) -> None:
        """Stop fetching a partition for a while, and say why at once."""
        self._assignment.hold(partition, reason)
        self._report.write_status("running")

    def _new_offsets(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the offsets that were not committed yet, and count them as committed."""
        found = {}
        for partition in self.logs:
            state = self._assignment.partitions[partition]
            offset = state.next_offset
            if offset is not None and offset != state.committed_offset:
                found[partition] = OffsetAndMetadata(offset, "", -1)
                state.committed_offset = offset
        return found

    def _leave(self) -> None:
        """Commit what is stored, and leave the group at once instead of by a missed heartbeat."""
        if self._watchdog.verdict:
            return  # a client that hangs cannot be closed either
        for state in self._assignment.partitions.values():
            state.committed_offset = None  # an earlier commit may have failed
        try:
            if offsets := self._new_offsets():
                self.client.commit(offsets, TIMEOUT_MS)
        except KafkaError as error:  # the CSV is right; only the lag tools are late
            log.warning("the offsets were not committed: %s", error)
        self.client.close(autocommit=False, timeout_ms=TIMEOUT_MS)
