"""A producer client without a broker, for unit tests of the delivery."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata

from labkit.producer.delivery_reports import DeliveryTracker


class Client:
    """Keeps what is sent, and acknowledges it when told to."""

    _transaction_manager = None  # a client that is not idempotent never gives up

    def __init__(self, partitions: int = 3) -> None:
        self.partitions = partitions
        self.sent: list[SimpleNamespace] = []

    def partitions_for(self, _topic: str) -> set[int]:
        return set(range(self.partitions))

    def send(self, topic, value, key, partition, timestamp_ms, headers):
        batch = FutureProduceResult(TopicPartition(topic, partition))
        future = FutureRecordMetadata(batch, 0, timestamp_ms, None, 0, 0, 0)
        self.sent.append(SimpleNamespace(**locals()))
        return future

    def metrics(self) -> dict[str, dict[str, float]]:
        names = ("byte-rate", "batch-size-avg", "compression-rate-avg", "records-per-request-avg")
        return {"producer-metrics": dict.fromkeys(names, 0.0)}

    def answer(self, number: int, error: Exception | None) -> None:
        batch = self.sent[number].batch
        if error is None:
            batch.success((number, -1, None))
        else:
            batch.failure(error)


def send(tracker: DeliveryTracker, client: Any, *items: Any) -> None:
    """Send items as `labkit.producer.send_loop.produce` does."""
    for record in tracker.prepare(items):
        try:
            future = client.send(
                "t",
                record.value,
                key=record.key,
                headers=record.headers,
                partition=record.partition,
                timestamp_ms=record.timestamp_ms,
            )
        except KafkaError as error:
            tracker.not_sent(record, error)
        else:
            tracker.sent(record, future)
