"""04 · The consumer: offsets, groups, duplicates, dead letters, exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labkit.core.config import load_config
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import (
    attempts_in,
    committed_of,
    existing_topic,
    records_of,
    shares_of,
    why_invalid,
)
from labkit.readings.reading import Reading

READINGS_TOPIC = "lesson04-readings"
SHARED_GROUP = "lesson04-shared"
REWOUND_GROUP = "lesson04-rewound"
KILLED_TOPIC = "lesson04-killed"
SENSORS_TOPIC = "lesson04-sensors"
LETTERS_TOPIC = "lesson04-sensors.dlq"
SUBSTITUTES_TOPIC = "lesson04-substitutes"

ADDRESS = (1, 10)
REWIND_TO = 5
MEMBERS = 4
SETTLE_S = 15.0
STOPS = (120, 1, 70)  # after so many records the check's consumer is stopped


def killed_csv() -> Path:
    """Return where the lesson's program of that kind writes."""
    return load_config().data_path("data/lesson04") / "killed.csv"


@prediction(possible=range(MEMBERS + 1), solution="ex.p1.predict(1)")
def p1() -> Observed:
    """Four consumers are members of one group. Their topic has three partitions.

    How many of the four have nothing to do?
    """
    deadline = time.monotonic() + SETTLE_S
    while len(shares := shares_of(SHARED_GROUP)) != MEMBERS or sum(shares) == 0:
        if time.monotonic() > deadline or not shares:
            raise NotAttempted(f"The group has {len(shares)} members: run the cell above again.")
        time.sleep(0.1)
    return Observed(
        shares.count(0),
        f"The group's coordinator says: {', '.join(map(str, shares))} "
        "partitions for the four. A partition goes to one member of a group, so that one member "
        "reads it in order; the others wait, ready to take over.",
    )


@prediction(possible=range(301), solution="ex.p2.predict(50)")
def p2() -> Observed:
    """A consumer stores each record at once, and commits after every 100. It dies after 250.

    Another one carries on and stores the rest of the 300 records. How many are stored twice?
    """
    path, known = killed_csv(), len(records_of(KILLED_TOPIC))
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if not known or len(set(rows)) < known:
        raise NotAttempted("The second consumer has not run: run the cell above this one.")
    twice = len(rows) - len(set(rows))
    return Observed(
        twice,
        f"{len(rows)} rows for {known} records. The group's last commit said 200, so the second "
        f"consumer started there, and the first one had already stored {twice} more.",
    )


@exercise
def q1(key: bytes) -> str:
    """Which key does the record of `lesson04-readings` at partition 1, offset 10 have?"""
    found = {(record.partition, record.offset): record for record in records_of(READINGS_TOPIC)}
    if ADDRESS not in found:
        raise NotAttempted(f"`{READINGS_TOPIC}` has no such record: run the cells above.")
    seen = found[ADDRESS].key
    if isinstance(key, str) and key.encode() == seen:
        raise NotYet(f"It is {key!r}, yes; but a key is bytes: `{seen!r}`.")
    if isinstance(key, dict):
        raise NotYet("`poll` returns a list of records for each partition. Take one's `key`.")
    if key != seen:
        places = [place for place, record in found.items() if record.key == key]
        where = "partition {}, offset {}".format(*places[0]) if places else "no record at all"
        raise NotYet(f"You said {key!r}. That is the key of {where}.")
    return f"It is {seen!r}. The record is still there: reading removes nothing."


@exercise
def q2() -> str:
    """Set the group `lesson04-rewound` back to offset 5 of each partition.

    The topic is `lesson04-readings`.
    """
    committed = committed_of(REWOUND_GROUP, READINGS_TOPIC)
    if not committed:
        raise NotAttempted(f"The group `{REWOUND_GROUP}` has committed nothing for the topic yet.")
    for one in existing_topic(READINGS_TOPIC).partitions:
        offset = committed.get(one.partition)
        if offset is None:
            raise NotYet(f"Nothing is committed for partition {one.partition}.")
        if offset == one.end_offset:
            raise NotYet(
                f"Partition {one.partition} is at {offset}, its end: a commit or a close after a "
                "poll commits the position after that poll. Commit what you mean: `commit({...})`."
            )
        if offset != REWIND_TO:
            raise NotYet(
                f"Partition {one.partition} is at {offset}. What is committed is the offset of "
                f"the next record to read, here {REWIND_TO}."
            )
    return "The coordinator has offset 5 for each of the partitions: its next record."


