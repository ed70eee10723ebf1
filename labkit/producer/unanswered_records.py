"""Look in the topic for records whose answer never came, and write down what became of them.

A producer that is killed, or whose brokers are stopped, leaves records that may be in the topic or
not: `sent_counts` counts them as unknown. Only the topic knows. `settle` reads it once and closes
the account: each of them was ``found`` there, or is ``absent``. A producer does so at its start,
and `labkit ledger --settle` at any time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock
from kafka import TopicPartition

from labkit.broker.kafka_clients import consumer
from labkit.producer.delivery_log import LogEvent, delivery_log_dir, read_events
from labkit.producer.sent_counts import UNASKED, Run, read_runs
from labkit.readings.reading import reading_id_of
from labkit.topics.read_topic import assign_from, read_to_end

ARRIVED_AFTER_S = 1.0
"""How long brokers may take, once they answer, to append what a producer had handed to them."""


@dataclass(frozen=True)
class Settlement:
    """How many readings without an answer were found in the topic, and how many were not.

    ``left`` remain unknown, because retention has deleted the part of the topic where they were
    or would be.
    """

    found: int = 0
    absent: int = 0
    left: int = 0

    def __add__(self, other: Settlement) -> Settlement:
        return Settlement(
            self.found + other.found, self.absent + other.absent, self.left + other.left
        )


@dataclass
class Unanswered:
    """The readings of one run that have no answer, or whose answer is that nobody knows.

    Those that were sent with ``acks=0`` are not among them: no answer was asked for.
    """

    log_path: Path
    readings: dict[int, LogEvent] = field(default_factory=dict)  # by number
    floors: dict[int, int] = field(default_factory=dict)  # number -> the lowest possible offset
    known_unknown: set[int] = field(default_factory=set)  # numbers that are logged as unknown
    size: int = 0  # of the log's complete lines


def settle(topic: str, topic_id: str) -> Settlement:
    """Look in the topic for the unanswered readings of all runs that no longer run.

    It reads each partition from the last record that was acknowledged before the first unanswered
    one was sent, so it usually takes less than a second.

    Raises
    ------
    BrokerUnavailable
        No broker answers, so nothing can be settled now.
    """
    if not any(map(_is_open, read_runs(topic_id))):
        return Settlement()
    with FileLock(delivery_log_dir(topic_id) / "settle.lock"):
        runs = [read_unanswered(run.log_path) for run in read_runs(topic_id) if _is_open(run)]
        starts, places = _find(topic, runs)
        return sum((_write(run, starts, places) for run in runs), start=Settlement())


def _is_open(run: Run) -> bool:
    return (
        run.state != "running" and run.counts.unknown > run.counts.unasked and run.log_path.exists()
    )


def read_unanswered(log_path: Path) -> Unanswered:
    """Return the readings of a delivery log that are still unanswered."""
    found = Unanswered(log_path)
    acked: dict[int, int] = {}  # partition -> the highest offset so far
    for event in read_events(log_path):
        found.size = event.end
        if event.event == "sent":
            if event.co2_g is not None:
                found.readings[event.number] = event
                found.floors[event.number] = acked.get(event.partition, -1) + 1
        elif event.event == "unknown" and not event.note.startswith(UNASKED):
            found.known_unknown.add(event.number)
        else:
            acked[event.partition] = max(acked.get(event.partition, -1), event.offset)
            found.known_unknown.discard(event.number)
            for known in (found.readings, found.floors):
                known.pop(event.number, None)
    return found


def _find(topic: str, runs: list[Unanswered]) -> tuple[dict[int, int], dict[str, int]]:
    """Return where each partition of the topic begins, and where the wanted readings are."""
    floors: dict[int, int] = {}
    for run in runs:
        for number, reading in run.readings.items():
            floor = run.floors[number]
            floors[reading.partition] = min(floors.get(reading.partition, floor), floor)
    wanted = {reading.reading_id for run in runs for reading in run.readings.values()}
    found: dict[str, int] = {}
    client = consumer(auto_offset_reset="none", enable_auto_commit=False)
    time.sleep(ARRIVED_AFTER_S)
    try:
        places = {TopicPartition(topic, partition): floor for partition, floor in floors.items()}
        starts = {place.partition: at for place, at in assign_from(client, places).items()}
        for record in read_to_end(client, client.end_offsets(list(places))):
            reading_id = reading_id_of(record.value)
            if reading_id in wanted:
                found.setdefault(reading_id, record.offset)
    finally:
        client.close()
    return starts, found


def _write(run: Unanswered, starts: dict[int, int], places: dict[str, int]) -> Settlement:
    """Append what became of each reading to the log of its run."""
    lines, found, absent, left = [], 0, 0, 0
    for number, reading in run.readings.items():
        offset = places.get(reading.reading_id)
        if offset is None and starts[reading.partition] > run.floors[number]:
            left += 1
            continue
        if number not in run.known_unknown:
            lines.append(_line("unknown", reading, None, "its producer was killed"))
        event = "absent" if offset is None else "found"
        lines.append(_line(event, reading, offset, "looked for in the topic"))
        found += offset is not None
        absent += offset is None
    with run.log_path.open("r+b") as file:
        file.truncate(run.size)  # a torn last line
        file.seek(run.size)
        file.write("".join(lines).encode())
    return Settlement(found, absent, left)


def _line(event: str, reading: LogEvent, offset: int | None, note: str) -> str:
    place = "" if offset is None else offset
    return f"{event},{reading.number},{reading.partition},{place},,,{reading.co2_g},{note}\n"
