"""Records on their way to Kafka, each accounted for: acknowledged, failed, or unknown.

`KafkaProducer.send` returns at once, with a future; the record leaves from a thread of the
client's own. kafka-python 3 has no limit on how many may be waiting, so here is one. Waiting for
each record's answer before sending the next would be safe and slow; not looking at the answers at
all would be fast and would lose records unnoticed.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2

from labkit.errors import TopicNotFound
from labkit.pace import Item
from labkit.readings import Reading, grams
from labkit.tally import Counts

MAX_IN_FLIGHT = 5_000
BAD = -1  # stands for the grams of a record that is bad on purpose

# Errors by which a broker says no, yet which leave open whether the record was written.
_STILL_UNKNOWN = (
    kafka_errors.RequestTimedOutError,
    kafka_errors.NotEnoughReplicasAfterAppendError,
    kafka_errors.NetworkExceptionError,
    kafka_errors.UnknownError,
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
    client : KafkaProducer
        With ``acks="all"`` and idempotence; no serializers: values are bytes.
    topic : str
        An existing topic.
    stamp_now : bool
        Give records the time of sending as their timestamp, not ``recorded_at``: Kafka deletes
        by timestamp, and would at once throw away readings older than the topic's retention.
    """

    def __init__(self, client: KafkaProducer, topic: str, *, stamp_now: bool = False) -> None:
        self.counts = Counts()
        self.last_error = ""
        self._client = client
        self._topic = topic
        self._stamp_now = stamp_now
        self._in_flight: deque[tuple[Any, int]] = deque()  # (future, grams), oldest first
        self._routes: dict[str, tuple[bytes, int]] = {}  # facility_id -> (key, partition)
        self._num_partitions = 0

    @property
    def in_flight(self) -> int:
        """How many records wait for their answer."""
        return len(self._in_flight)

    @property
    def is_full(self) -> bool:
        """Whether to wait before sending more."""
        return len(self._in_flight) >= MAX_IN_FLIGHT

    def send(self, item: Item) -> None:
        """Hand a record to the client; its key is the facility, so each plant keeps its order."""
        counts = self.counts
        if isinstance(item, Reading):
            value: bytes | None = item.to_json()
            co2_g = grams(item.co2_kg)
            counts.emitted += 1
            counts.emitted_g += co2_g
        else:
            value, co2_g = item.value, BAD
            counts.bad += 1
        key, partition = self._routes.get(item.facility_id) or self._route(item.facility_id)
        timestamp_ms = time.time_ns() // 1_000_000 if self._stamp_now else item.timestamp_ms
        try:
            future = self._client.send(
                self._topic, value, key=key, partition=partition, timestamp_ms=timestamp_ms
            )
        except kafka_errors.KafkaTimeoutError as error:
            self._count_lost(error, co2_g, certain=True)
            raise self._gone() from error
        except kafka_errors.KafkaError as error:  # it never left: too large, say
            self._count_lost(error, co2_g, certain=True)
        else:
            self._in_flight.append((future, co2_g))

    def _route(self, facility_id: str) -> tuple[bytes, int]:
        """Work out a key's partition once: hashing it in Python takes longer than the rest."""
        if len(self._routes) > 100_000:  # a replay may bring any number of facilities
            self._routes.clear()
        key = facility_id.encode()
        partition = partition_for(key, self._num_partitions or self.refresh())
        self._routes[facility_id] = (key, partition)
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

    def _settle(self, future: Any, co2_g: int) -> None:
        """Count one record by its answer."""
        if future.exception is not None:
            self._count_lost(future.exception, co2_g, _is_certain(future.exception))
        elif co2_g == BAD:
            self.counts.bad_acked += 1
        else:
            self.counts.acked += 1
            self.counts.acked_g += co2_g

    def _count_lost(self, error: Exception, co2_g: int, certain: bool) -> None:
        self.last_error = f"{type(error).__name__}: {error}"
        if co2_g == BAD:
            return
        if certain:
            self.counts.failed += 1
            self.counts.failed_g += co2_g
        else:
            self.counts.unknown += 1
            self.counts.unknown_g += co2_g

    def drain(self, timeout_s: float) -> None:
        """Wait for all answers; what has none by then is unknown."""
        deadline = time.monotonic() + timeout_s
        self.reap()
        while self._in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
            self.reap()
        silence = kafka_errors.KafkaTimeoutError("no answer before the producer was stopped")
        for future, co2_g in self._in_flight:
            if future.is_done:
                self._settle(future, co2_g)
            else:
                self._count_lost(silence, co2_g, certain=False)
        self._in_flight.clear()


def _is_certain(error: Exception) -> bool:
    """Tell whether the record is surely not in the log: a broker refused it, in so many words."""
    refused = isinstance(error, kafka_errors.BrokerResponseError)
    return refused and not isinstance(error, _STILL_UNKNOWN)


def close_client(client: KafkaProducer, timeout_s: float) -> None:
    """Close a client in about ``timeout_s``, whether or not the brokers still answer.

    Where records stay unanswered, kafka-python's own ``close(timeout)`` raises and leaves thread
    and connections open. Then its sender is told to give the records up, which is what a timeout
    was to mean.
    """
    try:
        client.close(timeout=timeout_s)
    except kafka_errors.KafkaTimeoutError:
        client._sender.force_close()
        client.close(timeout=timeout_s)