@exercise
def q3(next_offset: Callable[[Path], Any]) -> str:
    """Write `next_offset(path)`: where a consumer has to continue, according to its CSV.

    Each line is `offset,value`. The file (a `Path`) may be missing.
    The check stores the records of `lesson04-killed` with it, and stops three times.
    """
    records = {record.offset: record for record in records_of(KILLED_TOPIC)}
    if not records:
        raise NotAttempted(f"`{KILLED_TOPIC}` has no records: run the cells above.")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "once.csv"
        for stop_after in (*STOPS, len(records)):
            start = next_offset(path)
            todo = [records[offset] for offset in sorted(records) if offset >= start][:stop_after]
            with path.open("a", encoding="utf-8") as csv:
                csv.writelines(f"{one.offset},{one.value.decode()}\n" for one in todo)
        stored = [int(line.split(",")[0]) for line in path.read_text("utf-8").splitlines()]
    twice = sorted({offset for offset in stored if stored.count(offset) > 1})
    lost = sorted(records.keys() - set(stored))
    if twice:
        raise NotYet(
            f"{len(twice)} records are stored twice, offset {twice[0]} for one. The last line's "
            "offset is done; the next one is one more."
        )
    if lost:
        raise NotYet(f"{len(lost)} records are not stored, offset {lost[0]} for one.")
    _check_later(next_offset)
    return f"Three stops, and each of the {len(records)} records is stored once, in order."


@exercise
def q4(headers_of: Callable[[Any, Exception], Any]) -> str:
    """Write `headers_of(record, error)`: the headers of a dead letter, for the loop below.

    Four pairs of a name and bytes. The names: `__connect.errors.topic`, and likewise
    `partition`, `offset` and `exception.message`. Run both cells of the loop before the check.
    """
    sent = {(record.partition, record.offset): record for record in records_of(SENSORS_TOPIC)}
    bad = {place for place, record in sent.items() if why_invalid(record)}
    letters = records_of(LETTERS_TOPIC)
    found = set()
    for letter in letters:
        headers = {name: (content or b"").decode() for name, content in letter.headers}
        for name in ("topic", "partition", "offset", "exception.message"):
            if not headers.get(f"__connect.errors.{name}"):
                raise NotYet(
                    f"The dead letter at offset {letter.offset} has no `__connect.errors.{name}`, "
                    f"only {sorted(headers) or 'no headers at all: run the loop again'}."
                )
        place = _place_in(headers)
        if place not in bad or sent[place].value != letter.value:
            raise NotYet(f"A dead letter names {place}; its value comes from elsewhere.")
        found.add(place)
    if found != bad:
        raise NotYet(f"{len(found)} of the {len(bad)} bad records are in the queue.")
    reason = dict(letters[0].headers)["__connect.errors.exception.message"].decode()
    return f"All {len(bad)} bad records are there, each with its place. The first says: {reason}"


@exercise
def q5() -> str:
    """Send a substitute for one of the bad records to `lesson04-substitutes`.

    It is the good reading of the same plant with the largest `load_mw`.
    Its `quality` is changed to `substituted`, and the key is the plant's id.
    """
    found = attempts_in(SUBSTITUTES_TOPIC)
    newest = max(found, key=lambda record: (record.timestamp, record.offset))
    if why := why_invalid(newest):
        raise NotYet(f"The newest record is not a reading: {why}.")
    substitute = Reading.from_json(newest.value, newest.timestamp)
    plant = substitute.facility_id
    if newest.key != plant.encode():
        raise NotYet(f"Its key is {newest.key!r}, and it is a reading of `{plant}`.")
    if substitute.quality != "substituted":
        raise NotYet("Its `quality` is `measured`, so it looks like a real one.")
    sent = [record for record in records_of(SENSORS_TOPIC) if record.key == newest.key]
    good = [Reading.from_json(one.value, one.timestamp) for one in sent if not why_invalid(one)]
    if len(good) == len(sent):
        raise NotYet(f"`{plant}` sent no bad record, so it needs no substitute.")
    largest = max(one.load_mw for one in good)
    if substitute.load_mw != largest:
        raise NotYet(
            f"Its load is {substitute.load_mw:g} MW, and `{plant}` reached {largest:g} MW: a guess "
            "must not be to the plant's advantage."
        )
    return f"`{plant}` is reported with {largest:g} MW, its largest load, and marked."


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


def _place_in(headers: dict[str, str]) -> tuple[int, int]:
    """Return the partition and offset that a letter's headers name, or say what they are."""
    partition, offset = (headers[f"__connect.errors.{name}"] for name in ("partition", "offset"))
    try:
        return int(partition), int(offset)
    except ValueError as error:
        raise NotYet(f"Partition {partition!r} and offset {offset!r} are not numbers.") from error
