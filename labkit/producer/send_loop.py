"""The producer's loop: take the readings that are due, send them, count the answers.

This file is the stage's main path, on kafka-python's own client. `delivery_reports` follows each
record until it is acknowledged, failed or unknown.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from kafka import KafkaProducer
from kafka.errors import KafkaError

from labkit.broker import kafka_clients
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.processes import fewer_gc_runs
from labkit.core.run_files import RunFile
from labkit.core.written_places import refused_write
from labkit.producer.delivery_log import DeliveryLog
from labkit.producer.delivery_log_retention import remove_old_delivery_logs
from labkit.producer.delivery_reports import DeliveryTracker
from labkit.producer.optional_fast_send import FastProducer
from labkit.producer.producer_client import (
    RELIABLE,
    close_client,
    has_given_up,
    tell_refused_from_given_up,
)
from labkit.producer.producer_options import ProducerOptions
from labkit.producer.reported_until import latest, reported_until
from labkit.producer.sent_counts import SentCounts, SentCountsFile
from labkit.producer.unanswered_records import settle
from labkit.readings.fleet import Fleet
from labkit.readings.pacing import BATCH, Item, Pace, at_rate
from labkit.readings.simulated_clock import SimulatedClock
from labkit.topics.topics import describe_topic

FAST = True  # if False, `optional_fast_send` is not used: the same records, but slower

REPORT_S = 1.0  # how often the counts and the run file are written
MIN_PAUSE_S = 0.005  # shorter sleeps cost more than they gain
MAX_PAUSE_S = 0.1  # so that a stop, a new rate and answers are noticed soon
DRAIN_S = 8.0  # how long the last records may take to be acknowledged
CLOSE_S = 2.0  # how long closing the client may take
NEW_CLIENT_S = 0.5  # before another client takes over, for the next refusal may come at once
BREAK_S = 60.0  # a fleet that starts again so soon has measured all the time


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
    report: Callable[[DeliveryTracker], None] | None = None,
    delivery_log: bool = True,
    clock: SimulatedClock | None = None,
) -> SentCounts:
    """Send readings to a topic until the source ends, ``count`` is reached, or ``stop`` is set.

    Parameters
    ----------
    topic : str
        An existing topic.
    source : iterator of Reading, BadRecord or float
        What to send, paced: a float is a pause in seconds. See `fleet_source`, `at_speed`.
    stop : threading.Event
        Ends the loop; records in flight still have up to 8 s to be acknowledged.
    count : int, optional
        How many records to send, bad ones included; None: no limit.
    name : str
        The run's name in the lab.
    stamp_now : bool
        See `DeliveryTracker`.
    options : ProducerOptions, optional
        A key, ``acks``, batching or compression other than the lab's defaults.
    report : callable, optional
        Called with the run's `DeliveryTracker`, about once a second and at the end.
    delivery_log : bool
        Whether to log what became of each record, for `check_pipeline`: some 80 bytes a record.
    clock : SimulatedClock, optional
        The source's clock, for the run file to say what time it is there.

    Returns
    -------
    SentCounts
        How many records were acked, failed or unknown; with ``acks=0`` none counts as acked.

    Raises
    ------
    TopicNotFound
        The topic is not on this cluster: the lab never creates one by accident.
    BrokerUnavailable
        No broker answers.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be 1 or more, not {count}")
    options = options or ProducerOptions()
    topic_id = describe_topic(topic).topic_id
    settle(topic, topic_id)  # what an earlier run that was killed has left open
    remove_old_delivery_logs(topic_id)  # what is settled
    counts_file = SentCountsFile(topic, topic_id, name)
    client = _new_client(options)
    log = DeliveryLog(topic_id, counts_file.run) if delivery_log else None
    tracker = DeliveryTracker(client, topic, stamp_now=stamp_now, options=options, log=log)
    run_file = RunFile("producer", name, topic=topic, run=counts_file.run)
    report_at = 0.0

    def write_report(state: str) -> None:
        counts = tracker.counts
        if log is not None:
            log.flush()
            if log.is_refused:  # the last counts, and the log's lines after them, stay the truth
                return
        try:
            counts_file.write(counts, state, log.bytes_written if log else None)
        except OSError as error:
            raise refused_write("The file of the sent counts", counts_file.path, error) from error
        marked = tracker.marker.to_json()
        time_there = {} if clock is None else clock.to_dict()
        run_file.update(emitted=counts.emitted, acked=counts.acked, marked=marked, **time_there)
        if report is not None:
            report(tracker)

    try:
        write_report("running")
        for batch, pause_s in in_batches(source):
            left = None if count is None else count - tracker.counts.records
            for record in tracker.prepare(batch[:left]):
                try:
                    future = client.send(
                        topic,
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
            if tracker.counts.records == count:
                break
            _pause(tracker, pause_s, stop, client)
            if has_given_up(client) and (another := _another_client(options, stop)):
                close_client(client, CLOSE_S)
                client = another
                tracker.go_on_with(client)
            if stop.is_set():
                break
            if time.monotonic() >= report_at:
                report_at = time.monotonic() + REPORT_S
                tracker.refresh()
                write_report("running")
    finally:
        tracker.drain(DRAIN_S)
        if log is not None:
            log.close()
        close_client(client, CLOSE_S)
        try:
            write_report("ended")
        finally:
            run_file.remove()
    return tracker.counts


def _new_client(options: ProducerOptions) -> KafkaProducer:
    client_class = FastProducer if FAST else KafkaProducer
    client = kafka_clients.producer(client_class, **{**RELIABLE, **options.client_settings})
    tell_refused_from_given_up(client)
    return client


def _another_client(options: ProducerOptions, stop: threading.Event) -> KafkaProducer | None:
    """Return a client that takes over, or None while no broker answers."""
    stop.wait(NEW_CLIENT_S)
    with contextlib.suppress(BrokerUnavailable):
        return _new_client(options)
    return None


def in_batches(source: Iterator[Item | float]) -> Iterator[tuple[list[Item], float]]:
    """Yield a source's items up to each pause, at most `BATCH` at once, with that pause."""
    batch: list[Item] = []
    try:
        for item in source:
            if isinstance(item, float) or len(batch) >= BATCH:
                yield batch, item if isinstance(item, float) else 0.0
                batch = []
            if not isinstance(item, float):
                batch.append(item)
    except LabError:  # the source fails, such as a disk: what came before is sent
        yield batch, 0.0
        raise
    yield batch, 0.0


def _pause(
    tracker: DeliveryTracker, wait_s: float, stop: threading.Event, client: KafkaProducer
) -> None:
    """Count answers during a pause of the source; extend it if too many records are in flight."""
    tracker.reap()
    if wait_s > 0:
        stop.wait(min(max(wait_s, MIN_PAUSE_S), MAX_PAUSE_S))
        tracker.reap()
    while tracker.is_full and not stop.is_set() and not has_given_up(client):
        stop.wait(MIN_PAUSE_S)
        tracker.reap()


def fleet_source(
    pace: Pace,
    seed: int = 7,
    faults: float = 0.0,
    fleet_size: int = 24,
    *,
    topic: str | None = None,
    clock: SimulatedClock | None = None,
) -> Iterator[Item | float]:
    """Yield the readings that a simulated fleet makes, and pauses that keep the pace.

    Parameters
    ----------
    topic : str, optional
        The plants go on from their last readings in this topic; None: they start.
    clock : SimulatedClock, optional
        What time it is for the plants; None: the present. It is started with the first reading.
    """
    fleet = Fleet(seed, fleet_size)
    clock = clock or SimulatedClock()
    until = reported_until(topic) if topic else {}
    clock.start(latest(until) if clock.speed > 1 else None)
    fleet.go_on(until, clock.now(), BREAK_S * clock.speed)
    yield from at_rate(fleet.readings_now(faults, clock.now), pace)
