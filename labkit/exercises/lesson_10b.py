"""10b · Kafka Connect: settings instead of a program, and what at least once means."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.connect.connect import Connect
from labkit.core.errors import LabError
from labkit.core.text_tables import many
from labkit.core.wording import sentence
from labkit.exercises.engine.answer_kinds import RETURNED, refusal, text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.kafka_connect_lines import count_lines
from labkit.exercises.queries.broker_queries import committed_of, existing_topic, shares_of

STORED_TOPIC, CONNECTOR = "lesson10b-stored", "lesson10b-file"
LINES_TIMEOUT_S = 60.0
FIRST_RECORDS = 1_000  # before the kill
LINES = [f"{plant} {number}" for number in range(40) for plant in ("B", "A", "C")]
AS_STORED = {
    "without a repeated line": LINES,
    "where the last ten lines are there again": [*LINES, *LINES[-10:]],
    "where lines are repeated much later": [*LINES[:30], *LINES[3:60], *LINES[50:], *LINES[:2]],
    "where a line is there three times": [LINES[1], *LINES, LINES[1], LINES[0]],
    "without a line": [],
}


@exercise
def q1(connect: Connect) -> str:
    """Create the connector `lesson10b-file`: two tasks write `lesson10b-stored` to `lines`."""
    try:
        status = connect.status(CONNECTOR)
    except LabError as error:
        raise NotAttempted(sentence(error.what)) from error
    if status.failure:
        raise NotYet(f"Connect says: {status.failure}")
    settings = connect.settings(CONNECTOR)
    if (topics := settings.get("topics")) != STORED_TOPIC:
        raise NotYet(f"Its `topics` are `{topics}`, not `{STORED_TOPIC}`.")
    if not Path(file := settings.get("file", "")).is_absolute():
        raise NotYet(f"Its `file` is `{file}`, and not the path in `lines`: `str(lines)`.")
    if others := sorted({one.connector for one in connect.tasks} - {CONNECTOR}):
        raise NotYet(
            f"There is also the connector `{others[0]}`, which writes as well: "
            f'`connect.delete("{others[0]}")`.'
        )
    if len(status.tasks) != 2:
        raise NotYet(f"It has {many(len(status.tasks), 'task')}, not 2: see `tasks.max`.")
    if not status.is_running:
        raise NotYet(f"It is not running yet: {status}")
    where = ", ".join(f"task {one.task} on worker {one.worker}" for one in status.tasks)
    return f"Connect runs {where}."


@exercise
def q2(group_id: Any) -> str:
    """Name the consumer group that the tasks of the connector `lesson10b-file` are members of.

    Each task is a member of a group, as any consumer is. `!labkit kafka kafka-consumer-groups
    --list` lists the groups of the cluster.
    """
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
    possible=("fewer", "as many", "more"), solution='ex.p1.predict("more")', is_certain=False
)
def p1(lines: Path) -> Observed:
    """A Connect worker is killed in the middle of its work, and the other takes over its tasks.

    Does the file end up with 'fewer' lines than the topic has records, 'as many', or 'more'?
    """
    if not lines.exists():
        raise NotAttempted(f"There is no {lines.name} yet: run the cells above.")
    if (existing_topic(STORED_TOPIC).records or 0) <= FIRST_RECORDS:
        raise NotAttempted("No worker was killed at its work yet: run the cells above.")
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


@exercise
def q3(once: Callable[[list[str]], Any]) -> str:
    """Write `once(stored)`: the lines in their order, each of them once.

    Return a list. A repeated line may come much later than the first one.
    """
    for what, lines in AS_STORED.items():
        said, right = once(list(lines)), list(dict.fromkeys(lines))
        if not isinstance(said, list):
            raise NotYet(refusal(said, "a list", RETURNED))
        if len(said) > len(right):
            raise NotYet(f"A file {what}: {many(len(said) - len(right), 'line')} too many.")
        if set(right) - set(said):
            raise NotYet(f"A file {what}: some of its lines are not in your list.")
        if said != right:
            raise NotYet(f"A file {what}: its lines are not in their order.")
    return f"Right for {many(len(AS_STORED), 'file')}, with lines that are repeated and without."
