"""kafka-python's producer as the lab uses it: its settings, its measurements, and how it ends.

Everything in this package that touches a private part of kafka-python (an attribute with an
underscore) is in this file, beside the upstream problem that makes it necessary. Written for
kafka-python 3.0.12; check each one when the client is upgraded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.producer.transaction_manager import TransactionState

# The client may send a record again if an answer is lost. Idempotence lets the broker recognise
# it; that needs acks="all". Passed explicitly, a contradiction raises.
RELIABLE: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 20,  # a short wait makes batches, and batches make speed
    "batch_size": 128 * 1024,
    "max_block_ms": 3_000,  # for an unknown topic
    "request_timeout_ms": 10_000,
    "metrics_sample_window_ms": 10_000,  # so that means follow within seconds; default: 30 s
    "delivery_timeout_ms": 60_000,  # then a record is unknown: long enough for a broker's restart
}

_NO_HEADERS: list[tuple[str, bytes]] = []


class ClientMetrics(NamedTuple):
    """What kafka-python measures of a producer; a mean is 0 if nothing was sent lately."""

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

    Upstream: #3108 ended the stall of ``close(timeout)``, but with unanswered records it raises,
    and leaves the thread and the connections open. Then its sender is told to give the records up.
    """
    try:
        client.close(timeout=timeout_s)
    except kafka_errors.KafkaTimeoutError:
        client._sender.force_close()
        client.close(timeout=timeout_s)


class ClientGaveUp(kafka_errors.KafkaError):  # type: ignore[misc]  # kafka-python has no types
    """What the client says of all other records after a broker has refused one for good."""


def tell_refused_from_given_up(client: KafkaProducer) -> None:
    """Give the records that the client gives up an error other than that of the refused one.

    Upstream: an idempotent client sends nothing more after one batch that a broker refuses, and
    fails all other records with that batch's error, also those on their way to other brokers,
    which may arrive. (Its comment says "just fail the batch without any state reset".)
    """
    manager = client._transaction_manager
    if manager is None:  # not idempotent, so it goes on
        return
    give_up = manager.transition_to_fatal_error

    def renamed(error: Exception) -> None:
        # A plain KafkaError has its reason in its text, such as that no ACL allows to write.
        why = str(error) if type(error) is kafka_errors.KafkaError else type(error).__name__
        give_up(ClientGaveUp(f"the client sends no more, after {why}"))

    manager.transition_to_fatal_error = renamed


def has_given_up(client: KafkaProducer) -> bool:
    """Tell whether the client will send nothing more; see `tell_refused_from_given_up`.

    Upstream: an idempotent client drops its producer id when a batch expires that it had sent
    before (a broker was gone for longer than ``delivery_timeout_ms``). It asks for another id only
    while it is not initialized, which it is by then. So it waits for ever.
    """
    manager = client._transaction_manager
    if manager is None:
        return False
    is_ready = manager._current_state is TransactionState.READY
    return bool(manager.has_fatal_error()) or (is_ready and not manager.has_producer_id())


def random_partition(client: KafkaProducer, topic: str) -> int | None:
    """Return a partition for a record without a key, chosen by the client, at random.

    The lab asks before it sends, so that the delivery log can say where the record goes. None:
    the client does not know the topic.

    Upstream: the client has no public way to ask its partitioner.
    """
    partition: int | None = client._partition(topic, None, None, None, None, None)
    return partition


def append_to_open_batch(
    client: KafkaProducer, topic: str, partition: int, key: bytes, value: bytes, timestamp_ms: int
) -> Any:
    """Append a record to the batch that is being filled; see `labkit.producer.optional_fast_send`.

    Returns its future, or None if there is no such batch, or no more room in it. Then `send` opens
    another one, and wakes the sender for the full one.

    Upstream: `KafkaProducer.send` is the only public way, and does much more for each record.
    """
    if client._closed or partition not in (client._metadata.partitions_for_topic(topic) or ()):
        return None
    place = (topic, partition)  # equal to the TopicPartition, and made in half the time
    batches = client._accumulator._batches.get(place)
    if not batches:
        return None
    with client._accumulator._tp_lock(place):
        return batches[-1].try_append(timestamp_ms, key, value, _NO_HEADERS) if batches else None
