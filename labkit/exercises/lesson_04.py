"""04 · The consumer: offsets, groups, and how the members of a group share a topic."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

from labkit.core.text_tables import many
from labkit.core.wait_until import wait_until
from labkit.exercises.engine.answer_kinds import RETURNED, described, refusal
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.learner_functions import within
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

FIRST_CALLS = (7, 5)
"""How many records the check asks for in a group's first and second call."""
ANSWER_S = 30.0
MEMBERS, PARTITIONS = 4, 3
SETTLE_S = 90.0  # a dead member of an earlier run is removed after 45 s
UNSETTLED = "The group has {} members, and has not settled yet: run this cell again."

Place = tuple[int, int]
"""A partition and an offset."""


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
def q2(read_some: Callable[[str, int], Any]) -> str:
    """Write `read_some(group_id, limit)`: the next records of a group, at most `limit`, as a list.

    It reads `lesson04-readings`, and commits. A new group begins at the start of the topic; the
    next call for the same group continues where this one ended.
    """
    ends = {one.partition: one.end_offset or 0 for one in existing_topic(READINGS_TOPIC).partitions}
    if sum(ends.values()) < sum(FIRST_CALLS):
        raise NotAttempted(f"`{READINGS_TOPIC}` has too few records: run the cells above.")
    group, other = (f"lesson04-check-{uuid.uuid4().hex[:6]}" for _ in range(2))
    calls: list[tuple[str, int]] = [
        (group, FIRST_CALLS[0]),
        (other, FIRST_CALLS[1]),  # a group of its own: it begins at the start, too
        (group, FIRST_CALLS[1]),
        (group, sum(ends.values())),  # all that is left, and there it ends
    ]
    read: dict[str, list[Place]] = {group: [], other: []}
    for group_id, limit in calls:
        found = within(ANSWER_S, read_some, group_id, limit)
        _continue(group_id, limit, read[group_id], _places_of(found), sum(ends.values()))
    rest = len(read[group]) - sum(FIRST_CALLS)
    return (
        f"A new group got {FIRST_CALLS[0]} records, then the next {FIRST_CALLS[1]}, then the "
        f"other {rest}: each one once. A second group got its own."
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


def _places_of(found: Any) -> list[Place]:
    """Return where the records of a list are."""
    if not isinstance(found, list | tuple):
        raise NotYet(refusal(found, "a list of records", RETURNED))
    for one in found:
        if not (hasattr(one, "partition") and hasattr(one, "offset")):
            raise NotYet(
                f"Your list holds {described(one)}. Return the records as the consumer gives them."
            )
    return [(one.partition, one.offset) for one in found]


def _continue(group_id: str, limit: int, read: list[Place], found: list[Place], all_: int) -> None:
    """Add to what a group has read what a call returned, or say what is wrong with it."""
    call, is_first, left = f"`read_some({group_id!r}, {limit})`", not read, all_ - len(read)
    if len(found) > limit:
        raise NotYet(f"{call} returned {many(len(found), 'record')}. `limit` is the most.")
    if again := set(read) & set(found):
        raise NotYet(
            f"{call} returned {many(len(again), 'record')} again that an earlier call for this "
            "group had returned: it has to continue after them. What does the group commit, and "
            "when?"
        )
    if len(found) < min(limit, left):
        raise NotYet(
            f"{call} returned {many(len(found), 'record')}, and {left} are left for this group. "
            + (_NEW_GROUP if is_first and not found else _TOO_FEW)
        )
    read += found
    committed = committed_of(group_id, READINGS_TOPIC)
    if not committed:
        raise NotYet(f"After {call}, the group has committed nothing.")
    if (behind := sum(committed.values())) != len(read):
        wrong = _LOST if behind > len(read) else _AGAIN
        raise NotYet(
            f"The calls for {group_id!r} have returned {many(len(read), 'record')}, and by what it "
            f"has committed, {behind} are behind it. {wrong}"
        )


_LOST = "So it never gets the others: you have read them, and not returned them."
_AGAIN = "So it will get some of them again."
_NEW_GROUP = "Where does a new group begin? And how long does it wait for its first record?"
_TOO_FEW = (
    "One `poll` returns what is there at that moment, maybe nothing. (If an earlier call left its "
    "consumer open, that one still has the partitions: a `with` closes it.)"
)
