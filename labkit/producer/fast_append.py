"""What the lab has of its own in kafka-python's producer: a short way to send, and a way to end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from kafka import KafkaProducer, TopicPartition
from kafka import errors as kafka_errors


class Ready(NamedTuple):
    """A record that is ready to be sent, and what to remember of it until its answer comes."""

    number: int  # in this run, from 1
    partition: int
    co2_g: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


_NO_HEADERS: list[tuple[str, bytes]] = []
ROUTINE_BYTES = 16_384
"""Up to this size a record surely fits into a request; kafka-python measures each one exactly."""


class DirectProducer(KafkaProducer):  # type: ignore[misc]  # kafka-python has no types
    """A producer that can put ready bytes straight into the batch of their partition.

    On its way there, `KafkaProducer.send` looks for serializers, asks the partitioner, checks types
    and measures the record, and all that takes longer than to append it. Where the caller has done
    so for many records already, they need only be appended.
    """

    def append(self, topic: str, records: Sequence[Ready]) -> list[Any]:
        """Append records of one partition to the batch that is being filled, as far as they go.

        Parameters
        ----------
        topic : str
            A topic that the client knows.
        records : sequence of Ready
            In their order, all of the first one's partition.

        Returns
        -------
        list of FutureRecordMetadata
            Of the first records; fewer than there are, or none, where the next one wants a new
            batch or is out of the ordinary. `send` can do both.
        """
        place = TopicPartition(topic, records[0].partition)
        futures: list[Any] = []
        if self._closed or place.partition not in (
            self._metadata.partitions_for_topic(topic) or ()
        ):
            return futures
        now = time.monotonic()
        with self._accumulator._tp_lock(place):
            batches = self._accumulator._batches[place]
            if not batches:
                return futures
            append, is_full = batches[-1].try_append, batches[-1].records.is_full
            for _number, _partition, _co2_g, key, value, timestamp_ms in records:
                if not value or not key or len(key) + len(value) > ROUTINE_BYTES:
                    break
                future = append(timestamp_ms, key, value, _NO_HEADERS, now)
                if future is None:
                    break
                futures.append(future)
            wake = is_full()
        if wake:
            self._sender.wakeup()
        return futures


class ClientMetrics(NamedTuple):
    """What kafka-python measures of a producer; a mean is 0 where nothing was sent lately."""

    bytes_per_s: float
    batch_bytes: float
    """Mean size of a batch, as it is sent: compressed."""
    compression_ratio: float
    """Mean of compressed size by uncompressed size: 1 without compression."""
    records_per_request: float


def read_metrics(client: KafkaProducer) -> ClientMetrics:
    """Return what the client has measured of its requests in its last 10 to 20 seconds."""
    found = client.metrics()["producer-metrics"]
    return ClientMetrics(
        bytes_per_s=found["byte-rate"],
        batch_bytes=found["batch-size-avg"],
        compression_ratio=found["compression-rate-avg"],
        records_per_request=found["records-per-request-avg"],
    )


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
