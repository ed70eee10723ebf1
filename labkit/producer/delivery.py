"""Records on their way to Kafka, each accounted for: acknowledged, failed, or unknown.

`KafkaProducer.send` returns at once, with a future; the record leaves from a thread of the
client's own. kafka-python 3 has no limit on how many may be waiting, so here is one. Waiting for
each record's answer before sending the next would be safe and slow; not looking at the answers at
all would be fast and would lose records unnoticed.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from itertools import chain
from typing import Any

from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2

from labkit.core.errors import TopicNotFound
from labkit.producer.delivery_log import Journal
from labkit.producer.fast_append import ClientMetrics, DirectProducer, Ready, read_metrics
from labkit.producer.producer_options import ProducerOptions
from labkit.producer.sent_counts import Counts
from labkit.readings.pacing import BATCH, Item
from labkit.readings.reading import Reading, grams
from labkit.readings.tracing_header import Marker

MAX_IN_FLIGHT = 5_000
BAD = -1  # stands for the grams of a record that is bad on purpose

_RELIABLE = ProducerOptions()

# What a broker says of a record itself, and would have said at every try. Any other answer, such as
# "I am not the leader", may follow a first try that was written and whose acknowledgement got lost.
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
    """Return the partition in which Kafka's default partitioner puts a key.

    The same key lands in the same partition, in every client and language, for as long as the
    topic has as many partitions.

    See: Apache Kafka, ``BuiltInPartitioner.partitionForKey`` (murmur2).
    """
    return int(murmur2(key) & 0x7FFFFFFF) % num_partitions


class Outbox:
    """Sends records, bounded in flight, and counts what became of each.

    Parameters
    ----------
    client : DirectProducer
        With ``options.client_settings``; no serializers: values are bytes.
    topic : str
        An existing topic.
    stamp_now : bool
        Give records the time of sending as their timestamp, not ``recorded_at``: Kafka deletes
        by timestamp, and would at once throw away readings older than the topic's retention.
    options : ProducerOptions
        What is the key, and whether brokers are asked for acknowledgements at all.
    journal : Journal, optional
        Where to write down what became of each record.
    """

    def __init__(
        self,
        client: DirectProducer,
        topic: str,
        *,
        stamp_now: bool = False,
        options: ProducerOptions = _RELIABLE,
        journal: Journal | None = None,
    ) -> None:
        self.counts = Counts()
        self.last_error = ""
        self.marker = Marker()
        self._client = client
        self._topic = topic
        self._stamp_now = stamp_now
        self._options = options
        self._journal = journal
        self._in_flight: deque[tuple[Any, Ready]] = deque()  # (future, ...), oldest first
        self._routes: dict[str, tuple[bytes, int]] = {}  # key as text -> (key, partition)
        self._num_partitions = 0
        self._last_metrics: ClientMetrics | None = None

    @property
    def in_flight(self) -> int:
        """How many records wait for their answer."""
        return len(self._in_flight)

    @property
    def is_full(self) -> bool:
        """Whether to wait before sending more: there is no room for what a source gives at once."""
        return len(self._in_flight) + BATCH > MAX_IN_FLIGHT

    @property
    def metrics(self) -> ClientMetrics:
        """What the client has measured of its last 10 to 20 seconds; of its end, once drained."""
        return self._last_metrics or read_metrics(self._client)

    def send(self, *items: Item) -> None:
        """Hand records to the client; those of one key keep their order.

        All of them are written into the journal before the first one can leave.
        """
        runs: defaultdict[int, deque[Ready]] = defaultdict(deque)  # only a partition has an order
        for item in items:
            record = self._prepare(item)
            runs[record.partition].append(record)
        if self._journal is not None:
            self._journal.flush()
        try:
            for run in runs.values():
                self._hand_over(run)
        except TopicNotFound as error:
            for one in chain.from_iterable(runs.values()):  # these never left
                self._count_lost(one, error, certain=True)
            raise

    def _prepare(self, item: Item) -> Ready:
        """Count a record, and write it into the journal."""
        counts = self.counts
        text = self._options.key_of(item)
        if text is None:
            key, partition = None, self._random_partition()
        else:
            key, partition = self._routes.get(text) or self._route(text)
        timestamp_ms = time.time_ns() // 1_000_000 if self._stamp_now else item.timestamp_ms
        if isinstance(item, Reading):
            value: bytes | None = item.to_json()
            reading_id, co2_g, note = item.reading_id, grams(item.co2_kg), ""
            counts.emitted += 1
            counts.emitted_g += co2_g
        else:
            value, reading_id, co2_g, note = item.value, "", BAD, f"bad: {item.name}"
            counts.bad += 1
        if self._journal is not None:
            self._journal.sent(counts.records, partition, value, reading_id, note)
        return Ready(counts.records, partition, co2_g, key, value, timestamp_ms)

    def _hand_over(self, run: deque[Ready]) -> None:
        """Send records of one partition: one in the client's own way, and as many as go behind it.

        The one opens a batch where there is none, and may be marked by a header.
        """
        while run:
            self._send_alone(run.popleft())
            for future in self._client.append(self._topic, run) if run else ():
                self._in_flight.append((future, run.popleft()))

    def _send_alone(self, record: Ready) -> None:
        try:
            future = self._client.send(
                self._topic,
                record.value,
                key=record.key,
                partition=record.partition,
                timestamp_ms=record.timestamp_ms,
                headers=self._headers(record),
            )
        except kafka_errors.KafkaTimeoutError as error:
            self._count_lost(record, error, certain=True)
            raise self._gone() from error
        except kafka_errors.KafkaError as error:  # it never left: too large, say
            self._count_lost(record, error, certain=True)
        else:
            self._in_flight.append((future, record))

    def _headers(self, record: Ready) -> list[tuple[str, bytes]]:
        if record.co2_g == BAD or not self._options.asks_for_acks:
            return []
        return self.marker.headers(record.number)

    def _random_partition(self) -> int:
        """Let the client choose, as it does for a record without a key: at random, each time anew.

        It is asked beforehand, so that the journal can say where the record was to go.
        """
        if not self._num_partitions:
            self.refresh()
        partition: int | None = self._client._partition(self._topic, None, None, None, None, None)
        if partition is None:
            raise self._gone()
        return partition

    def _route(self, text: str) -> tuple[bytes, int]:
        """Work out a key's partition once: hashing it in Python takes longer than the rest."""
        if len(self._routes) > 100_000:  # a replay may bring any number of facilities
            self._routes.clear()
        key = text.encode()
        partition = partition_for(key, self._num_partitions or self.refresh())
        self._routes[text] = (key, partition)
        return key, partition

    def refresh(self) -> int:
        """Ask the client how many partitions there are; with more of them, keys move."""
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
            self._settle(*in_flight.popleft())
        if self._journal is not None:
            self._journal.flush()

    def _settle(self, future: Any, record: Ready) -> None:
        """Count one record by its answer."""
        if future.exception is not None:
            self._count_lost(record, future.exception, certain=_is_certain(future.exception))
            return
        if not self._options.asks_for_acks:
            # The client says "done" once the bytes are in its socket. No broker has said anything.
            self._count_unknown(record, "acks=0: no acknowledgement was asked for")
            self.counts.unasked += record.co2_g != BAD
            return
        if self._journal is not None:
            self._journal.acked(record.number, record.partition, future.value.offset)
        self.marker.settle(record.number, record.partition, future.value.offset)
        if record.co2_g == BAD:
            self.counts.bad_acked += 1
        else:
            self.counts.acked += 1
            self.counts.acked_g += record.co2_g

    def _count_lost(self, record: Ready, error: Exception, *, certain: bool) -> None:
        self.last_error = f"{type(error).__name__}: {error}"
        if not certain:
            self._count_unknown(record, self.last_error)
            return
        if self._journal is not None:
            self._journal.lost(record.number, record.partition, self.last_error, certain=True)
        if record.co2_g != BAD:
            self.counts.failed += 1
            self.counts.failed_g += record.co2_g

    def _count_unknown(self, record: Ready, why: str) -> None:
        if self._journal is not None:
            self._journal.lost(record.number, record.partition, why, certain=False)
        if record.co2_g != BAD:
            self.counts.unknown += 1
            self.counts.unknown_g += record.co2_g

    def drain(self, timeout_s: float) -> None:
        """Wait for all answers; what has none by then is unknown."""
        deadline = time.monotonic() + timeout_s
        self.reap()
        while self._in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
            self.reap()
        silence = kafka_errors.KafkaTimeoutError("no answer before the producer was stopped")
        for future, record in self._in_flight:
            if future.is_done:
                self._settle(future, record)
            else:
                self._count_lost(record, silence, certain=False)
        self._in_flight.clear()
        self._last_metrics = read_metrics(self._client)  # a closed client has forgotten them


def _is_certain(error: Exception) -> bool:
    """Tell whether the record is surely not in the log: a broker refused it, in so many words."""
    return isinstance(error, _REFUSALS)
