"""04 · The consumer: offsets, groups, and how the members of a group share a topic."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread
from typing import Any

from labkit.core.wait_until import wait_until
from labkit.exercises.engine.answer_kinds import described, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import (
    committed_of,
    existing_topic,
    records_of,
    shares_of,
)

READINGS_TOPIC = "lesson04-readings"
SHARED_GROUP = "lesson04-shared"
REWOUND_GROUP = "lesson04-rewound"

REWIND_TO = 5
MEMBERS, PARTITIONS = 4, 3
SETTLE_S = 90.0  # a dead member of an earlier run is removed after 45 s
UNSETTLED = "The group has {} members, and has not settled yet: run this cell again."


@exercise
def q1(key: bytes) -> str:
    """What is the key of the newest record in partition 0 of `lesson04-readings`?"""
    found = [record for record in records_of(READINGS_TOPIC) if record.partition == 0]
    if not found:
        raise NotAttempted(f"`{READINGS_TOPIC}` has no records: run the cells above.")
    seen = found[-1].key
    if hasattr(key, "key") and hasattr(key, "offset"):
        raise NotYet(f"That is a whole record, at offset {key.offset}. Give its `key`.")
    if isinstance(key, str) and key.encode() == seen:
        raise NotYet("It is that key; but a key is bytes, not text.")
    if isinstance(key, dict):
        raise NotYet("`poll` returns a list of records for each partition. Take one's `key`.")
    if not isinstance(key, bytes):
        raise NotYet(f"You gave {described(key)}. A key is bytes, such as `b'PL-COAL-001'`.")
    if key != seen:
        offsets = [record.offset for record in found if record.key == key]
        where = (
            f"of offset {offsets[-1]}, which is not the newest record"
            if offsets
            else "of no record"
        )
        raise NotYet(f"That is the key {where} in partition 0.")
    return f"It is the key at offset {found[-1].offset}, one before the end {found[-1].offset + 1}."


@exercise
def q2() -> str:
    """Set the group `lesson04-rewound` to offset 5 of each partition.

    The topic is `lesson04-readings`.
    """
    committed = committed_of(REWOUND_GROUP, READINGS_TOPIC)
    if not committed:
        raise NotAttempted(f"The group `{REWOUND_GROUP}` has committed nothing for the topic yet.")
    for one in existing_topic(READINGS_TOPIC).partitions:
        offset = committed.get(one.partition)
        if offset is None:
            raise NotYet(f"Nothing is committed for partition {one.partition}.")
        if offset == REWIND_TO:
            continue
        if offset == one.end_offset:
            raise NotYet(
                f"Partition {one.partition} is at {offset}, its end: a commit or a close after a "
                "poll commits the position after that poll. Commit what you mean: `commit({...})`."
            )
        raise NotYet(
            f"Partition {one.partition} is at {offset}. What is committed is the offset of the "
            "next record to read."
        )
    return "The coordinator, the broker that keeps this group's offsets, has 5 for each partition."


@exercise
def q3(lag: Any) -> str:
    """What is the lag of the group `lesson04-rewound`, over all three partitions?"""
    lag = whole_number(lag)
    committed = committed_of(REWOUND_GROUP, READINGS_TOPIC)
    ends = {one.partition: one.end_offset or 0 for one in existing_topic(READINGS_TOPIC).partitions}
    if not committed:
        raise NotAttempted(f"The group `{REWOUND_GROUP}` has committed nothing: solve q2 first.")
    lags = {place: ends[place] - offset for place, offset in committed.items()}
    if lag == sum(lags.values()):
        each = ", ".join(f"{ends[place]} - {offset}" for place, offset in committed.items())
        return f"Ends less committed offsets, partition by partition: {each}."
    if lag == sum(ends.values()):
        raise NotYet("That many records are in the topic. The group has some of them behind it.")
    if lag in lags.values():
        raise NotYet("That is the lag of one partition. Add those of the others.")
    if lag == sum(committed.values()):
        raise NotYet("That many records are behind the group. The lag is what is left to read.")
    raise NotYet(
        "The lag of a partition is its end less the group's committed offset. "
        "`reader.end_offsets(places)` has the ends."
    )


@prediction(possible=range(MEMBERS + 1), solution="ex.p1.predict(1)")
def p1(members: Sequence[Thread]) -> Observed:
    """Four consumers are members of one group. Their topic has three partitions.

    How many of the four have nothing to do?
    """
    if not any(member.is_alive() for member in members):
        raise NotAttempted("The members have left: run the cell that starts them again.")
    shares: list[int] = []

    def is_settled() -> bool:
        shares[:] = shares_of(SHARED_GROUP)
        return len(shares) == MEMBERS and sum(shares) == PARTITIONS

    wait_until(is_settled, SETTLE_S, lambda: NotAttempted(UNSETTLED.format(len(shares))))
    return Observed(
        shares.count(0),
        f"The group's coordinator says: {', '.join(map(str, shares))} "
        "partitions for the four. A partition goes to one member of a group, so that one member "
        "reads it in order; the others wait, ready to take over.",
    )
