"""Look at the end of a topic for what each plant reported last.

A fleet that is started again goes on from there: its first readings neither cover seconds that are
reported already, nor do they leave any out.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from labkit.broker.kafka_clients import consumer
from labkit.core.errors import BadReading, LabError
from labkit.readings.reading import Reading
from labkit.topics.read_topic import assign_from, read_to_end
from labkit.topics.topics import describe_topic

LOOK_AT = 1_500  # records, from the end of all partitions together
LEAST = 100  # of each partition


def reported_until(topic: str) -> dict[str, datetime]:
    """Return when each plant reported last, as the topic's newest records say.

    It is empty if they cannot be read now: then the first readings cover some seconds, as those of
    a new plant do.
    """
    try:
        return _read(topic)
    except (KafkaError, LabError):
        return {}


def _read(topic: str) -> dict[str, datetime]:
    parts = [TopicPartition(topic, one.partition) for one in describe_topic(topic).partitions]
    each = max(LEAST, LOOK_AT // len(parts))
    found: dict[str, datetime] = {}
    with consumer(auto_offset_reset="none", enable_auto_commit=False) as client:
        ends = client.end_offsets(parts)
        assign_from(client, {part: end - each for part, end in ends.items()})
        for record in read_to_end(client, ends):
            _note(found, record)
    return found


def _note(found: dict[str, datetime], record: Any) -> None:
    """Note the time of a reading; any bytes may be in a record."""
    with suppress(BadReading):
        reading = Reading.from_json(record.value, record.timestamp)
        at, facility_id = reading.recorded_at, reading.facility_id
        found[facility_id] = max(at, found.get(facility_id, at))


def latest(until: Mapping[str, datetime]) -> datetime | None:
    """Return the latest of these times; None without any."""
    return max(until.values(), default=None)
