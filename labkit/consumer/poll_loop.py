"""The consumer's loop: poll, judge, dead letters, flush, commit; over and over.

It runs in one thread, beside the client's own network thread, which keeps the heartbeats going.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from uuid import UUID

from kafka import OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    CorruptRecordError,
    KafkaError,
    LogTruncationError,
    OffsetOutOfRangeError,
)

from labkit.broker import kafka_clients
from labkit.consumer.consumer_report import ConsumerReport
from labkit.consumer.dead_letter_queue import DeadLetterQueue
from labkit.consumer.fast_decode import read_in_one_pass
from labkit.consumer.partition_assignment import Assignment, Trouble, Troubles
from labkit.consumer.reachability import Reachability
from labkit.consumer.record_store import Batches, Counts, RecordStore
from labkit.consumer.watchdog import Watchdog
from labkit.core.config import load_config
from labkit.core.errors import ConsumerHung, SinkForeign
from labkit.sink.partition_status import say_failed
from labkit.topics.topics import describe_topic

log = logging.getLogger(__name__)

POLL_MS = 200  # how long a round waits for records: also how soon it notices that it shall stop
MAX_POLL_RECORDS = 2_000  # the most in one round: a round costs the same for few and for many
FETCH_MAX_WAIT_MS = 100
"""How long a broker may hold back an answer that has nothing in it; kafka-python's own is 500 ms.
Each broker is asked one thing at a time: while it waits for news of a partition that is read to its
end, no other partition can be asked for."""
MAX_POLL_INTERVAL_MS = 300_000  # whoever does not poll for so long is out of the group
TIMEOUT_MS = 3_000  # for what is asked of the broker at the begin and the end


class ClientSpoilt(Exception):
    """The client met a batch that fails its checksum, and cannot go on: make another one.

    After that, kafka-python's next `poll` never returns. ``troubles`` are for the next client.
    """

    def __init__(self, troubles: Troubles) -> None:
        super().__init__(*(trouble.reason for trouble in troubles.values()))
        self.troubles = troubles


class ConsumerLoop:
    """One member of a consumer group that writes CSV; use it in a ``with``.

    Parameters
    ----------
    topic, group_id, data_dir
        What it reads, as whom, and where to.
    counts : Counts
        What it stores is added here.
    owns_process : bool
        Whether the process may be ended where the client hangs.
    """

    def __init__(
        self, topic: str, group_id: str, data_dir: Path, counts: Counts, owns_process: bool = False
    ) -> None:
        config = load_config()
        found = describe_topic(topic)  # says in plain words if there is none, or no broker
        self._all = [TopicPartition(topic, one.partition) for one in found.partitions]
        self._topic, self._data_dir = topic, data_dir
        self._topic_uuid: UUID | None = None
        self._counts = counts
        self._commit_interval_s = config.commit_interval_s
        self._commit_at = 0.0
        self._committed: dict[TopicPartition, int] = {}
        self._brokers = Reachability()
        self._consumer = kafka_clients.consumer(
            group_id=group_id,
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
        read_in_one_pass(self._consumer)
        self._assignment = Assignment(self._consumer, topic, data_dir, config.segment_bytes)
        self._dead_letters = DeadLetterQueue(topic, group_id)
        self._report = ConsumerReport(self._consumer, self._assignment, topic, group_id, data_dir)
        self._store = RecordStore(self._assignment, self._dead_letters, self._report, counts)
        self._watchdog = Watchdog(
            self._consumer, lambda why: say_failed(data_dir, topic, why), owns_process
        )
        self._consumer.subscribe([topic], listener=self._assignment)

    def __enter__(self) -> Self:
        self._watchdog.__enter__()
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Commit, leave the group, and let go of every CSV; also after an error."""
        with contextlib.ExitStack() as last:  # called in the opposite order
            last.push(self._watchdog)
            last.callback(self._report.close)
            last.callback(self._assignment.close)
            last.callback(self._leave)
            last.callback(self._dead_letters.close)
            if error is None:
                self._report.write_status("stopped")
            elif not self._watchdog.verdict:  # it has said so itself
                self._report.write_status("failed", getattr(error, "what", str(error)))

    def run(
        self,
        stop: threading.Event,
        until_end: bool = False,
        troubles: Troubles | None = None,
    ) -> None:
        """Go round until told to stop, or until everything is stored that was there at first."""
        self._assignment.expect(troubles or {})
        ends = self._consumer.end_offsets(self._all, TIMEOUT_MS) if until_end else {}
        try:
            while not stop.is_set():
                self._round()
                if until_end and self._reached(ends):
                    break
        except KafkaError as error:
            if self._watchdog.verdict:
                raise ConsumerHung(self._watchdog.verdict, "labkit consume") from error
            raise
        finally:
            self._counts.gap_records += self._assignment.gaps.total()

    def _round(self) -> None:
        self._watchdog.beat()
        batches = self._poll()
        self._look_for_another_topic()
        if batches:
            self._brokers.heard()
            # A topic that was made anew has had its CSVs closed: what was polled belongs in none.
            mine = self._assignment.logs
            self._store.store({key: found for key, found in batches.items() if key in mine})
        else:
            self._brokers.look()
        self._assignment.open_due(self._watchdog.beat)
        if time.monotonic() >= self._commit_at:
            self._commit()
        self._report.update(self._brokers.problem)

    def _poll(self) -> Batches:
        """Return what Kafka has; and do what each of its refusals asks for."""
        self._assignment.take_up_join()
        try:
            batches: Batches = self._consumer.poll(timeout_ms=POLL_MS)
        except OffsetOutOfRangeError as error:
            for partition in self._assignment.logs.keys() & error.args[0].keys():
                self._store.hold(partition, "Kafka no longer retains the record that comes next")
            return {}
        except CorruptRecordError as error:
            raise ClientSpoilt(self._troubles_of(error)) from error
        except LogTruncationError as error:
            for partition in error.divergent_offsets:
                self._assignment.open_anew(partition)  # refuses if it is another topic
            numbers = ", ".join(str(one.partition) for one in error.divergent_offsets)
            msg = f"the brokers have lost records of partition {numbers} that the CSV holds"
            raise SinkForeign(msg, f'mv "{self._data_dir}" "{self._data_dir}.old"') from error
        except KafkaError as error:
            if self._watchdog.client_is_dead or not error.retriable:
                raise
            # Such as a connection that was cut: the client connects again, we poll again.
            self._brokers.lost(str(error))
            time.sleep(POLL_MS / 1000)
            return {}
        return batches

    def _troubles_of(self, error: CorruptRecordError) -> Troubles:
        """Return which partition a batch with a wrong checksum is of: the text alone says it."""
        found = re.search(r"partition=(\d+)\D.* at offset (\d+)", str(error))
        if found is None:
            return {}
        partition = TopicPartition(self._topic, int(found[1]))
        reason = f"what the broker sends at offset {found[2]} fails its checksum"
        return {partition: Trouble(self._assignment.times_held(partition) + 1, reason)}

    def _look_for_another_topic(self) -> None:
        """Open every CSV anew if the topic was deleted and made anew: it will be refused."""
        # Private, but free: the client keeps the id of each topic it has metadata of, and a
        # fetch by name goes on in a new topic of the same name as if nothing had happened.
        uuid = self._consumer._cluster.topic_id(self._topic)
        if uuid is None or uuid == self._topic_uuid:
            return
        for partition in list(self._assignment.logs) if self._topic_uuid else []:
            self._store.hold(partition, "the topic was deleted and made anew")
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
        if self._watchdog.verdict:
            return  # a client that hangs cannot be closed either
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
