"""04b · Bad readings: a consumer program with a dead-letter queue."""

from __future__ import annotations

from typing import Any

from labkit.broker import kafka_clients
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import described
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.experiments import fresh_topic
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import attempts_in, records_of, why_invalid
from labkit.readings.reading import Reading

SENSORS_TOPIC = "lesson04b-sensors"
LETTERS_TOPIC = "lesson04b-sensors.dlq"
VALUES_TOPIC = "lesson04b-values"

VALUES = (b'{"co2_kg": 1.5}', b"not JSON", b"\x00\xff", b"")
HEADERS = ("partition", "offset", "exception.message")
STARTS = 3
ANSWER_S = 20.0

Place = tuple[int, int]
"""A partition and an offset."""


@exercise
def q1(refused: Any) -> str:
    r"""Which of these four values does a broker refuse? Give a list of their numbers.

    It may be empty: `[]`.

    0: `b'{"co2_kg": 1.5}'`, 1: `b"not JSON"`, 2: `b"\x00\xff"`, 3: `b""`
    """
    if isinstance(refused, int) and not isinstance(refused, bool):
        refused = [refused]
    numbers = range(len(VALUES))
    if not isinstance(refused, list | tuple | set) or any(one not in numbers for one in refused):
        raise NotYet(
            f"You gave {described(refused)}. The answer is a list of numbers from 0 to 3, such as "
            "`[0, 3]`; it may be empty."
        )
    fresh_topic(VALUES_TOPIC, num_partitions=1)
    with kafka_clients.producer() as producer:
        futures = [producer.send(VALUES_TOPIC, value=value) for value in VALUES]
        places = [future.get(timeout=ANSWER_S).offset for future in futures]
    if refused:
        one = min(refused)
        raise NotYet(f"The broker has acknowledged value {one}, {VALUES[one]!r}.")
    return f"All are in the topic, at the offsets {places}. To a broker, a value is bytes."


@prediction(possible=range(STARTS + 1), solution="ex.p1.predict(0)")
def p1(ends: int) -> Observed:
    """A program stops at the first bad record. It is started three times.

    How many of the three times does it reach the end of the topic?
    """
    if not any(why_invalid(record) for record in records_of(SENSORS_TOPIC)):
        raise NotAttempted(f"`{SENSORS_TOPIC}` holds no bad record: run the cells above.")
    return Observed(
        ends,
        "This program has no group, so it begins at the start each time, and meets a bad record. "
        "One that commits only what it has stored gets stuck in the same way. Such a record is "
        "called a poison pill. (With auto-commit, `close` after the error would commit behind the "
        "record, and skip it without a word. A `with` that ends with an error does not commit.)",
    )


@exercise
def q2(good: Any) -> str:
    """Write a consumer program that reads all of `lesson04b-sensors`.

    `good` is the list of its valid readings. Every other record goes to `lesson04b-sensors.dlq`:
    the same key, the same value, and the headers of `headers_of`. Wait for each answer.
    """
    if not isinstance(good, list) or not all(isinstance(one, Reading) for one in good):
        raise NotYet(
            f"You gave {described(good)}. The answer is a list of what `lab.Reading.from_json` "
            "returns."
        )
    sent = {(record.partition, record.offset): record for record in attempts_in(SENSORS_TOPIC)}
    bad = {place for place, record in sent.items() if why_invalid(record)}
    letters = _letters_by_place(sent)
    if missing := bad - letters.keys():
        raise NotYet(
            f"{many(len(bad) - len(missing), 'bad record')} of {len(bad)} have a letter in the "
            "queue."
        )
    if len({one.reading_id for one in good}) < len(sent) - len(bad):
        raise NotYet(
            f"The queue is right. But `good` has {many(len(good), 'reading')}, and more of the "
            f"{len(sent)} records are valid: does the loop go on after a bad one, and begin at the "
            "start?"
        )
    if len(good) != len(sent) - len(bad):
        raise NotYet("The queue is right. But `good` has readings twice: begin with `good = []`.")
    return (
        f"{len(sent)} records: {len(good)} are valid readings, {len(bad)} are in the queue, each "
        "with its place and the reason."
    )


@exercise
def q3(substitute: Any) -> str:
    """Make `substitute`: the reading of `mine` with the largest `load_mw`, marked `substituted`."""
    if not isinstance(substitute, Reading):
        raise NotYet(f"You gave {described(substitute)}. The answer is one reading.")
    if substitute.quality != "substituted":
        seen = substitute.quality
        why = ", so it looks like a real one" if seen == "measured" else ""
        raise NotYet(f"Its `quality` is `{seen}`{why}: the word is `substituted`.")
    plant = substitute.facility_id
    sent = [one for one in attempts_in(SENSORS_TOPIC) if one.key == plant.encode()]
    good = [Reading.from_json(one.value, one.timestamp) for one in sent if not why_invalid(one)]
    if not good or len(good) == len(sent):
        raise NotYet(f"`{plant}` sent no bad record, so it needs no substitute.")
    letters = [one for one in records_of(LETTERS_TOPIC) if one.key and one.headers]
    if letters and letters[0].key != plant.encode():
        raise NotYet(f"`{plant}` is not the plant of `mine`.")
    original = next((one for one in good if one.reading_id == substitute.reading_id), None)
    if original is None or substitute != original.model_copy(update={"quality": "substituted"}):
        raise NotYet("It is not one of the plant's readings with only its `quality` changed.")
    if substitute.load_mw != max(one.load_mw for one in good):
        raise NotYet(
            f"Its load is {substitute.load_mw:g} MW, and `{plant}` has reached more: a guess must "
            "not be to the plant's advantage."
        )
    return f"`{plant}` is reported with {substitute.load_mw:g} MW, its largest load, and marked."


def _letters_by_place(sent: dict[Place, Any]) -> dict[Place, Any]:
    """Return the newest letter of each place, or say what is wrong with it."""
    letters = {_place_in(letter): letter for letter in records_of(LETTERS_TOPIC)}
    for place, letter in letters.items():
        if place is None:
            continue
        original = sent.get(place)
        if original is None or original.value != letter.value or original.key != letter.key:
            raise NotYet(
                f"A letter names partition {place[0]}, offset {place[1]}, and its key or value is "
                "not that record's."
            )
        if not why_invalid(original):
            raise NotYet(
                f"The record at partition {place[0]}, offset {place[1]} is a valid reading, and "
                "has a letter in the queue."
            )
    if set(letters) == {None}:
        raise NotYet("The letters in the queue lack one of the three headers of `headers_of`.")
    found = {place: letter for place, letter in letters.items() if place is not None}
    reasons = {dict(letter.headers)[f"__connect.errors.{HEADERS[-1]}"] for letter in found.values()}
    if len(found) > 3 and len(reasons) == 1:
        raise NotYet(
            f"Each letter has the same reason, {reasons.pop().decode()!r}. `from_json` raises an "
            "error for each record, and that has the reason."
        )
    return found


def _place_in(letter: Any) -> Place | None:
    """Return the partition and offset that a letter's headers name; None if one is missing."""
    headers = {name: (content or b"").decode(errors="replace") for name, content in letter.headers}
    told = [headers.get(f"__connect.errors.{name}", "") for name in HEADERS]
    if not all(told) or not all(one.isdecimal() for one in told[:2]):
        return None
    return int(told[0]), int(told[1])
