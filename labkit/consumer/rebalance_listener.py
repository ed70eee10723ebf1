"""Which partitions this consumer owns now, and what it knows of each.

A consumer group moves partitions between its members whenever one joins or leaves (a
*rebalance*). A member may write a partition's CSV only while it holds the lock of that file, and
continues reading where the CSV ends. A member that hangs may still hold the lock, so taking over
can mean waiting.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from labkit.consumer.client_health import LogSource, log_source, resume
from labkit.consumer.history_check import first_difference, other_history
from labkit.core.errors import (
    BrokerUnavailable,
    LabError,
    SinkForeign,
    SinkLocked,
    SinkMoved,
    TopicNotFound,
)
from labkit.core.written_places import next_line_after
from labkit.readings.tracing_record_header import Followed
from labkit.sink.csv_log import CsvLog
from labkit.sink.partition_status import LastDeadLetter
from labkit.sink.retention import Retention
from labkit.sink.segment_files import set_aside_line
from labkit.topics.topic_model import Topic
from labkit.topics.topics import describe_topic

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
OFFSETS_TIMEOUT_MS = 5_000
OPENING = "its CSV is being opened"
OPEN_TRANSACTION = (
    "a transaction is open at its position, and what follows is read once it is committed or "
    "aborted. Next: labkit kafka kafka-transactions list"
)
SETTLED_S = 3.0  # a partition that flows for so long has left its trouble behind


@dataclass
class PartitionState:
    """All that a member knows of one partition.

    A partition that the group assigns to this member *waits* at first: it is paused until its
    CSV is open. Then it *flows*. If it cannot go on, it is *held*: paused again, and tried again
    later.
    """

    log: CsvLog | None = None
    """The CSV, open for as long as this member holds its lock."""
    retry_at: float | None = None
    """When a waiting partition is tried again, on `time.monotonic`'s clock; None: it flows."""
    resumed_at: float = 0.0
    """When it was last let flow, on the same clock."""
    trouble: str = ""
    """Why it could not go on last time; empty as soon as something of it is stored."""
    failures: int = 0
    """How many times in a row it could not go on."""
    start_offset: int | None = None
    end_offset: int | None = None
    """The topic's oldest and next offset, when they were last asked for."""
    source: LogSource | None = None
    """From where the records came when the CSV's last rows were compared with them."""
    last_rows: dict[int, bytes] = field(default_factory=dict)
    """The CSV's last rows by offset, until they are compared with what the topic holds there."""
    is_unreadable: bool = False
    """Whether the records of those rows could not be read, so that they are not compared."""
    read_to: int | None = None
    """Where the client has read to, once all before it was stored: the next record's offset, or
    further on, past the markers of transactions and what they aborted."""
    read_to_since: float = 0.0
    """Since when it has been there, on `time.monotonic`'s clock."""
    open_transaction: bool = False
    """Whether the records that come next are of a transaction that is still open."""
    committed_offset: int | None = None
    gap_records: int = 0
    """Records that the topic's retention deleted before this member could read them."""
    newest_timestamp_ms: int | None = None
    last_dead_letter: LastDeadLetter | None = None
    followed: Followed | None = None
    """Of the newest records that are stored: what the status file says of them."""

    @property
    def is_waiting(self) -> bool:
        """Whether the partition is paused until it is tried again."""
        return self.retry_at is not None

    @property
    def waits_for(self) -> str | None:
        """Why the partition is paused; None while it flows."""
        return (self.trouble or OPENING) if self.is_waiting else None

    @property
    def next_offset(self) -> int | None:
        """The offset up to which everything is stored; None if there is no row yet."""
        offsets = (self.log.next_offset if self.log else None, self.read_to)
        return max((offset for offset in offsets if offset is not None), default=None)

    def lasting_trouble(self, now: float) -> str:
        """Why it cannot go on, also while it is being tried again; empty if it can."""
        if self.open_transaction:
            return OPEN_TRANSACTION
        return self.trouble if self.is_waiting or now - self.resumed_at < SETTLED_S else ""

    def stored(self) -> None:
        """Record that the partition's records were stored: its trouble is over."""
        self.trouble, self.failures = "", 0

    def close(self) -> None:
        """Close the CSV, so that another member can open it."""
        if self.log is not None:
            self.log.close()
            self.log = None


