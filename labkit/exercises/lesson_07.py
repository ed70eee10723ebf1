"""07 · Test and debug: tests, with and without a broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labkit.checker.checker import check_pipeline
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.exercises.engine.answer_kinds import pair, shown, text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.seeded_bugs import Record, Step, bug_of_seed, store
from labkit.exercises.queries.broker_queries import records_of
from labkit.sink.segment_files import topic_dir

TOPIC = "lesson07-hunt"
COUNTED_DIR = "data/lesson07-counted"
HUNT_DIR = "data/lesson07-hunt"
MENDED_DIR = "data/lesson07-mended"
SEED = 2


@exercise
def q1(in_order: Callable[[Sequence[Record]], Any]) -> str:
    """Write `in_order(records)`: it raises AssertionError if a partition's order is broken.

    It gets the records of `lesson07-hunt`, and then the same with a mistake in them: a test that
    cannot fail is not a test.
    """
    found = records_of(TOPIC)
    if len(found) < 10:
        raise NotAttempted(f"`{TOPIC}` holds no readings yet: run the cells above.")
    mixed = sorted(found, key=lambda record: record.timestamp)  # partitions in turn
    gap = [record for record in found if record.offset != 1]
    for what, records in (("as they are", found), ("as they came", mixed), ("with a gap", gap)):
        if not _passes(in_order, records):
            raise NotYet(
                f"It fails for the topic's {len(records)} records, {what}, and nothing is wrong "
                "with them: an offset counts in its own partition only, and may skip numbers."
            )
    swapped = [found[1], found[0], *found[2:]]
    for what, records in (("swapped", swapped), ("stored twice", [found[0], *found])):
        if _passes(in_order, records):
            raise NotYet(f"It passes although the first record was {what}. What does it compare?")
    return f"It passes for {len(found)} real records, and fails for a swap and for a double."


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
def q2(kind: Any) -> str:
    """Which kind of fault does the sink of seed 2 have, in the checker's word?"""
    kind, found = text(kind), _verdict().violations
    if kind not in found:
        seen = _verdict().sentence
        raise NotYet(f"You said {kind!r}. Look once more at the table: {seen}")
    return f"It is {kind}: {found[kind]} of them, as the seed chose ({bug_of_seed(SEED)})."


@exercise
def q3(place: Any) -> str:
    """Which record did it happen to? Answer `(partition, offset)`."""
    said = pair(place)
    (example, *_) = _verdict().examples
    truth = (example.partition, example.offset)
    if said == truth:
        return f"Partition {truth[0]}, offset {truth[1]}: {example.kind}, as the checker tells."
    if said == truth[::-1]:
        raise NotYet("The partition comes first, then the offset.")
    if said[0] == truth[0]:
        raise NotYet(
            f"The partition is right; its offset {shown(said[1])} is stored as it should be."
        )
    raise NotYet(f"Partition {shown(said[0])} is stored as it should be: see `verdict.examples`.")


@exercise
def q4(step: Step) -> str:
    """Fix `step`: it must write each record once, and all of them.

    It stores the real topic, also with a record that comes twice, and the checker checks it.
    """
    store(TOPIC, MENDED_DIR, step)
    verdict = check_pipeline(TOPIC, MENDED_DIR, wait_s=0)
    if not verdict.holds:
        raise NotYet(f"On the real topic: {verdict.sentence}")
    store(TOPIC, MENDED_DIR, lambda records: step([*records[:3], *records[2:]]))
    verdict = check_pipeline(TOPIC, MENDED_DIR, wait_s=0)
    if not verdict.holds:
        raise NotYet(f"Where a record comes twice, as after a restart: {verdict.sentence}")
    return verdict.sentence


def _passes(test: Callable[[Sequence[Record]], Any], records: Sequence[Record]) -> bool:
    try:
        test(records)
    except AssertionError:
        return False
    return True


def _verdict() -> Any:
    """Return the checker's verdict on the sink with the seeded bug."""
    if not _folder(HUNT_DIR).is_dir():
        raise NotAttempted("The sink has not run yet: run the cell that stores the topic.")
    verdict = check_pipeline(TOPIC, HUNT_DIR, wait_s=0)
    if not verdict.examples:
        msg = "The CSV has no bug in it: it was not stored with `seed=2`, or the topic is new"
        raise LabError(msg, f'store("{TOPIC}", "{HUNT_DIR}", seed={SEED})')
    return verdict


def _folder(data_dir: str) -> Path:
    return topic_dir(load_config().data_path(data_dir), TOPIC)


def _rows(data_dir: str) -> int:
    if not _folder(data_dir).is_dir():
        raise NotAttempted("Nothing is stored yet: run the cell above this one.")
    files = _folder(data_dir).glob("*.csv")
    return sum(len(path.read_bytes().splitlines()) - 1 for path in files)
