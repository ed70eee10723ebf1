"""03 · The producer: readings become records, and what is lost without waiting for the answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import described, pair, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.experiments import fresh_topic
from labkit.exercises.engine.outcome import NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.lesson_support.child_programs import SENDER
from labkit.exercises.queries.broker_queries import attempts_in, records_of

BY_HAND_TOPIC = "lesson03-by-hand"
KEPT_TOPIC = "lesson03-kept"
PROGRAM_TOPIC = "lesson03-program"

SENT = 24
CHILD_S = 30.0
# In the check's child no pause helps: a batch waits longer than the child may run.
PATIENT_SENDER = SENDER.replace("linger_ms=5000", "linger_ms=60_000")
CAME_TO_THE_END = "came to the end"
PLANTS = [f"GB-GAS-{number:03d}" for number in range(1, 6)]
EACH = 4


@prediction(possible=range(SENT + 1), solution="ex.p1.predict(0)")
def p1() -> Observed:
    """A program calls `send` 24 times, without an error, and is then ended by force.

    As with `kill -9` or a power cut, nothing after that point runs. Its producer may wait up to
    5,000 ms to fill a batch. How many of the 24 reach the topic?
    """
    found = len(records_of("lesson03-hard"))
    return Observed(
        found,
        f"The topic holds {found} of the {SENT} records. `send` had put all of them into the "
        "program's own memory, and they were lost with the program.",
    )


@exercise
def q1(answer: Any) -> str:
    """Which partition and offset did the broker give to the record of `future`?"""
    if hasattr(answer, "add_callback"):
        raise NotYet("This is the future itself. Wait for what it will hold: call its `get`.")
    if hasattr(answer, "partition") and hasattr(answer, "offset"):
        answer = (answer.partition, answer.offset)
    place = tuple(whole_number(one) for one in pair(answer))
    found = attempts_in(BY_HAND_TOPIC)
    newest = max(found, key=lambda record: (record.timestamp, record.offset))
    if place == (newest.partition, newest.offset):
        return (
            f"Partition {newest.partition}, offset {newest.offset}: the record's address for as "
            "long as it is kept, and the proof that the broker has it."
        )
    if place == (newest.offset, newest.partition):
        raise NotYet("These are the two numbers. The partition comes first, then the offset.")
    if place in {(record.partition, record.offset) for record in found}:
        raise NotYet(
            "An earlier record is there. You have sent another one since: take the answer of the "
            "newest `future`."
        )
    raise NotYet("No record of `lesson03-by-hand` is there. Take the numbers from the answer.")


@exercise
def q2(last_line: str) -> str:
    """Which last line makes an abrupt end harmless?

    The check adds your line to the program, and then `os._exit(0)`. In its program a record may
    wait a whole minute for its batch.
    """
    if not isinstance(last_line, str):
        raise NotYet(
            f"`last_line` is {described(last_line)}, not text. Put your line between quotation "
            "marks: the check runs it in the program, not here."
        )
    topic = fresh_topic(KEPT_TOPIC, num_partitions=3)
    code = f"{PATIENT_SENDER}{last_line}\nprint({CAME_TO_THE_END!r}, flush=True)\nos._exit(0)"
    command = [sys.executable, "-P", "-c", code, bootstrap_servers(), topic.name]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, timeout=CHILD_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotYet(
            f"The program still ran after {CHILD_S:.0f} s. A pause only guesses how long the "
            "broker needs: wait for its answers instead."
        ) from error
    if child.returncode:
        said = child.stderr.strip().rpartition("\n")[2]
        raise NotYet(f"With your line the program fails: `{said}`.")
    if CAME_TO_THE_END not in child.stdout:
        raise NotYet("Your line ends the program itself, before the abrupt end that is asked for.")
    found = len(records_of(topic.name))
    if found != SENT:
        raise NotYet(
            f"{found} of {SENT} records arrived; the rest was lost with the program's memory: "
            "your line does not wait for the answers."
        )
    return f"All {SENT} records are in the topic: the program ended after the last answer."


@exercise
def q3(acknowledged: Any) -> str:
    """Write a producer program that sends each reading of `todo` to `lesson03-program`.

    The key is the plant's id, the value is the reading as JSON. At the end, `acknowledged` is the
    number of records that the broker has acknowledged.
    """
    acknowledged = whole_number(acknowledged)
    if acknowledged == 0:
        raise NotYet(
            "You counted no record as acknowledged. If you counted while they were being sent, the "
            "answers had not come: count after the end of the `with` block. And kafka-python's "
            "producer sends nothing more after a record was refused: begin the cell with a new "
            "`KafkaProducer`. Else look at `exception` of one of your futures."
        )
    wanted = len(PLANTS) * EACH
    found = sorted(attempts_in(PROGRAM_TOPIC), key=lambda one: (one.timestamp, one.offset))
    newest = found[-wanted:]  # so that an earlier, wrong attempt does not count
    plants = Counter(_plant_of(record) for record in newest)
    if any(b'"photo"' in (record.value or b"") for record in newest):
        raise NotYet(
            "The reading with the photo is in the topic. Leave the topic's limit as it is: "
            f'`lab.fresh_topic("{PROGRAM_TOPIC}", config={{"max.message.bytes": 10_000}})` makes '
            "it again."
        )
    if len({record.value for record in newest}) < len(newest):
        raise NotYet("Some of the newest records are the same reading, sent twice.")
    if len(newest) < wanted or any(plants[plant] != EACH for plant in PLANTS):
        counts = ", ".join(f"{plants[plant]} of {plant}" for plant in sorted(plants))
        raise NotYet(
            f"The newest {many(len(newest), 'record')} are {counts}. Asked for: {EACH} of each of "
            f"the {len(PLANTS)} plants in `todo`."
        )
    if acknowledged == wanted + 1:
        raise NotYet(
            "The topic holds what it should. But you counted every call of `send`, and one record "
            "was never acknowledged: count the futures that succeeded."
        )
    if acknowledged != wanted:
        raise NotYet(
            f"The topic holds what it should. But you counted {many(acknowledged, 'record')}: "
            "count the futures that succeeded, when all answers have come."
        )
    return (
        f"{acknowledged} records, each with its plant as the key, are acknowledged and in the "
        "topic. The one with the photo is not: only a future says so."
    )


def _plant_of(record: Any) -> str:
    """Return the plant of a record that is as it should be, or say what is wrong with it."""
    place = f"The record at partition {record.partition}, offset {record.offset}"
    if record.key is None:
        raise NotYet(f"{place} has no key, so a plant's readings would not stay in order.")
    try:
        reading = json.loads(record.value or b"")
    except ValueError as error:
        seen = (record.value or b"")[:40]
        raise NotYet(f"{place} is not JSON: it begins {seen!r} ({error}).") from error
    if not isinstance(reading, dict) or "co2_kg" not in reading:
        raise NotYet(f"{place} is JSON, but not one of the readings in `todo`.")
    key = record.key.decode(errors="replace")
    if key != reading.get("facility_id"):
        raise NotYet(
            f"{place} has the key {key!r}, and its value is a reading of "
            f"{reading.get('facility_id')!r}."
        )
    return str(key)
