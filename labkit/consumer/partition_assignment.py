"""Which partitions are this consumer's now, and the CSV of each.

A consumer group moves partitions between its members whenever one comes or goes (a *rebalance*).
A member may write a partition's CSV only while it holds its lock, and reads on from where the CSV
ends. The lock may still be with a member that hangs, so taking over can mean waiting.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from labkit.core.errors import BrokerUnavailable, LabError, SinkForeign, SinkLocked, TopicNotFound
from labkit.sink.csv_log import CsvLog
from labkit.topics.topic_model import Topic
from labkit.topics.topics import describe_topic

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
OFFSETS_TIMEOUT_MS = 5_000
OPENING = "its CSV is being opened"


@dataclass
class Wait:
    """Why a partition does not flow, and when that is looked at again."""

    reason: str
    retry_at: float  # on time.monotonic's clock


@dataclass
class Trouble:
    """How often in a row a partition could not go on, and why it could not last time."""

    times: int
    reason: str


Troubles = dict[TopicPartition, Trouble]


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """The partitions that the group gave to this member.

    Kafka calls ``on_partitions_...`` on the client's own network thread, inside `poll`. Nothing
    there may wait, or the member misses its heartbeats. So an assigned partition is only paused
    there; `open_due`, between two polls, takes its lock, recovers its CSV and lets it flow.

    Parameters
    ----------
    consumer : KafkaConsumer
        The member of the group.
    topic : str
        The one topic it subscribes to.
    data_dir : Path
        The data folder.
    segment_bytes : int
        When a CSV file is rolled.

    See: KIP-429 (incremental cooperative rebalancing).
    """

    def __init__(
        self, consumer: KafkaConsumer, topic: str, data_dir: Path, segment_bytes: int
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._data_dir = data_dir
        self._segment_bytes = segment_bytes
        self._troubles: Troubles = {}
        self.logs: dict[TopicPartition, CsvLog] = {}
        self.waiting: dict[TopicPartition, Wait] = {}
        self.start_offsets: dict[TopicPartition, int] = {}
        self.end_offsets: dict[TopicPartition, int] = {}
        self.gaps: Counter[TopicPartition] = Counter()  # records lost to retention

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Hold new partitions until their CSV is open."""
        for partition in assigned:
            # A position of any kind keeps the client from asking for a committed one.
            self._consumer.seek(partition, 0)
            self._consumer.pause(partition)
            if partition in self._troubles:  # it is known from before the client was made anew
                self.hold(partition, self._troubles[partition].reason)
            else:
                self.waiting[partition] = Wait(OPENING, time.monotonic())

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Give partitions back: to another member, or because they were taken away."""
        for partition in revoked:
            self.waiting.pop(partition, None)
            self._troubles.pop(partition, None)
            self.let_go(partition)

    def hold(self, partition: TopicPartition, reason: str) -> None:
        """Stop fetching a partition, and try again later: each time twice as much later."""
        times = self.times_held(partition)
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**times)
        self._troubles[partition] = Trouble(times + 1, reason)
        self._consumer.pause(partition)
        self.waiting[partition] = Wait(reason, time.monotonic() + wait_s)

    def trouble_of(self, partition: TopicPartition) -> str | None:
        """Return why a partition could not go on last time, until something of it is stored."""
        return self._troubles[partition].reason if partition in self._troubles else None

    def times_held(self, partition: TopicPartition) -> int:
        """Return how often in a row a partition could not go on."""
        return self._troubles[partition].times if partition in self._troubles else 0

    def expect(self, troubles: Troubles) -> None:
        """Hold these partitions at first, for what an earlier client met there."""
        self._troubles.update(troubles)

    def flows(self, partition: TopicPartition) -> None:
        """Note that a partition's records were stored."""
        self._troubles.pop(partition, None)

    def let_go(self, partition: TopicPartition) -> None:
        """Close a partition's CSV, so that another member can have it."""
        log = self.logs.pop(partition, None)
        if log is not None:
            log.close()

    def open_anew(self, partition: TopicPartition) -> None:
        """Close a partition's CSV and open it, which looks whether it is of this very topic."""
        self.let_go(partition)
        self.logs[partition] = self._open(partition, describe_topic(self._topic))

    def close(self) -> None:
        """Close every CSV."""
        for partition in list(self.logs):
            self.let_go(partition)

    def take_up_join(self) -> None:
        """Go on with a join that the client has begun, and would now forget.

        A join is two requests, JoinGroup and SyncGroup, and may take longer than one poll; the
        next one waits on for it, as long as kafka-python finds that it has to join. Where only
        a change of the topic's partitions asked for the join, the leader notes their new number
        between the two requests, and from then on nothing asks for it. A poll that ends right
        there leaves a member that is half in the group, with its heartbeat switched off for the
        join: the group expels it, and it never hears of that. Under load, a start can meet this,
        for the first join is often made before the client knows the topic's partitions.

        See: ``join_group_async`` in kafka-python 3.0.12, whose loop ends with ``need_rejoin``.
        """
        # Private, and safe here: between two polls nothing on the network thread writes these.
        coordinator = self._consumer._coordinator
        if coordinator.rejoining and not coordinator.need_rejoin():
            # The next poll waits for the join in flight; one that is over is made once more.
            coordinator.request_rejoin()

    def open_due(self, beat: Callable[[], None]) -> None:
        """Let those partitions flow whose time to try again has come.

        Parameters
        ----------
        beat : callable
            Called before each, for opening can take a while and is no hanging.

        Raises
        ------
        SinkForeign, SinkDamaged
            The CSV cannot be continued; only a person can decide what shall become of it.
        """
        now = time.monotonic()
        topic = None
        for partition in [key for key, wait in self.waiting.items() if wait.retry_at <= now]:
            beat()
            try:
                if partition not in self.logs:
                    # Asked again: it may have been deleted and made anew in the meantime.
                    topic = topic or describe_topic(self._topic)
                    self.logs[partition] = self._open(partition, topic)
                self._seek(partition, self.logs[partition])
            except (SinkLocked, BrokerUnavailable, TopicNotFound, KafkaError, OSError) as error:
                self.hold(partition, error.what if isinstance(error, LabError) else str(error))
            else:
                del self.waiting[partition]
                self._resume(partition)

    def _resume(self, partition: TopicPartition) -> None:
        """Fetch a partition again, from the position that was sought.

        What the client had parsed of it when it was paused, kafka-python 3.0 puts aside, and may
        never look at again: then it fetches that partition no more. So that is dropped first.
        """
        fetcher = self._consumer._fetcher
        fetcher._paused_partition_records.pop(partition, None)
        fetcher._paused_completed_fetches.pop(partition, None)
        self._consumer.resume(partition)

    def _open(self, partition: TopicPartition, topic: Topic) -> CsvLog:
        return CsvLog(
            self._data_dir,
            topic.name,
            partition.partition,
            topic_id=topic.topic_id,
            cluster_id=topic.cluster_id,
            segment_bytes=self._segment_bytes,
        )

    def _seek(self, partition: TopicPartition, log: CsvLog) -> None:
        """Go to the offset behind the CSV's last row: the CSV is the position."""
        start = self._consumer.beginning_offsets([partition], OFFSETS_TIMEOUT_MS)[partition]
        end = self._consumer.end_offsets([partition], OFFSETS_TIMEOUT_MS)[partition]
        self.start_offsets[partition], self.end_offsets[partition] = start, end
        position = start if log.next_offset is None else log.next_offset
        if position > end:
            msg = (
                f"{log.folder} holds rows of partition {partition.partition} up to offset "
                f"{position - 1}, but the topic ends at {end}: the broker has lost records, or "
                "the topic is a new one. Set the folder aside"
            )
            raise SinkForeign(msg, f'mv "{log.folder}" "{log.folder}.old"')
        if position < start:
            known = log.gap_records
            log.note_gap(start)
            self.gaps[partition] += log.gap_records - known
            position = start
        self._consumer.seek(partition, position)
