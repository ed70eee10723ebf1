"""07 · Test and debug: tests, with and without a broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.checker.checker import check_pipeline
from labkit.core.config import load_config
from labkit.exercises.engine.answer_kinds import refusal, text, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.seeded_bugs import BUGS, Record, Step, store
from labkit.exercises.queries.broker_queries import records_of
from labkit.sink.segment_files import topic_dir

TOPIC = "lesson07-hunt"
COUNTED_DIR = "data/lesson07-counted"
MARKED_DIR = "data/lesson07-marked"
MENDED_DIR = "data/lesson07-mended"
SEED = 12

Place = tuple[int, int]
"""A record's partition and offset."""


@exercise
def q1(in_order: Callable[[list[Place]], Any]) -> str:
    """Write `in_order(places)`: it raises AssertionError if a partition's order is broken.

    It gets the places in `lesson07-hunt`, and then the same with a mistake in them. Within a
    partition each offset must be larger than the one before; numbers may be missing.
    """
    records = records_of(TOPIC)
    if len(records) < 10:
        raise NotAttempted(f"`{TOPIC}` holds no readings yet: run the cells above.")
    found = list(map(_place, records))
    mixed = [_place(one) for one in sorted(records, key=lambda one: one.timestamp)]
    gap = [place for place in found if place[1] != 1]
    for what, places in (("as they are", found), ("as they came", mixed), ("with a gap", gap)):
        if not _passes(in_order, places):
            raise NotYet(
                f"It fails for the topic's {len(places)} places, {what}, and nothing is wrong "
                "with them: an offset counts in its own partition only, and may skip numbers."
            )
    middle = len(found) // 2  # two neighbours of one partition, near the middle
    while found[middle][0] != found[middle + 1][0]:
        middle += 1
    for which, at in (
        ("first", 0),
        ("last but one", len(found) - 2),
        (f"{middle + 1:,}th", middle),
    ):
        swapped = [*found[:at], found[at + 1], found[at], *found[at + 2 :]]
        doubled = [*found[: at + 1], *found[at:]]
        for what, places in (
            ("changes places with the next one", swapped),
            ("is there twice", doubled),
        ):
            if _passes(in_order, places):
                raise NotYet(
                    f"It passes although the {which} of {len(found)} {what}. What does it compare?"
                )
    return f"It passes for the places of {len(found)} records, and fails for a swap and a double."


@prediction(possible=("passes", "fails"), solution='ex.p1.predict("passes")')
def p1() -> Observed:
    """A sink writes each partition's first record twice, and never its last.

    The test asks whether there are as many rows as records. Say 'passes' or 'fails'.
    """
    rows, records = _rows(COUNTED_DIR), len(records_of(TOPIC))
    wrong = check_pipeline(TOPIC, COUNTED_DIR, wait_s=0).violations
    return Observed(
        "passes" if rows == records else "fails",
        f"There are {rows} rows and {records} records. The checker, which compares record by "
        f"record, finds {', '.join(f'{number} {kind}' for kind, number in wrong.items())}. "
        "A sum can agree by accident.",
    )


@exercise
def q2(found: Any) -> str:
    """Which kind of fault does the sink of seed 12 have, and which record did it happen to?

    Answer `(kind, partition, offset)`, with the checker's word for the kind.
    """
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise NotYet(refusal(found, "three values, such as `('lost', 0, 7)`"))
    kind, said = text(found[0]), tuple(map(whole_number, found[1:]))
    (example, *_) = _verdict().examples
    if kind != example.kind:
        words = "" if kind in BUGS else f" The checker's words are {', '.join(BUGS)}."
        raise NotYet(f"You said {kind!r}, and the checker finds none of that kind.{words}")
    truth = (example.partition, example.offset)
    if said == truth[::-1] != truth:
        raise NotYet("The kind is right. The partition comes first, then the offset.")
    if said != truth:
        what = "kind and the partition are" if said[0] == truth[0] else "kind is"
        raise NotYet(
            f"The {what} right. The checker names another record than partition {said[0]}, "
            f"offset {said[1]}."
        )
    return f"Partition {truth[0]}, offset {truth[1]}: {kind}, as the seed chose."


@exercise
def q3(step: Step) -> str:
    """Write `step(records)`, a correct `faulty`: each record once, in order, and all of them.

    After a restart a whole run of records may come again. Your step stores the real topic, and the
    checker checks it.
    """
    cases: dict[str, Step] = {
        "On the real topic": lambda records: records,
        "Where one record comes twice": lambda records: [*records[:3], *records[2:]],
        "Where the first one comes three times": lambda records: [records[0], records[0], *records],
        "Where ten records come again, as after a restart": lambda records: [
            *records[:20],
            *records[10:],
        ],
    }
    for when, given in cases.items():
        store(TOPIC, MENDED_DIR, _after(given, step))
        verdict = check_pipeline(TOPIC, MENDED_DIR, wait_s=0)
        if not verdict.holds:
            raise NotYet(f"{when}: {verdict.sentence}")
    return f"{verdict.sentence} So it is where records come again."


def _after(given: Step, step: Step) -> Step:
    """Return a step that gets the records as `given` has changed them."""
    return lambda records: step(given(records))


def _place(record: Record) -> Place:
    return record.partition, record.offset


def _passes(test: Callable[[list[Place]], Any], places: list[Place]) -> bool:
    try:
        test(list(places))
    except AssertionError:
        return False
    return True


def _verdict() -> Any:
    """Return the checker's verdict on a sink with the seeded bug, stored for this."""
    store(TOPIC, MARKED_DIR, seed=SEED)
    return check_pipeline(TOPIC, MARKED_DIR, wait_s=0)


def _folder(data_dir: str) -> Path:
    return topic_dir(load_config().data_path(data_dir), TOPIC)


def _rows(data_dir: str) -> int:
    if not _folder(data_dir).is_dir():
        raise NotAttempted("Nothing is stored yet: run the cell above this one.")
    files = _folder(data_dir).glob("*.csv")
    return sum(len(path.read_bytes().splitlines()) - 1 for path in files)