class PartitionAssignment(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """The partitions that the group assigned to this member.

    Kafka calls ``on_partitions_...`` on the client's own network thread, inside `poll`. Nothing
    there may wait, or the member misses its heartbeats. So a new partition is only paused there;
    `open_due`, between two polls, takes its lock, recovers its CSV and lets it flow.

    Parameters
    ----------
    client : KafkaConsumer
        The member of the group.
    topic : str
        The one topic that it subscribes to.
    data_dir : Path
        The data folder.
    segment_bytes : int
        The size at which a CSV file is rolled.

    See: KIP-429 (incremental cooperative rebalancing).
    """

    def __init__(
        self,
        client: KafkaConsumer,
        topic: str,
        data_dir: Path,
        segment_bytes: int,
    ) -> None:
        self._client = client
        self._topic = topic
        self._data_dir = data_dir
        self._segment_bytes = segment_bytes
        self.partitions = defaultdict[TopicPartition, PartitionState](PartitionState)

    @property
    def logs(self) -> dict[TopicPartition, CsvLog]:
        """The CSV files that are open here, by partition."""
        return {
            partition: state.log
            for partition, state in list(self.partitions.items())
            if state.log is not None
        }

    @property
    def is_waiting(self) -> bool:
        """Whether any partition waits to be tried again."""
        return any(state.is_waiting for state in list(self.partitions.values()))

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Pause new partitions until their CSV is open."""
        for partition in assigned:
            # With a position of any kind, the client does not ask for a committed one.
            self._client.seek(partition, 0)
            self._client.pause(partition)
            self.partitions[partition].retry_at = time.monotonic()

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Give partitions back: to another member, or because the group took them away."""
        for partition in revoked:
            state = self.partitions[partition]
            state.retry_at, state.read_to, state.is_unreadable = None, None, False
            state.stored()
            state.close()

    def hold(self, partition: TopicPartition, reason: str) -> None:
        """Pause a partition, and try again later: after twice the time with each failure."""
        state = self.partitions[partition]
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**state.failures)
        state.failures += 1
        state.trouble = reason
        self._client.pause(partition)
        state.retry_at = time.monotonic() + wait_s

    def reopen(self, partition: TopicPartition) -> None:
        """Close a partition's CSV and open it again, which checks that it is of this topic."""
        self.partitions[partition].close()
        self.partitions[partition].log = self._open(partition, describe_topic(self._topic))

    def close(self) -> None:
        """Close every CSV."""
        for state in self.partitions.values():
            state.close()

    def open_due(self, beat: Callable[[], None]) -> None:
        """Let the partitions flow whose time to be tried again has come.

        Parameters
        ----------
        beat : callable
            Called before each: opening a CSV can take a while, and is not a hang.

        Raises
        ------
        SinkForeign, SinkDamaged
            The CSV cannot be continued; a person has to decide what to do with it.
        """
        now = time.monotonic()
        topic = None
        for partition, state in list(self.partitions.items()):
            if state.retry_at is None or state.retry_at > now:
                continue
            beat()
            try:
                if state.log is None:
                    # Ask again: the topic may have been deleted and created again.
                    topic = topic or describe_topic(self._topic)
                    state.log = self._open(partition, topic)
                self._seek(partition, state, state.log)
            except (SinkLocked, BrokerUnavailable, TopicNotFound, KafkaError, OSError) as error:
                self.hold(partition, _why(error, self._data_dir))
            else:
                state.retry_at, state.resumed_at = None, time.monotonic()
                resume(self._client, partition)

    def _open(self, partition: TopicPartition, topic: Topic) -> CsvLog:
        return CsvLog(
            self._data_dir,
            topic.name,
            partition.partition,
            topic_id=topic.topic_id,
            cluster_id=topic.cluster_id,
            segment_bytes=self._segment_bytes,
            retention=Retention.from_settings(),
        )

    def check_files(self) -> None:
        """Hold each partition whose CSV was deleted or moved: it is opened again."""
        for partition, log in self.logs.items():
            try:
                log.check_files()
            except (SinkMoved, OSError) as error:
                self.hold(partition, _why(error, self._data_dir))
                self.partitions[partition].close()

    def new_records(self, partition: TopicPartition, records: Sequence[Any]) -> Sequence[Any]:
        """Return the records that are not stored yet; compare the others with their rows.

        Raises
        ------
        SinkForeign
            The topic holds another record than the CSV's row of that offset.
        """
        state = self.partitions[partition]
        source = log_source(self._client, partition)
        if state.source is not None and source.may_differ_from(state.source):
            # Another leader, or the same one again: it may have come back with an older log.
            self._client.pause(partition)
            state.retry_at = time.monotonic()
            return ()
        state.source, state.is_unreadable = source, False
        if state.log is None or not state.last_rows:
            return records
        position = state.log.next_offset or 0
        new = [record for record in records if record.offset >= position]
        if wrong := first_difference(state.last_rows, records[: len(records) - len(new)]):
            raise other_history(state.log, wrong)
        if new:
            state.last_rows = {}
        return new

    def _seek(self, partition: TopicPartition, state: PartitionState, log: CsvLog) -> None:
        """Go to the offset after the CSV's last row: the CSV is the position.

        The last rows' records are read once more, for `new_records` to compare: an offset means
        nothing in a log that was put back from an older copy.
        """
        state.read_to, state.open_transaction, state.source = None, False, None
        start = self._client.beginning_offsets([partition], OFFSETS_TIMEOUT_MS)[partition]
        end = self._client.end_offsets([partition], OFFSETS_TIMEOUT_MS)[partition]
        state.start_offset, state.end_offset = start, end
        position = start if log.next_offset is None else log.next_offset
        if position > end:
            msg = (
                f"{log.folder} holds rows of partition {partition.partition} up to offset "
                f"{position - 1}, but the topic ends at {end}: the broker has lost records (an "
                "older copy of its data was put back?), or the topic is a new one. "
                "Set the folder aside"
            )
            raise SinkForeign(msg, set_aside_line(log.folder))
        if position < start:
            known = log.gap_records
            log.note_gap(start)
            state.gap_records += log.gap_records - known
            position = start
        rows = {} if state.is_unreadable else log.last_rows()
        state.last_rows = {offset: row for offset, row in rows.items() if offset >= start}
        self._client.seek(partition, min(state.last_rows, default=position))


def _why(error: Exception, data_dir: Path) -> str:
    """Say in a sentence why a partition cannot go on."""
    if isinstance(error, LabError):
        return error.what
    if isinstance(error, OSError):
        path = Path(os.fsdecode(error.filename or data_dir))
        said = f"{path} cannot be written: {error.strerror or error}"
        return f"{said}. Next: {next_line_after(error, path.parent)}"
    return str(error)
