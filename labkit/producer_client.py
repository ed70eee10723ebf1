"""What the lab asks of kafka-python's producer beside sending: its own measurements, and to end."""

from __future__ import annotations

from typing import NamedTuple

from kafka import KafkaProducer
from kafka import errors as kafka_errors


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
