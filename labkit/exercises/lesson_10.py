"""10 · Outgrow one machine: partitions, members, and Kafka Connect."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from labkit.connect.connect import Connect
from labkit.core.errors import LabError
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet, sentence
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.kafka_connect_lines import count_lines
from labkit.exercises.queries.broker_queries import (
    committed_of,
    existing_topic,
    records_of,
    shares_of,
)

TOPIC, KEYS_TOPIC, STORED_TOPIC = "lesson10-scale", "lesson10-keys", "lesson10-stored"
GROUP, CONNECTOR = "lesson10-lab", "lesson10-file"
MEMBERS, MOST_SHARE = 6, 0.5
LINES_TIMEOUT_S = 60.0
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
        raise NotYet(f"With {count} partitions, {MEMBERS - count} of six members would be idle.")
    if count > MEMBERS:
        raise NotYet(
            f"{count} partitions keep six busy too, but cost files and elections that are not "
            "needed. They cannot be removed: `lab.fresh_topic` starts again."
        )
    return f"{count} partitions: each of six members has one."


@exercise
def q2() -> str:
    """Send at least 600 readings to `lesson10-keys`, so that no partition has more than half.

    Each plant's readings have to stay in order.
    """
    found = records_of(KEYS_TOPIC)
    if not found:
        raise NotAttempted(f"`{KEYS_TOPIC}` is empty.")
    sizes = [sum(one.partition == number for one in found) for number in range(3)]
    if len(found) < 600:
        raise NotYet(f"`{KEYS_TOPIC}` holds {len(found)} records; wait for the producer's end.")
    if None in {one.key for one in found}:
        raise NotYet("Without a key a plant's readings are anywhere, and their order is lost.")
    if max(sizes) > MOST_SHARE * len(found):
        keys = len({one.key for one in found})
        raise NotYet(
            f"The partitions hold {sizes}: too much in one, with {keys} different keys. "
            f'`lab.fresh_topic("{KEYS_TOPIC}")` begins again.'
        )
    return f"The partitions hold {sizes}, with {len({one.key for one in found})} keys."


@exercise
def q3(connect: Connect) -> str:
    """Create the connector `lesson10-file`: two tasks write `lesson10-stored` to `lines`."""
    try:
        status = connect.status(CONNECTOR)
    except LabError as error:
        raise NotAttempted(sentence(error.what)) from error
    if status.failure:
        raise NotYet(f"Connect says: {status.failure}")
    if len(status.tasks) != 2:
        raise NotYet(f"It has {many(len(status.tasks), 'task')}, not 2: see `tasks.max`.")
    if not status.is_running:
        raise NotYet(f"It is not running yet: {status}")
    where = ", ".join(f"task {one.task} on worker {one.worker}" for one in status.tasks)
    return f"Connect runs {where}."


@exercise
def q4(group_id: Any) -> str:
    """Name the consumer group that the tasks of the connector `lesson10-file` are members of."""
    group_id = text(group_id)
    if group_id == CONNECTOR:
        raise NotYet("That is the connector's name. Its group has a prefix.")
    if not shares_of(group_id):
        raise NotYet(f"Kafka knows no group {group_id!r} with a member.")
    if group_id != f"connect-{CONNECTOR}":
        raise NotYet(f"{group_id!r} has members too, and they are not the connector's tasks.")
    committed, ends = committed_of(group_id, STORED_TOPIC), existing_topic(STORED_TOPIC).end_offsets
    lag = sum((end or 0) - committed.get(number, 0) for number, end in ends.items())
    return (
        f"Its members have {shares_of(group_id)} partitions, and its lag is {lag:,}: a commit "
        "comes every 5 s here, each minute by default, so it jumps."
    )


@prediction(
    possible=("fewer", "as many", "more"), solution='ex.p2.predict("more")', is_certain=False
)
def p2(lines: Path) -> Observed:
    """A Connect worker is killed in the middle of its work, and the other takes over its tasks.

    Does the file end up with 'fewer' lines than the topic has records, 'as many', or 'more'?
    """
    if not lines.exists():
        raise NotAttempted(f"There is no {lines.name} yet: run the cells above.")
    deadline = time.monotonic() + LINES_TIMEOUT_S
    while (count := count_lines(lines, STORED_TOPIC)).missing and time.monotonic() < deadline:
        time.sleep(0.5)
    value = "as many"
    if count.lines != count.records:
        value = "more" if count.lines > count.records else "fewer"
    return Observed(
        value,
        f"{sentence(count.sentence)} Connect writes first and commits "
        "later, so what was written since the last commit is written again: at least once. How "
        "many those are depends on the moment of the kill.",
    )


def _is_settled(shares: list[int], partitions: int) -> bool:
    is_whole = len(shares) == 4 and sum(shares) == partitions
    return is_whole and max(shares) - min(shares) <= 1
