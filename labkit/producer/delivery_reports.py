"""Records on their way to Kafka: each one ends as acknowledged, failed or unknown.

`KafkaProducer.send` returns at once, with a future; the client's own thread sends the record
later. kafka-python 3 does not limit how many records may wait, so this file does. To wait for
each answer before sending the next record would be safe and slow; to ignore the answers would be
fast and would lose records unnoticed.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2

from labkit.broker.denied_access import denied_access
from labkit.core.errors import FolderNotWritable, TopicNotFound
from labkit.core.wait_until import wait_until
from labkit.producer.delivery_log import DeliveryLog
from labkit.producer.producer_client import (
    ClientGaveUp,
    ClientMetrics,
    random_partition,
    read_metrics,
)
from labkit.producer.producer_options import ProducerOptions
from labkit.producer.sent_counts import UNASKED, SentCounts
from labkit.readings.pacing import BATCH, Item
from labkit.readings.reading import Reading, grams
from labkit.readings.tracing_record_header import Marker

MAX_IN_FLIGHT = 5_000

_RELIABLE = ProducerOptions()

# Errors by which a broker refuses the record itself, at every try. Any other, such as "I am not
# the leader", may follow a first try that was written and whose acknowledgement got lost.
_REFUSALS = (
    kafka_errors.InvalidRecordError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.InvalidTopicError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.PolicyViolationError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.UnsupportedForMessageFormatError,
)


def partition_for(key: bytes, num_partitions: int) -> int:
    """Return the partition that Kafka's default partitioner gives to a key.

    The same key always gets the same partition, in every client and language, as long as the
    topic's number of partitions does not change.

    See: Apache Kafka, ``BuiltInPartitioner.partitionForKey`` (murmur2).
    """
    return int(murmur2(key) & 0x7FFFFFFF) % num_partitions


class OutgoingRecord(NamedTuple):
    """A record that is ready to be sent, and what to remember of it until its answer comes."""

    number: int  # in this run, from 1
    partition: int
    co2_g: int | None  # None: deliberately malformed
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: list[tuple[str, bytes]]


class DeliveryTracker:
    """Follows each record of a producer run until it is acknowledged, failed or unknown.

    Parameters
    ----------
    client : KafkaProducer
        The client that sends; without serializers, because values are bytes.
    topic : str
        An existing topic.
    stamp_now : bool
        Use the time of sending as the record's timestamp, not ``recorded_at``: Kafka deletes by
        timestamp, and would at once delete readings that are older than the topic's retention.
    options : ProducerOptions
        Which field is the key, and whether brokers are asked for acknowledgements at all.
    log : DeliveryLog, optional
        Where to write what became of each record.
    """

    def __init__(
        self,
        client: KafkaProducer,
        topic: str,
        *,
        stamp_now: bool = False,
        options: ProducerOptions = _RELIABLE,
        log: DeliveryLog | None = None,
    ) -> None:
        self.counts = SentCounts()
        self.last_error = ""
        self.marker = Marker()
        self.next_offsets: dict[int, int] = {}  # by partition: past the last acked record
        self._client = client
        self._topic = topic
        self._stamp_now = stamp_now
        self._options = options
        self._log = log
        self._prepared: list[OutgoingRecord] = []
        self._in_flight: deque[tuple[Any, OutgoingRecord]] = deque()  # (future, ...), oldest first
        self._routes: dict[str, tuple[bytes, int]] = {}  # key as text -> (key, partition)
        self._num_partitions = 0
        self._last_metrics: ClientMetrics | None = None

    @property
    def in_flight(self) -> int:
        """How many records wait for their answer."""
        return len(self._in_flight)

    @property
    def is_full(self) -> bool:
        """Whether to wait before sending more: there is no room for another batch of a source."""
        return len(self._in_flight) + BATCH > MAX_IN_FLIGHT

    @property
    def metrics(self) -> ClientMetrics:
        """What the client measured in its last 10 to 20 seconds; of the end, once drained."""
        return self._last_metrics or read_metrics(self._client)

    def prepare(self, items: Sequence[Item]) -> list[OutgoingRecord]:
        """Return the records to send, with key, partition and timestamp, and count them.

        All of them are in the delivery log before the first one can leave.

        Raises
        ------
        FolderNotWritable
            The delivery log takes no more lines. The records count as failed.
        """
        records = self._prepared = [self._prepare(item) for item in items]
        if records and records[0].co2_g is not None and self._options.asks_for_acks:
            records[0] = records[0]._replace(headers=self.marker.headers(records[0].number))
        if self._log is not None:
            try:
                self._log.flush()
            except FolderNotWritable as error:
                for record in records:
                    self._lost(record, error.what, certain=True)  # none of them is sent
                raise
        return self._prepared

    def sent(self, record: OutgoingRecord, future: Any) -> None:
        """Record that the client has taken a record; its answer will be in the future."""
        self._in_flight.append((future, record))

    def not_sent(self, record: OutgoingRecord, error: Exception) -> None:
        """Count a record as failed that the client did not take, because it is too large, say.

        Raises
        ------
        TopicNotFound
            The client no longer finds the topic. The rest of the prepared records will not be
            sent, and counts as failed, too.
        """
        if not isinstance(error, kafka_errors.KafkaTimeoutError):
            self._count_lost(record, error, certain=True)
            return
        gone = self._gone()
        self._count_lost(record, error, certain=True)
        for one in self._prepared:
            if one.number > record.number:
                self._count_lost(one, gone, certain=True)
        raise gone from error

    def _prepare(self, item: Item) -> OutgoingRecord:
        """Count a record, and write it to the delivery log."""
        counts = self.counts
        text = self._options.key_of(item)
        if text is None:
            key, partition = None, self._random_partition()
        else:
            key, partition = self._routes.get(text) or self._route(text)
        timestamp_ms = time.time_ns() // 1_000_000 if self._stamp_now else item.timestamp_ms
        if isinstance(item, Reading):
            value: bytes | None = item.to_json()
            co2_g: int | None = grams(item.co2_kg)
            reading_id, note = item.reading_id, ""
        else:
            value, co2_g, reading_id, note = item.value, None, "", f"bad: {item.name}"
        counts.add("sent", co2_g)
        if self._log is not None:
            self._log.sent(counts.records, partition, value, reading_id, note, co2_g)
        return OutgoingRecord(counts.records, partition, co2_g, key, value, timestamp_ms, [])

    def _random_partition(self) -> int:
        if not self._num_partitions:
            self.refresh()
        partition = random_partition(self._client, self._topic)
        if partition is None:
            raise self._gone()
        return partition

    def _route(self, text: str) -> tuple[bytes, int]:
        """Compute a key's partition once: hashing it in Python takes longer than all the rest."""
        if len(self._routes) > 100_000:  # a replay may bring any number of facilities
            self._routes.clear()
        key = text.encode()
        partition = partition_for(key, self._num_partitions or self.refresh())
        self._routes[text] = (key, partition)
        return key, partition

    def go_on_with(self, client: KafkaProducer) -> None:
        """Count the answers of a client that has given up, and use another one from here on."""
        self.reap()
        self._client = client

    def refresh(self) -> int:
        """Ask the client for the number of partitions; when it grows, keys move."""
        try:
            num_partitions = len(self._client.partitions_for(self._topic))
        except kafka_errors.KafkaTimeoutError as error:
            raise self._gone() from error
        if num_partitions != self._num_partitions:
            self._num_partitions = num_partitions
            self._routes.clear()
        return num_partitions

    def _gone(self) -> TopicNotFound:
        msg = f"the brokers no longer know topic {self._topic!r}: it was deleted, or none answers"
        return TopicNotFound(msg, f"lab.ensure_topic({self._topic!r})")

    def reap(self) -> None:
        """Count the records whose answer has come, oldest first."""
        in_flight = self._in_flight
        while in_flight and in_flight[0][0].is_done:
            future, record = in_flight.popleft()
            self._settle(future, record)
        if self._log is not None:
            self._log.flush()

    def _settle(self, future: Any, record: OutgoingRecord) -> None:
        """Count one record by its answer."""
        if future.exception is not None:
            self._count_lost(record, future.exception, certain=_is_certain(future.exception))
            return
        if not self._options.asks_for_acks:
            # The client says "done" once the bytes are in its socket. No broker has answered.
            self._lost(record, UNASKED, certain=False)
            return
        offset = future.value.offset
        if self._log is not None:
            self._log.acked(record.number, record.partition, offset, record.co2_g)
        self.next_offsets[record.partition] = offset + 1
        self.marker.settle(record.number, record.partition, offset)
        self.counts.add("acked", record.co2_g)

    def _count_lost(self, record: OutgoingRecord, error: Exception, *, certain: bool) -> None:
        why = f"{type(error).__name__}: {error}"
        if not (self.last_error and isinstance(error, ClientGaveUp)):  # the reason came before it
            denied = denied_access(error, "Write", self._topic)
            self.last_error = denied.what if denied else why
        self._lost(record, why, certain=certain)

    def _lost(self, record: OutgoingRecord, why: str, *, certain: bool) -> None:
        """Count a record as failed or unknown, and write it to the delivery log."""
        number, partition, co2_g = record.number, record.partition, record.co2_g
        if self._log is not None:
            self._log.lost(number, partition, why, certain=certain, co2_g=co2_g)
        self.counts.add("failed" if certain else "unknown", co2_g, why)

    def drain(self, timeout_s: float) -> None:
        """Wait for all answers; a record without an answer by then is unknown."""

        def has_all_answers() -> bool:
            self.reap()
            return not self._in_flight

        with contextlib.suppress(TimeoutError):
            wait_until(has_all_answers, timeout_s, TimeoutError, every_s=0.01)
        silence = kafka_errors.KafkaTimeoutError("no answer before the producer was stopped")
        for future, record in self._in_flight:
            if future.is_done:
                self._settle(future, record)
            else:
                self._count_lost(record, silence, certain=False)
        self._in_flight.clear()
        self._last_metrics = read_metrics(self._client)  # a closed client has forgotten them


def _is_certain(error: Exception) -> bool:
    """Tell whether the record is certainly not in the log: a broker refused the record itself."""
    return isinstance(error, _REFUSALS)
