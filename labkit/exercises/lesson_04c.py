"""04c · Exactly once: what a killed consumer stores twice, and one write for data and position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labkit.core.config import dead_letter_topic
from labkit.core.errors import TopicNotFound
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.child_programs import stored_csv
from labkit.exercises.queries.broker_queries import existing_topic, records_of
from labkit.topics.topics import describe_topic

KILLED_TOPIC = "lesson04c-killed"
STORED_TOPIC = "lesson04c-stored"

STOPS = (120, 1, 70)  # after so many records the check's consumer is stopped


@prediction(possible=range(301), solution="ex.p1.predict(50)")
def p1() -> Observed:
    """A consumer stores each record at once, and commits after every 100. It dies after 250.

    Another one carries on and stores the rest of the 300 records. How many are stored twice?
    """
    rows, known = _stored_rows(), len(records_of(KILLED_TOPIC))
    twice = len(rows) - len(set(rows))
    return Observed(
        twice,
        f"{len(rows)} rows for {known} records. The group's last commit said 200, so the second "
        f"consumer started there, and the first one had already stored {twice} more.",
    )


@exercise
def q1(smallest: Any, largest: Any) -> str:
    """Which offsets are in the CSV at `path` twice? Give the smallest and the largest."""
    smallest, largest = whole_number(smallest), whole_number(largest)
    offsets = [int(row.partition(",")[0]) for row in _stored_rows()]
    twice = sorted({offset for offset in offsets if offsets.count(offset) > 1})
    if (smallest, largest) == (twice[0], twice[-1]):
        return (
            f"From {smallest}, where the group's last commit was, to {largest}, the last one that "
            "the first consumer stored."
        )
    if smallest > largest:
        raise NotYet("The smallest comes first.")
    for name, said in (("smallest", smallest), ("largest", largest)):
        if said not in offsets:
            raise NotYet(f"Offset {said} is not in the file at all.")
        if said not in twice:
            raise NotYet(f"Offset {said}, your {name}, is in the file once.")
    raise NotYet("Both are in the file twice, and others outside of them as well.")


@exercise
def q2(next_offset: Callable[[Path], Any]) -> str:
    """Write `next_offset(path)`: where a consumer has to continue, according to its CSV.

    Each line is `offset,value`. The file (a `Path`) may be missing.
    The check stores the records of `lesson04c-killed`, stops three times, continues where your
    function says, and looks for lost or doubled ones.
    """
    records = {record.offset: record for record in records_of(KILLED_TOPIC)}
    if not records:
        raise NotAttempted(f"`{KILLED_TOPIC}` has no records: run the cells above.")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "once.csv"
        for stop_after in (*STOPS, len(records)):
            start = whole_number(next_offset(path), RETURNED)
            todo = [records[offset] for offset in sorted(records) if offset >= start][:stop_after]
            with path.open("a", encoding="utf-8") as csv:
                csv.writelines(f"{one.offset},{one.value.decode()}\n" for one in todo)
        stored = [int(line.split(",")[0]) for line in path.read_text("utf-8").splitlines()]
    twice = sorted({offset for offset in stored if stored.count(offset) > 1})
    lost = sorted(records.keys() - set(stored))
    if twice:
        raise NotYet(
            f"{many(len(twice), 'record')} stored twice, offset {twice[0]} for one. The last "
            "line's record is stored already."
        )
    if lost:
        raise NotYet(f"{many(len(lost), 'record')} not stored, offset {lost[0]} for one.")
    _check_later(next_offset)
    return f"Three stops, and each of the {len(records)} records is stored once, in order."


@exercise
def q3(rows: Any) -> str:
    """How many rows must the CSV of `lesson04c-stored` have, if nothing is lost or doubled?"""
    rows = whole_number(rows)
    records = existing_topic(STORED_TOPIC).records or 0
    if not records:
        raise NotAttempted(f"`{STORED_TOPIC}` holds no record yet.")
    try:
        letters = describe_topic(dead_letter_topic(STORED_TOPIC)).records or 0
    except TopicNotFound:
        letters = 0
    if rows == records - letters:
        return f"{records:,} records, and {many(letters, 'dead letter')} among them."
    if rows == records + letters:
        raise NotYet("A bad reading is in the topic already: do not count it again.")
    if rows == records and letters:
        raise NotYet("That many records are in the topic. Some of them have no row.")
    if rows == letters:
        raise NotYet("That many are dead letters. All other records of the topic are rows.")
    if rows == 0:
        raise NotYet(
            "The topic holds records, so its CSV must have rows. (`lab.read_table` takes the "
            "folder and the topic.)"
        )
    raise NotYet(
        "That is not what the broker counts now. Is the producer stopped, and has the consumer "
        "caught up? Run the cell above, and then your answer again."
    )


def _stored_rows() -> list[str]:
    """Return the lines of the CSV, once the second consumer has stored everything."""
    path, known = stored_csv(KILLED_TOPIC), len(records_of(KILLED_TOPIC))
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if not known or len(set(rows)) < known:
        raise NotAttempted("The second consumer has not run: run the cell above this one.")
    return rows


def _check_later(next_offset: Callable[[Path], Any]) -> None:
    """Try a CSV that does not begin at 0: a log whose beginning is deleted."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "later.csv"
        path.write_text("40,a\n41,b\n", encoding="utf-8")
        if (said := next_offset(path)) == 42:
            return
    raise NotYet(
        f"Right for these records. But of a CSV with the offsets 40 and 41 you said {said!r}: a "
        "log may begin later than 0, because retention deletes. Read the last line's offset."
    )
