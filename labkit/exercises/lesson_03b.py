"""03b · Producer settings: acks, batches, compression, and the errors of a producer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaConfigurationError

from labkit.broker import kafka_clients
from labkit.core.errors import SettingInvalid
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import described, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, is_within, prediction
from labkit.exercises.queries.broker_queries import (
    attempts_in,
    log_bytes_of,
    why_invalid,
)

PLAIN_TOPIC = "lesson03b-plain"
GZIP_TOPIC = "lesson03b-gzip"
PACKED_TOPIC = "lesson03b-packed"
FAULTY_TOPIC = "lesson03b-faulty"

PACKED = 500
PACKED_BYTES = 25_000


@exercise
def q1(settings: Mapping[str, Any]) -> str:
    """Which settings make a producer refuse to start when somebody later adds `acks=1`?"""
    if not isinstance(settings, Mapping):
        raise NotYet(
            f"You gave {described(settings)}. The answer is a dictionary, such as "
            '`{"linger_ms": 5}`.'
        )
    if unknown := settings.keys() - KafkaProducer.DEFAULT_CONFIG.keys():
        raise NotYet(f"A producer has no setting `{min(unknown, key=str)}`.")
    if why := _conflict_in(settings):
        raise NotYet(f"A producer does not start with these settings: `{why}`.")
    if why := _conflict_in({**settings, "acks": 1}):
        return f"With `acks=1` added, the client refuses to start: {why}"
    raise NotYet("With `acks=1` added, such a producer starts all the same, without idempotence.")


@prediction(possible=range(101), solution="ex.p1.predict(16)", matches=is_within(10))
def p1() -> Observed:
    """500 readings are sent plain, and once more with gzip, in batches of the default size.

    What percentage of the plain size does the log with gzip take? (Within 10 points counts.)
    """
    plain, packed = log_bytes_of(PLAIN_TOPIC), log_bytes_of(GZIP_TOPIC)
    if not plain or not packed:
        raise NotAttempted("Nothing has been sent yet: run the cell above this one.")
    return Observed(
        round(100 * packed / plain),
        f"That is the percentage: {packed:,} bytes instead of {plain:,}. Readings are similar, and "
        "gzip writes what it has seen before in this batch as a short reference.",
    )


@exercise
def q2() -> str:
    """Store the 500 `readings` in `lesson03b-packed`, in at most 25,000 bytes of log.

    `send_all` sends them; you choose the settings.
    """
    found = attempts_in(PACKED_TOPIC)
    for record in found:
        if why := why_invalid(record):
            raise NotYet(
                f"The record at partition {record.partition}, offset {record.offset} is not a "
                f"reading: {why}. `send_all` replaces the topic."
            )
    if len(found) != PACKED:
        raise NotYet(
            f"{many(len(found), 'record')} in the topic; {PACKED} readings were asked for. "
            "`send_all` replaces the topic."
        )
    size, plain = log_bytes_of(PACKED_TOPIC), sum(len(record.value) for record in found)
    if size > PACKED_BYTES:
        how = (
            "Nothing was compressed"
            if size > plain
            else "It is compressed, and not enough: look at the codec, and at what ends a batch"
        )
        raise NotYet(f"The log takes {size:,} bytes, more than {PACKED_BYTES:,}. {how}.")
    return (
        f"The log takes {size:,} bytes for {plain:,} bytes of JSON, and any consumer that has the "
        "codec can read it."
    )


@exercise
def q3(bad: Any) -> str:
    """How many of the values in `lesson03b-faulty` are not valid readings?"""
    bad = whole_number(bad)
    found = attempts_in(FAULTY_TOPIC)
    reasons = [reason for record in found if (reason := why_invalid(record))]
    if bad == len(found):
        raise NotYet(f"{bad} is how many values there are, and most are valid readings.")
    if bad == len(found) - len(reasons):
        raise NotYet(f"{bad} is how many are valid. The others are asked for.")
    if bad == 0:
        raise NotYet(
            "Some of the values are not readings. Did your consumer read any? One without "
            '`auto_offset_reset="earliest"` begins at the end.'
        )
    if bad != len(reasons):
        raise NotYet(
            f"Read back from the topic, the values that are not readings are not {bad}. A tenth "
            "is only the chance of each, and some are JSON without being a valid reading."
        )
    return (
        f"Read back, {bad} of {len(found)} are not readings. One of them: {reasons[0]}. The broker "
        "took them all, because to Kafka a value is bytes."
    )


def _conflict_in(settings: Mapping[str, Any]) -> str:
    """Start a producer with some settings; return what it says of a conflict, or nothing."""
    try:
        kafka_clients.producer(**settings).close()
    except SettingInvalid as error:
        if isinstance(error.__cause__, KafkaConfigurationError):
            return str(error.__cause__)
        raise
    return ""
