"""A producer client without a broker, for unit tests of the delivery."""

from __future__ import annotations

from types import SimpleNamespace

from kafka import TopicPartition
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata


class Client:
    """Keeps what is sent, and acknowledges it when told to."""

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

    def append(self, topic, records):
        """Take one record of two, as a batch does that is full after it."""
        return [
            self.send(topic, one.value, one.key, one.partition, one.timestamp_ms, [])
            for one in list(records)[:1]
        ]

    def metrics(self) -> dict[str, dict[str, float]]:
        names = ("byte-rate", "batch-size-avg", "compression-rate-avg", "records-per-request-avg")
        return {"producer-metrics": dict.fromkeys(names, 0.0)}

    def answer(self, number: int, error: Exception | None) -> None:
        batch = self.sent[number].batch
        if error is None:
            batch.success((number, -1, None))
        else:
            batch.failure(error)
