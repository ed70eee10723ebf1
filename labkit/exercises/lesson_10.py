"""10 · Outgrow one machine: partitions, members, and keys."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from labkit.core.errors import BadReading
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic, records_of, shares_of
from labkit.readings.reading import Reading

TOPIC, KEYS_TOPIC, HOT_TOPIC = "lesson10-scale", "lesson10-spread", "lesson10-hot"
GROUP, DATA_DIR = "lesson10-lab", "data/lesson10"
MEMBERS, MOST_SHARE = 6, 0.5
SHARED_TIMEOUT_S = 20.0


@prediction(possible=range(5), solution="ex.p1.predict(3)")
def p1() -> Observed:
    """Four members of a group share a topic of three partitions.

    How many of the four have something to read?
    """
    partitions = existing_topic(TOPIC).num_partitions
    deadline = time.monotonic() + SHARED_TIMEOUT_S
    # Cooperative: a partition is given up by the one, and only then given to the other.
    while not _is_settled(shares := shares_of(GROUP), partitions):
        if not shares or time.monotonic() > deadline:
            raise NotAttempted(f"`{GROUP}` has {len(shares)} members: run the cell above.")
        time.sleep(0.2)
    busy = sum(share > 0 for share in shares)
    return Observed(
        busy,
        f"The group's coordinator says how many of the {partitions} partitions each member has: "
        f"{shares}. A partition has one reader in a group, so {len(shares) - busy} is idle, "
        "and ready to take over.",
    )


@exercise
def q1() -> str:
    """Give `lesson10-scale` enough partitions for six busy members of a group, and no more."""
    count = existing_topic(TOPIC).num_partitions
    if count == 3:
        raise NotAttempted(f"`{TOPIC}` has its first 3 partitions: three members have work.")
    if count < MEMBERS:
        raise NotYet(f"With {count} partitions, a member of the six would be idle.")
    if count > MEMBERS:
        raise NotYet(
            f"{count} partitions keep six busy too, but cost files and elections that are not "
            "needed. They cannot be removed. To begin again: "
            f'`lab.fresh_topic("{TOPIC}", num_partitions=3, data_dir="{DATA_DIR}")`.'
        )
    return f"{count} partitions: each of six members has one."


@exercise
def q2() -> str:
    """Send at least 600 readings to `lesson10-spread`, so that no partition has more than half.

    Each plant's readings have to stay in order.
    """
    found = records_of(KEYS_TOPIC)
    if not found:
        raise NotAttempted(f"`{KEYS_TOPIC}` is empty.")
    again = f'To begin again: `lab.fresh_topic("{KEYS_TOPIC}", num_partitions=3)`.'
    places: dict[str, set[int]] = {}
    for one in found:
        try:
            reading = Reading.from_json(one.value or b"", one.timestamp)
        except BadReading:
            raise NotYet(f"`{KEYS_TOPIC}` holds a record that is not a reading. {again}") from None
        places.setdefault(reading.facility_id, set()).add(one.partition)
    if len(found) < 600:
        raise NotYet(f"`{KEYS_TOPIC}` holds {many(len(found), 'record')}: send more.")
    if scattered := [plant for plant, numbers in places.items() if len(numbers) > 1]:
        raise NotYet(
            f"The readings of {min(scattered)} are in {len(places[min(scattered)])} partitions, so "
            f"their order is lost. {again}"
        )
    partitions = range(existing_topic(KEYS_TOPIC).num_partitions)
    sizes = [sum(one.partition == number for one in found) for number in partitions]
    if max(sizes) > MOST_SHARE * len(found):
        keys = many(len({one.key for one in found}), "different key")
        raise NotYet(f"The partitions hold {sizes}: too much in one, with {keys}. {again}")
    return f"The partitions hold {sizes}, with {len({one.key for one in found})} keys."


@exercise
def q3(hot: Any) -> str:
    """Which key has the most records in `lesson10-hot`? Give it as text.

    Read the topic with kafka-python, from the earliest record, and count the keys.
    `consumer_timeout_ms=5_000` ends the loop `for record in reader` when no more records arrive.
    """
    if isinstance(hot, bytes):
        raise NotYet("You gave bytes, as the record has them. `.decode()` makes text of them.")
    hot, keys = text(hot), Counter(one.key for one in records_of(HOT_TOPIC))
    if not keys:
        raise NotAttempted(f"`{HOT_TOPIC}` is empty: run the cell above.")
    found, most = keys[hot.encode()], keys.most_common(1)[0]
    if not found:
        raise NotYet(f"No record of `{HOT_TOPIC}` has the key {hot!r}. A key is a plant's id.")
    if found != most[1]:
        raise NotYet(
            f"{many(found, 'record')} of `{HOT_TOPIC}` have that key, another key has more."
        )
    return f"{many(found, 'record')} of {keys.total():,} have the key `{hot}`."


def _is_settled(shares: list[int], partitions: int) -> bool:
    is_whole = len(shares) == 4 and sum(shares) == partitions
    return is_whole and max(shares) - min(shares) <= 1
