"""02 · Topics: partitions, keys, replicas, retention."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from kafka.partitioner.default import murmur2

from labkit.broker import kafka_clients
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, described, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.experiments import fresh_topic
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic, records_of
from labkit.producer.delivery_reports import partition_for
from labkit.topics.topics import delete_topic

KEYS_TOPIC = "lesson02-keys"
KEY = b"PLANT-1"
GROWN_TOPIC = "lesson02-grown"
CHECK_TOPIC = "lesson02-check"
CHECK_PARTITIONS = 5
CHECK_KEYS = 40
HOUR_MS = 3_600_000
HOUR_IN_OTHER_UNITS = (1, 60, 3_600)
UNITS_MS = {"day": 86_400_000, "hour": HOUR_MS, "minute": 60_000, "second": 1_000}


@prediction(possible=range(1, 4), solution="ex.p1.predict(1)")
def p1() -> Observed:
    """Twelve records with the same key go into a topic of three partitions.

    In how many of the partitions will they be?
    """
    found = [record for record in records_of(KEYS_TOPIC) if record.key == KEY]
    if not found:
        raise NotAttempted("Nothing has been sent yet: run the cell above this one.")
    used = sorted({record.partition for record in found})
    where = ", ".join(map(str, used))
    return Observed(
        len(used),
        f"All {len(found)} records with the key `{KEY.decode()}` are in partition {where}: "
        "the client hashes the key's bytes, and the same bytes give the same partition.",
    )


@prediction(possible=("stays", "moves"), solution="ex.p2.predict('moves')")
def p2() -> Observed:
    """A topic grows from 3 partitions to 5. Twenty plants send once before and once after.

    Is every plant's second record in the same partition as its first?
    Say 'stays', or 'moves' if at least one is in a different partition.
    """
    places: dict[bytes, list[int]] = {}
    for record in sorted(records_of(GROWN_TOPIC), key=lambda record: record.timestamp):
        places.setdefault(record.key, []).append(record.partition)
    if not any(len(found) > 1 for found in places.values()):
        raise NotAttempted("The topic has not grown yet: run the cell above this one.")
    moved = [key.decode() for key, found in places.items() if len(set(found)) > 1]
    return Observed(
        "moves" if moved else "stays",
        f"{len(moved)} of {len(places)} keys now go to another partition: the remainder of a "
        "division by 5 is not that of a division by 3. The old records stay where they are, so a "
        "plant's readings are in two logs, and their order across the two is lost.",
    )


@exercise
def q1() -> str:
    """Make a topic `lesson02-plants` with 4 partitions."""
    topic = existing_topic("lesson02-plants")
    number = topic.num_partitions
    if number != 4:
        next_line = (
            "`lab.alter_topic` adds some, and `lab.fresh_topic` begins again"
            if number < 4
            else "Kafka cannot remove any; `lab.fresh_topic` begins again"
        )
        raise NotYet(
            f"The cluster has `lesson02-plants` with {many(number, 'partition')}. {next_line}."
        )
    leaders = ", ".join(f"{one.partition} by broker {one.leader}" for one in topic.partitions)
    return f"The cluster has `lesson02-plants` with 4 partitions, and their leaders: {leaders}."


@exercise
def q2(partition_of: Callable[[bytes, int], Any]) -> str:
    """Write `partition_of(key, num_partitions)`: where a record with that key goes.

    The check sends records with new keys to a topic of 5 partitions, and looks where they are.
    """
    if not callable(partition_of):
        raise NotYet(f"`partition_of` has to be a function, and is {described(partition_of)}.")
    keys = [f"PLANT-{secrets.token_hex(3)}".encode() for _ in range(CHECK_KEYS)]
    said = {key: whole_number(partition_of(key, CHECK_PARTITIONS), RETURNED) for key in keys}
    seen = _sent(keys)
    wrong = [key for key in keys if said[key] != seen[key]]
    if not wrong:
        number = CHECK_PARTITIONS + 2
        beyond = {key: whole_number(partition_of(key, number), RETURNED) for key in keys}
        if any(place != partition_for(key, number) for key, place in beyond.items()):
            raise NotYet(
                f"It is right for {CHECK_PARTITIONS} partitions, and wrong for {number}: use "
                "`num_partitions`."
            )
        return f"Your function is right for {len(keys)} keys that nobody had sent before."
    if all(murmur2(key) >> 31 for key in wrong) and len(wrong) < len(keys):
        raise NotYet(
            f"It is right for {len(keys) - len(wrong)} of {len(keys)} keys. The others have a hash "
            "whose highest bit is set."
        )
    if all(said[key] == murmur2(key) & 0x7FFFFFFF % CHECK_PARTITIONS for key in keys):
        raise NotYet(
            "Python computes `%` before `&`: put what the right column shows into parentheses."
        )
    key = wrong[0]
    raise NotYet(
        f"{len(wrong)} of {len(keys)} records are elsewhere. In a topic of {CHECK_PARTITIONS} "
        f"partitions you said {said[key]} for the key {key!r}, and its record is in {seen[key]}."
    )


@exercise
def q3() -> str:
    """Make a topic `lesson02-hour` with a retention of one hour."""
    topic = existing_topic("lesson02-hour")
    kept = topic.config.get("retention.ms")
    if kept is None:
        raise NotYet(
            "`lesson02-hour` is there, but no `retention.ms` was set on it: it keeps the broker's "
            "default, 7 days. `lab.alter_topic` can set it, and `lab.fresh_topic` begins again."
        )
    if int(kept) != HOUR_MS:
        unit = " An hour has 3,600 seconds, and the setting counts in milliseconds."
        raise NotYet(
            f"`lesson02-hour` keeps its records {in_words(int(kept))}: `retention.ms` is "
            f"{int(kept):,}.{unit if int(kept) in HOUR_IN_OTHER_UNITS else ''}"
        )
    return (
        f"`retention.ms` is {HOUR_MS:,}. Kafka deletes whole segments of a log, so a record may "
        "stay longer than that. It is not deleted earlier for its age."
    )


def in_words(duration_ms: int) -> str:
    """Return how long a topic keeps its records: ``for 2 hours``, ``for 3.6 seconds``."""
    if duration_ms < 0:
        return "for ever"
    for unit, unit_ms in UNITS_MS.items():
        if duration_ms >= unit_ms and (duration_ms % unit_ms == 0 or unit == "second"):
            number = duration_ms / unit_ms
            return f"for {number:,.4g} {unit}{'' if number == 1 else 's'}"
    return f"for {many(duration_ms, 'millisecond')}"


def _sent(keys: list[bytes]) -> dict[bytes, int]:
    """Send a record with each key to a new topic, and return the partitions they are in."""
    fresh_topic(CHECK_TOPIC, CHECK_PARTITIONS)
    try:
        with kafka_clients.producer() as producer:
            sent = {key: producer.send(CHECK_TOPIC, key=key, value=b"0") for key in keys}
            return {key: one.get(timeout=20).partition for key, one in sent.items()}
    finally:
        delete_topic(CHECK_TOPIC)
