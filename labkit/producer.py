"""Readings become records: at a rate, with every one of them accounted for.

`start_producer` runs in a thread, for a notebook; `produce` is the loop itself, for the command
line. What it does for each record is what you would do with kafka-python by hand::

    producer = KafkaProducer(bootstrap_servers=..., acks="all", enable_idempotence=True)
    future = producer.send("co2-emissions", key=b"PL-COAL-001", value=reading.to_json())
    future.get(timeout=10)      # raises if the brokers did not take it

except that it does not wait for one answer before it sends the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labkit import connection, worker
from labkit.config import load_config
from labkit.fleet import Fleet
from labkit.outbox import Outbox, close_client
from labkit.pace import Item, Pace, at_rate, at_speed
from labkit.replay import Replay
from labkit.state import RunFile
from labkit.tally import Counts, Tally
from labkit.topics import describe_topic

REPORT_S = 1.0  # how often tally and run file are written
MIN_PAUSE_S = 0.005  # shorter sleeps cost more than they give
MAX_PAUSE_S = 0.1  # so that stop, a new rate and answers are soon noticed
DRAIN_S = 8.0  # how long the last records may take to be acknowledged
CLOSE_S = 2.0

# Records may be sent again behind our back when an answer is lost. Idempotence makes the broker
# recognise them; it is only possible with acks="all". Passed explicitly, a contradiction raises.
RELIABLE: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 20,  # a little patience makes batches, and batches make speed
    "batch_size": 128 * 1024,
    "max_block_ms": 3_000,  # for a topic that nobody knows
    "request_timeout_ms": 10_000,
    "delivery_timeout_ms": 60_000,  # then a record is unknown: long enough for a broker's restart
}


def produce(
    topic: str,
    source: Iterator[Item | float],
    stop: threading.Event,
    *,
    count: int | None = None,
    name: str = "producer",
    stamp_now: bool = False,
    report: Callable[[Outbox], None] | None = None,
) -> Counts:
    """Send readings to a topic until the source ends, ``count`` is reached, or ``stop`` is set.

    Parameters
    ----------
    topic : str
        An existing topic.
    source : iterator of Reading, BadRecord or float
        What to send, paced: a float is a pause in seconds. See `fleet_source`, `replay_source`.
    stop : threading.Event
        Ends the loop; records in flight are still awaited, for 8 s.
    count : int, optional
        How many records to send, bad ones included; None: no end.
    stamp_now : bool
        See `Outbox`.
    report : callable, optional
        Called about once a second, and at the end.

    Returns
    -------
    Counts
        Every record that was sent is acked, failed or unknown.

    Raises
    ------
    TopicNotFound
        The topic is not on this cluster: in this lab, topics are made on purpose.
    BrokerUnavailable
        No broker answers.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be 1 or more, not {count}")
    tally = Tally(topic, describe_topic(topic).topic_id, name)
    client = connection.producer(**RELIABLE)
    outbox = Outbox(client, topic, stamp_now=stamp_now)
    run_file = RunFile("producer", name, topic=topic)
    due = 0.0

    def account(state: str) -> None:
        tally.write(outbox.counts, state)
        run_file.update(emitted=outbox.counts.emitted, acked=outbox.counts.acked)
        if report is not None:
            report(outbox)

    try:
        for item in source:
            if not isinstance(item, float):
                outbox.send(item)
                if outbox.counts.records == count:
                    break
                continue
            _pause(outbox, item, stop)
            if stop.is_set():
                break
            if time.monotonic() >= due:
                due = time.monotonic() + REPORT_S
                outbox.refresh()
                account("running")
    finally:
        outbox.drain(DRAIN_S)
        close_client(client, CLOSE_S)
        account("ended")
        run_file.remove()
    return outbox.counts


def _pause(outbox: Outbox, wait_s: float, stop: threading.Event) -> None:
    """Use a pause of the source to look at the answers; make it longer where too many are out."""
    outbox.reap()
    if wait_s > 0:
        stop.wait(min(max(wait_s, MIN_PAUSE_S), MAX_PAUSE_S))
        outbox.reap()
    while outbox.is_full and not stop.is_set():
        stop.wait(MIN_PAUSE_S)
        outbox.reap()


def fleet_source(
    pace: Pace, seed: int = 7, faults: float = 0.0, fleet_size: int = 24
) -> Iterator[Item | float]:
    """Return the readings of a fleet as they happen now, at a pace."""
    return at_rate(Fleet(seed, fleet_size).readings_now(faults), pace)


def replay_source(path: str | Path, speed: float = 1.0, seed: int = 7) -> Iterator[Item | float]:
    """Return the readings of a user's own CSV, as far apart as they were recorded."""
    return at_speed(Replay(path, seed).readings(), speed)


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
