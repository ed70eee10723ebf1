"""The producer's loop: take what is due, send it, look at the answers; over and over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labkit.broker import kafka_clients
from labkit.core.errors import LabError
from labkit.core.processes import fewer_gc_runs
from labkit.core.run_files import RunFile
from labkit.producer.delivery import Outbox
from labkit.producer.delivery_log import Journal
from labkit.producer.fast_append import DirectProducer, close_client
from labkit.producer.producer_options import ProducerOptions
from labkit.producer.sent_counts import Counts, Tally
from labkit.readings.fleet import Fleet
from labkit.readings.pacing import BATCH, Item, Pace, at_rate, at_speed
from labkit.readings.replay import Replay
from labkit.topics.topics import describe_topic

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
    "metrics_sample_window_ms": 10_000,  # so that means follow within seconds; its own: 30 s
    "delivery_timeout_ms": 60_000,  # then a record is unknown: long enough for a broker's restart
}


@fewer_gc_runs()
def produce(
    topic: str,
    source: Iterator[Item | float],
    stop: threading.Event,
    *,
    count: int | None = None,
    name: str = "producer",
    stamp_now: bool = False,
    options: ProducerOptions | None = None,
    report: Callable[[Outbox], None] | None = None,
    journal: bool = True,
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
    options : ProducerOptions, optional
        Another key, ``acks``, batching or compression than the lab's own.
    report : callable, optional
        Called about once a second, and at the end.
    journal : bool
        Write down what became of each record, for `check_pipeline`: some 80 bytes a record.

    Returns
    -------
    Counts
        Every record that was sent is acked, failed or unknown; with ``acks=0`` none is acked.

    Raises
    ------
    TopicNotFound
        The topic is not on this cluster: in this lab, topics are made on purpose.
    BrokerUnavailable
        No broker answers.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be 1 or more, not {count}")
    options = options or ProducerOptions()
    topic_id = describe_topic(topic).topic_id
    tally = Tally(topic, topic_id, name)
    client = kafka_clients.producer(DirectProducer, **{**RELIABLE, **options.client_settings})
    book = Journal(topic_id, tally.run) if journal else None
    outbox = Outbox(client, topic, stamp_now=stamp_now, options=options, journal=book)
    run_file = RunFile("producer", name, topic=topic)
    due = 0.0

    def account(state: str) -> None:
        tally.write(outbox.counts, state)
        counts, marked = outbox.counts, outbox.marker.to_json()
        run_file.update(emitted=counts.emitted, acked=counts.acked, marked=marked)
        if report is not None:
            report(outbox)

    try:
        for batch, pause_s in in_batches(source):
            outbox.send(*batch[: None if count is None else count - outbox.counts.records])
            if outbox.counts.records == count:
                break
            _pause(outbox, pause_s, stop)
            if stop.is_set():
                break
            if time.monotonic() >= due:
                due = time.monotonic() + REPORT_S
                outbox.refresh()
                account("running")
    finally:
        outbox.drain(DRAIN_S)
        if book is not None:
            book.close()
        close_client(client, CLOSE_S)
        account("ended")
        run_file.remove()
    return outbox.counts


def in_batches(source: Iterator[Item | float]) -> Iterator[tuple[list[Item], float]]:
    """Return what a source gives between two of its pauses, with the pause behind it."""
    batch: list[Item] = []
    try:
        for item in source:
            if isinstance(item, float) or len(batch) >= BATCH:
                yield batch, item if isinstance(item, float) else 0.0
                batch = []
            if not isinstance(item, float):
                batch.append(item)
    except LabError:  # a wrong line in a replay: what came before it is sent
        yield batch, 0.0
        raise
    yield batch, 0.0


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
