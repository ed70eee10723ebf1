"""Readings become records: at a rate, with every one of them accounted for.

`start_producer` runs in a thread; the loop itself is in ``producer_loop``. What it does for each
record is what you would do with kafka-python by hand::

    producer = KafkaProducer(bootstrap_servers=..., acks="all", enable_idempotence=True)
    future = producer.send("co2-emissions", key=b"PL-COAL-001", value=reading.to_json())
    future.get(timeout=10)      # raises if the brokers did not take it

except that it does not wait for one answer before it sends the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from labkit import worker
from labkit.config import load_config
from labkit.outbox import Outbox
from labkit.pace import Item, Pace
from labkit.producer_loop import fleet_source, produce, replay_source
from labkit.tally import Counts
from labkit.topics import describe_topic


class Producer(worker.ThreadWorker):
    """A producer at work in a thread; see `start_producer`."""

    def __init__(
        self,
        topic: str,
        source: Iterator[Item | float],
        pace: Pace | None,
        count: int | None,
        name: str,
    ) -> None:
        self.topic = topic
        self._pace = pace
        self._outbox: Outbox | None = None

        def run(stop: threading.Event) -> None:
            produce(
                topic,
                source,
                stop,
                count=count,
                name=name,
                stamp_now=pace is None,
                report=self._note,
            )

        super().__init__(name, run)

    def _note(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @property
    def counts(self) -> Counts:
        """Records and grams so far: emitted, acked, failed, unknown, bad."""
        return self._outbox.counts if self._outbox else Counts()

    @property
    def readings_per_s(self) -> float:
        """The rate asked for; 0: as fast as it goes. Set it, and the running producer follows."""
        return self._pace.readings_per_s if self._pace else 0.0

    @readings_per_s.setter
    def readings_per_s(self, rate: float) -> None:
        if self._pace is None:
            raise ValueError("a replay runs at the speed of its file; start it with speed=")
        self._pace.readings_per_s = rate

    def __repr__(self) -> str:
        counts, rate = self.counts, "a replay"
        if self._pace is not None:
            rate = f"{self.readings_per_s:g} readings/s" if self.readings_per_s else "flat out"
        parts = [f"{counts.acked:,} acked of {counts.emitted:,} emitted"]
        rarer = {"failed": counts.failed, "unknown": counts.unknown, "bad on purpose": counts.bad}
        parts += [f"{number:,} {what}" for what, number in rarer.items() if number]
        if self._outbox is not None and self._outbox.last_error:
            parts.append(f"last error: {self._outbox.last_error}")
        return f"<Producer → {self.topic}, {rate}: {self.state}; {', '.join(parts)}>"


def start_producer(
    topic: str | None = None,
    readings_per_s: float | None = 20,
    seed: int = 7,
    *,
    count: int | None = None,
    faults: float = 0.0,
    replay: str | Path | None = None,
    speed: float = 1.0,
    name: str = "producer",
) -> Producer:
    """Send readings to a topic from the background, and return at once.

    Kafka appends each record to one of the topic's partitions, chosen by its key, the facility:
    so the readings of one plant stay in order. Under a name that runs already, that producer is
    stopped first.

    Parameters
    ----------
    topic : str, optional
        An existing topic; None: the lab's.
    readings_per_s : float or None
        Rate of the whole fleet; 0 or None: as fast as it goes.
    seed : int
        Same seed, same plants.
    count : int, optional
        Stop after so many records.
    faults : float
        Share of records to spoil on purpose, such as 0.006.
    replay : path, optional
        Send a CSV of your own instead; see `Replay` for its columns.
    speed : float
        Of a replay: 1 as it was recorded, 3600 an hour in a second, 0 as fast as it goes.
    name : str
        Its name among the running things.

    Returns
    -------
    Producer
        With ``counts``, a ``readings_per_s`` that may be set, ``stop()`` and ``wait()``.

    Raises
    ------
    TopicNotFound, BrokerUnavailable, ReplayError
        Before anything is sent.

    See: Kafka documentation, section 4.4 "The Producer", and KIP-98 for idempotence.
    """
    topic = topic or load_config().topic
    describe_topic(topic)  # raises here, in the caller's cell, not later in a thread
    if replay is not None:
        pace, source = None, replay_source(replay, speed, seed)
    else:
        pace = Pace(readings_per_s, time.monotonic())
        source = fleet_source(pace, seed, faults)
    worker.replace(name)
    producer = Producer(topic, source, pace, count, name)
    worker.register(producer)
    return producer
