"""`start_producer`: send readings from a thread, at a rate, with each one accounted for.

The loop itself is in `labkit.producer.send_loop`. For each record it does what you would do with
kafka-python by hand::

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

from labkit.broker.record_codecs import CompressionType
from labkit.core import background_workers
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.terminal_text import visible
from labkit.producer.delivery_reports import DeliveryTracker
from labkit.producer.producer_client import ClientMetrics
from labkit.producer.producer_options import Acks, KeyField, ProducerOptions
from labkit.producer.replay_position import ReplayPosition
from labkit.producer.send_loop import fleet_source, produce
from labkit.producer.sent_counts import SentCounts
from labkit.readings.pacing import Item, Pace, at_speed
from labkit.readings.replay import Replay
from labkit.readings.simulated_clock import SimulatedClock
from labkit.topics.topics import describe_topic


class Producer(background_workers.ThreadWorker):
    """A producer that runs in a thread; see `start_producer`."""

    def __init__(
        self,
        topic: str,
        source: Iterator[Item | float],
        pace: Pace | None,
        count: int | None,
        name: str,
        options: ProducerOptions | None = None,
        position: ReplayPosition | None = None,
        clock: SimulatedClock | None = None,
    ) -> None:
        self.topic = topic
        self.position = position
        self.clock = clock or SimulatedClock()
        self.options = options or ProducerOptions()
        self._pace = pace
        self._tracker: DeliveryTracker | None = None

        def run(stop: threading.Event) -> None:
            try:
                produce(
                    topic,
                    source,
                    stop,
                    count=count,
                    name=name,
                    # Kafka deletes by a record's time, and readings of the past would be old.
                    stamp_now=pace is None or self.clock.speed > 1,
                    options=self.options,
                    report=self._note,
                    clock=self.clock,
                )
            finally:
                if position is not None:
                    position.close()

        super().__init__(name, run)

    def __setattr__(self, name: str, value: object) -> None:
        # A misspelt setting would be taken without a word, and change nothing.
        if "_thread" in vars(self) and not hasattr(self, name):
            msg = f"a producer has no {name!r}; while it runs you can set readings_per_s"
            raise AttributeError(msg)
        super().__setattr__(name, value)

    def _note(self, tracker: DeliveryTracker) -> None:
        self._tracker = tracker
        if self.position is not None:
            self.position.note(tracker)

    @property
    def counts(self) -> SentCounts:
        """Records and grams so far: emitted, acked, failed, unknown, bad."""
        return self._tracker.counts if self._tracker else SentCounts()

    @property
    def metrics(self) -> ClientMetrics | None:
        """What kafka-python measures: bytes per second, mean batch, compression; None at first."""
        return self._tracker.metrics if self._tracker else None

    @property
    def last_error(self) -> str:
        """Why the latest record failed, or has no answer; empty if none did."""
        return self._tracker.last_error if self._tracker else ""

    @property
    def readings_per_s(self) -> float:
        """The requested rate; 0: as fast as possible. Set it to change the running producer."""
        return self._pace.readings_per_s if self._pace else 0.0

    @readings_per_s.setter
    def readings_per_s(self, rate: float) -> None:
        if self._pace is None:
            raise ValueError("a replay runs at the speed of its file; start it with speed=")
        self._pace.readings_per_s = rate

    def __repr__(self) -> str:
        counts, rate, options = self.counts, "a replay", self.options.in_words
        if self.position is not None:
            rate += f" with {self.position.left:,} readings left to send"
        if self._pace is not None:
            rate = f"{self.readings_per_s:g} readings/s" if self.readings_per_s else "flat out"
        rate += f", {self.clock}" if self.clock.speed > 1 else ""
        rate += f", {options}" if options else ""
        parts = [f"{counts.acked:,} acked of {counts.emitted:,} emitted"]
        if not self.options.asks_for_acks:
            parts = [f"{counts.emitted:,} emitted, and nobody asked to acknowledge them"]
        unanswered = counts.unknown - counts.unasked
        rarer = {"failed": counts.failed, "unknown": unanswered, "bad on purpose": counts.bad}
        parts += [f"{number:,} {what}" for what, number in rarer.items() if number]
        if self.last_error:
            parts.append(f"last error: {self.last_error}")
        return f"<Producer → {self.topic}, {rate}: {self.state}; {', '.join(parts)}>"


def start_producer(
    topic: str | None = None,
    readings_per_s: float | None = 20,
    seed: int = 7,
    *,
    count: int | None = None,
    faults: float = 0.0,
    clock: float | None = None,
    replay: str | Path | Replay | None = None,
    speed: float = 1.0,
    again: bool = False,
    key: KeyField | None = "facility_id",
    acks: Acks = "all",
    linger_ms: int | None = None,
    batch_size: int | None = None,
    compression_type: CompressionType | None = None,
    name: str = "producer",
) -> Producer:
    """Send readings to a topic from the background, and return at once.

    Kafka appends each record to one of the topic's partitions, chosen by its key, the facility:
    so the readings of one plant stay in order. A producer that runs under this name is stopped
    first. The last five options are kafka-python's own settings, under its names.

    Parameters
    ----------
    topic : str, optional
        An existing topic; None: the lab's.
    readings_per_s : float or None
        Rate of the whole fleet; 0 or None: as fast as possible.
    seed : int
        Same seed, same plants.
    count : int, optional
        Stop after this many records.
    faults : float
        Share of deliberately malformed records, such as 0.006.
    clock : float, optional
        How many times as fast as real time the plants live: with 144 a day takes ten minutes.
        ``recorded_at`` and ``interval_s`` are this simulated time. It begins in the past, lasts
        for 5 hours, and goes on in real time once it has reached the present. In a topic that
        holds readings it begins where they end. None: real time.
    replay : path or Replay, optional
        Send a table of your own instead, from where it stopped the last time. A `Replay` takes
        answers to what the table leaves open. What was understood of a path is printed.
    speed : float
        Of a replay: 1 as it was recorded, 3600 an hour in a second, 0 as fast as possible.
    again : bool
        Of a replay: send all of it once more.
    key : {'facility_id', 'sector', 'country'} or None
        Which field of the reading is the record's key. One key, one partition: few keys may leave
        a partition empty, and None (no key) spreads records at random, without any order.
    acks : {'all', 1, 0}
        Who has to have a record before it counts as acked: every replica in sync, the leader
        alone, or nobody. With 1, a record is lost if its leader dies before a follower has copied
        it, and one that is sent again may be there twice. With 0, no broker answers at all:
        ``counts.acked`` stays 0, every record is ``unknown``, and the ledger leaves acked out.
    linger_ms : int, optional
        How long a record may wait for others to share its request; None: 20.
    batch_size : int, optional
        Bytes of one partition that make a batch full, and send it at once; None: 131,072.
    compression_type : {'gzip', 'snappy', 'lz4', 'zstd'} or None
        How each batch is compressed; consumers decompress it by themselves.
    name : str
        Its name in the lab.

    Returns
    -------
    Producer
        With ``counts``, ``metrics``, a ``readings_per_s`` that may be set, ``stop()``, ``wait()``.

    Raises
    ------
    TopicNotFound, BrokerUnavailable, ReplayError
        Before anything is sent.
    LabError
        An option is not possible, or its codec is not installed.

    See: Kafka documentation, section 4.4 "The Producer" and "Producer Configs"; KIP-98 for
    idempotence; KIP-679 for ``acks="all"`` as the default.
    """
    options = ProducerOptions(key, acks, linger_ms, batch_size, compression_type)
    topic = topic or load_config().topic
    describe_topic(topic)  # raises here, in the caller's cell, not later in a thread
    if replay is not None:
        if clock is not None:
            raise LabError("clock is for the simulated plants; a replay has a speed.", "speed=144")
        table = replay if isinstance(replay, Replay) else Replay(replay, seed)
        table.refuse_bad_rows()
        background_workers.replace(name)  # it may be sending the same table
        position = ReplayPosition(table, topic, again=again)
        if table is not replay:  # who made the Replay has seen what it understood
            print(visible(f"{table.report()}\n{position.told}".strip()))  # noqa: T201
        source = at_speed(position.readings(), speed)
        producer = Producer(topic, source, None, count, name, options, position)
    else:
        pace = Pace(readings_per_s, time.monotonic())
        time_there = SimulatedClock(clock)
        source = fleet_source(pace, seed, faults, topic=topic, clock=time_there)
        background_workers.replace(name)
        producer = Producer(topic, source, pace, count, name, options, clock=time_there)
    background_workers.register(producer)
    return producer
