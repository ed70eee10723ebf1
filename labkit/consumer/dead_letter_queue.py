"""The dead-letter queue: records that are not readings, so that nothing is lost or stuck.

A dead letter is the record as it was (key, value, timestamp, headers) with more headers, which
give its place and what is wrong with it. Their names are Kafka Connect's, so that tools know them.
The CSV moves past the record only after the broker has acknowledged its dead letter. The other
partitions do not wait for that: a separate thread waits for a queue that does not answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from labkit.broker.denied_access import denied_access
from labkit.broker.kafka_clients import producer
from labkit.core.config import dead_letter_topic
from labkit.core.errors import LabError, TopicNotFound
from labkit.topics.topics import describe_topic, ensure_topic

ERRORS = "__connect.errors."
VALUE_KEPT = "labkit.value.kept"
HEADROOM_BYTES = 64 * 1024  # for the headers, on top of the largest record of the topic itself
DEFAULT_MAX_MESSAGE_BYTES = 1_048_588  # Kafka's own default of max.message.bytes
ACK_TIMEOUT_MS = 10_000  # whole numbers: the client packs them into its requests
PATIENCE_S = 2.0  # how long the consumer's loop itself waits for a healthy queue
CLOSE_TIMEOUT_S = 2.0
REASON_CHARACTERS = 1_000


# Part of the format of a dead letter: these names stay although the modules have moved.
CLASS_NAME = "labkit.readings.Reading"
ERRORS_MODULE = "labkit.errors"

Place = tuple[int, int]  # a record's partition and offset


class DeadLetter(NamedTuple):
    """A record that is not a reading, and why."""

    record: Any
    error: Exception  # a BadReading, or any other error that it caused

    @property
    def place(self) -> Place:
        """Its partition and offset."""
        return self.record.partition, self.record.offset

    @property
    def reason(self) -> str:
        """What is wrong with it, in one line of bounded length."""
        return _said(self.error)[:REASON_CHARACTERS]


class DeadLetterQueue:
    """Sends the bad records of one topic to ``<topic>.dlq``, which is created when first needed.

    Parameters
    ----------
    topic : str
        The topic that the records come from.
    group_id : str
        The consumer group that refused them.

    See: KIP-298 (error handling in Connect); Connect's ``DeadLetterQueueReporter``.
    """

    def __init__(self, topic: str, group_id: str) -> None:
        self.topic = topic
        self.name = dead_letter_topic(topic)
        self._group_id = group_id
        self._producer: KafkaProducer | None = None
        self._max_bytes = 0
        # Acknowledged, but not yet marked in the CSV: a second try must not send them again.
        self._delivered: set[Place] = set()
        self._undelivered: dict[Place, str] = {}  # what the last try could not deliver, and why
        self._sending: _Sending | None = None

    def deliver(self, letters: Sequence[DeadLetter]) -> dict[Place, str]:
        """Send dead letters, and wait up to two seconds for their acknowledgements.

        A thread sends them, one call at a time: it may wait ten seconds for a queue that is gone,
        and only the partitions with a bad record have to wait for it. Call again later with the
        same letters: what was acknowledged in the meantime is not sent twice.

        Returns
        -------
        dict
            Why a letter was not delivered, by ``(partition, offset)``; empty if all were.
        """
        is_well = not self._undelivered
        deadline = time.monotonic() + PATIENCE_S
        if self._sending is None:
            self._start_sending(letters)
        while self._sending is not None:
            self._sending.join(max(0.0, deadline - time.monotonic()) if is_well else 0.0)
            if self._sending.is_alive():
                break
            self._delivered |= self._sending.delivered
            self._undelivered = self._sending.undelivered
            self._sending = None
            if is_well and not self._undelivered:
                self._start_sending(letters)  # those that came while the others were being sent
        late = f"{self.name} has not acknowledged it yet"
        return {
            one.place: self._undelivered.get(one.place, late)
            for one in letters
            if one.place not in self._delivered
        }

    def _start_sending(self, letters: Sequence[DeadLetter]) -> None:
        new = [letter for letter in letters if letter.place not in self._delivered]
        if new:
            self._sending = _Sending(self._send_all, new)
            self._sending.start()

    def _send_all(self, letters: Sequence[DeadLetter]) -> dict[Place, str]:
        """Return why letters could not be sent; called in the thread."""
        try:
            undelivered = self._try_all(letters)
        except Exception as error:  # any error means that the letters are not delivered
            undelivered = {letter.place: f"{self.name}: {_said(error)}" for letter in letters}
        if undelivered:
            self._disconnect()  # the next try asks again whether the queue exists
        return undelivered

    def _try_all(self, letters: Sequence[DeadLetter]) -> dict[Place, str]:
        try:
            client = self._connect()
        except (KafkaError, LabError) as error:
            why = f"the dead-letter queue {self.name} cannot be used: {_said(error)}"
            return {letter.place: why for letter in letters}
        undelivered, sent = {}, {}
        for letter in letters:
            try:
                sent[letter.place] = self._send(client, letter)
            except KafkaError as error:
                undelivered[letter.place] = f"{self.name} cannot take it: {_said(error)}"
        deadline = time.monotonic() + ACK_TIMEOUT_MS / 1000
        for place, future in sent.items():
            try:
                future.get(timeout=max(0.05, deadline - time.monotonic()))
            except KafkaError as error:
                undelivered[place] = f"{self.name} did not acknowledge it: {_said(error)}"
        return undelivered

    def forget_below(self, partition: int, offset: int) -> None:
        """Record that the CSV of a partition has moved on to this offset."""
        if self._delivered:
            self._delivered = {
                place for place in self._delivered if place[0] != partition or place[1] >= offset
            }

    def close(self) -> None:
        """Close the connection, unless a thread still uses it: that ends with the process."""
        if self._sending is not None:
            self._sending.join(CLOSE_TIMEOUT_S)
            if self._sending.is_alive():
                return
        self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _disconnect(self) -> None:
        client, self._producer = self._producer, None
        if client is not None:
            client.close(timeout=CLOSE_TIMEOUT_S)

    def _connect(self) -> KafkaProducer:
        if self._producer is None:
            config = describe_topic(self.topic).config
            largest = int(config.get("max.message.bytes", DEFAULT_MAX_MESSAGE_BYTES))
            try:
                queue = describe_topic(self.name)
            except TopicNotFound:
                room = {"max.message.bytes": largest + HEADROOM_BYTES}
                queue = ensure_topic(self.name, config=room)
            self._max_bytes = int(queue.config.get("max.message.bytes", DEFAULT_MAX_MESSAGE_BYTES))
            self._producer = producer(
                acks="all",
                enable_idempotence=True,
                max_request_size=self._max_bytes,
                max_block_ms=ACK_TIMEOUT_MS,
                request_timeout_ms=ACK_TIMEOUT_MS // 2,
                delivery_timeout_ms=ACK_TIMEOUT_MS,
            )
        return self._producer

    def _send(self, client: KafkaProducer, letter: DeadLetter) -> Any:
        record = letter.record
        value, note = self._fitting(record)
        headers = [(name, content or b"") for name, content in record.headers]
        return client.send(
            self.name,
            value=value,
            key=record.key,
            timestamp_ms=record.timestamp if record.timestamp >= 0 else None,
            headers=headers + self._context(letter) + note,
        )

    def _fitting(self, record: Any) -> tuple[bytes | None, list[tuple[str, bytes]]]:
        """Return the value, cut only if the queue could never take it, and a header if so.

        A compressed record can be far larger than the limit once it is unpacked. Its beginning
        says enough, and its place leads back to the whole record.
        """
        value = record.value
        if value is None and record.key is None:  # the client refuses to send nothing at all
            return b"", [(VALUE_KEPT, b"null")]
        others = len(record.key or b"") + sum(
            len(name) + len(content or b"") for name, content in record.headers
        )
        room = max(0, self._max_bytes - HEADROOM_BYTES // 2 - others)
        if value is None or len(value) <= room:
            return value, []
        return value[:room], [(VALUE_KEPT, f"{room} of {len(value)} bytes".encode())]

    def _context(self, letter: DeadLetter) -> list[tuple[str, bytes]]:
        record, error = letter
        context = {
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "connector.name": self._group_id,
            "stage": "VALUE_CONVERTER",
            "class.name": CLASS_NAME,
            "exception.class.name": _exception_class(error),
            "exception.message": letter.reason,
        }
        return [(ERRORS + name, text.encode(errors="replace")) for name, text in context.items()]


def _exception_class(error: Exception) -> str:
    module = ERRORS_MODULE if isinstance(error, LabError) else type(error).__module__
    return f"{module}.{type(error).__qualname__}"


class _Sending(threading.Thread):
    """A thread that sends dead letters, and keeps the outcome."""

    def __init__(
        self,
        send: Callable[[Sequence[DeadLetter]], dict[Place, str]],
        letters: Sequence[DeadLetter],
    ) -> None:
        super().__init__(name="dead-letters", daemon=True)
        self._send, self._letters = send, letters
        self.delivered: set[Place] = set()
        self.undelivered: dict[Place, str] = {}

    def run(self) -> None:
        self.undelivered = self._send(self._letters)
        self.delivered = {one.place for one in self._letters} - self.undelivered.keys()


def _said(error: Exception) -> str:
    error = denied_access(error, "Write") or error
    return error.what if isinstance(error, LabError) else f"{type(error).__name__} {error}".strip()
