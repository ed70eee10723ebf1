"""03 · The producer: a fleet, what is lost without flush, acks, batching, compression."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.experiments import fresh_topic
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, is_within, prediction
from labkit.exercises.lesson_support.child_programs import SENDER
from labkit.exercises.queries.broker_queries import (
    attempts_in,
    log_bytes_of,
    records_of,
    why_invalid,
)

FLEET_TOPIC = "lesson03-fleet"
FACTORS_TOPIC = "lesson03-factors"
KEPT_TOPIC = "lesson03-kept"
PACKED_TOPIC = "lesson03-packed"
FAULTY_TOPIC = "lesson03-faulty"

CHILD_S = 60.0
PLANTS = 5
SENT = 24
PACKED = 500
PACKED_BYTES = 25_000
NET_GJ = 1_000
NET_PER_GROSS = 0.90
GJ_PER_MMBTU = 1.055
IPCC_KG = 56.1 * NET_GJ
EPA_KG_PER_MMBTU = 53.06
EPA_KG = EPA_KG_PER_MMBTU * NET_GJ / NET_PER_GROSS / GJ_PER_MMBTU
# Wrong results, and which step was left out or reversed.
EPA_MISTAKES = {
    EPA_KG * NET_PER_GROSS: (
        "that takes net heat for gross heat. The EPA counts more heat for the same gas: divide the "
        "net GJ by 0.9 first"
    ),
    EPA_KG * NET_PER_GROSS**2: "gross heat is more than net heat: divide by 0.9, not multiply",
    EPA_KG * GJ_PER_MMBTU: "that takes 1 GJ for 1 mmBtu: divide by 1.055 as well",
    EPA_KG * GJ_PER_MMBTU**2: "1 mmBtu is 1.055 GJ, so there are fewer mmBtu than GJ: divide",
    EPA_KG_PER_MMBTU * NET_GJ: "that takes 1,000 GJ net for 1,000 mmBtu gross: two steps to go",
}


@prediction(possible=range(SENT + 1), solution="ex.p1.predict(0)")
def p1() -> Observed:
    """A program calls `send` 24 times, without an error, and ends at once, as by `kill -9`.

    Its producer may wait up to 1,000 ms to fill a batch. How many of the 24 reach the topic?
    """
    found = len(records_of("lesson03-hard"))
    return Observed(
        found,
        f"The topic holds {found} of the {SENT} records. `send` had put all of them into the "
        "program's own memory, and was lost with the program.",
    )


@prediction(possible=range(101), solution="ex.p2.predict(11)", matches=is_within(10))
def p2() -> Observed:
    """500 readings are sent plain, and once more with gzip, many in a batch.

    How many percent of the plain bytes does the log with gzip take? (10 more or less will do.)
    """
    plain, packed = log_bytes_of("lesson03-plain"), log_bytes_of("lesson03-gzip")
    if not plain or not packed:
        raise NotAttempted("Nothing has been sent yet: run the cell above this one.")
    return Observed(
        round(100 * packed / plain),
        f"Percent, that is: {packed:,} bytes instead of {plain:,}. Readings are similar, and "
        "gzip writes what it has seen before in this batch as a short reference.",
    )


@exercise
def q1() -> str:
    """Send a reading of each of your five `plants` to the topic `lesson03-fleet`.

    The record's key is the plant's `facility_id`, its value the reading in JSON.
    """
    found = attempts_in(FLEET_TOPIC)
    for record in found:
        reading = _reading_in(record)
        if record.key is None:
            raise NotYet(
                f"{_place(record)} has no key, so a plant's readings would not keep order."
            )
        if record.key.decode(errors="replace") != reading.get("facility_id"):
            raise NotYet(
                f"{_place(record)} has the key {record.key!r}, and its value is a reading of "
                f"{reading.get('facility_id')!r}."
            )
        if "factor_id" not in reading:
            raise NotYet(f"{_place(record)} does not say which emission factor was used.")
    keys = {record.key for record in found}
    if len(keys) != PLANTS:
        raise NotYet(f"Readings of {len(keys)} plants are in the topic; {PLANTS} were asked for.")
    used = len({record.partition for record in found})
    return (
        f"{len(found)} records of {PLANTS} plants are in {many(used, 'partition')}, each with "
        "its plant as key, and each value is JSON that says which factor made it."
    )


@exercise
def q2() -> str:
    """A plant burns 1,000 GJ (net) of natural gas. Send two records to `lesson03-factors`.

    Each is JSON, with `factor_id` and `co2_kg`:
    `ipcc2006-gas`: 56.1 kg per GJ net
    `epa98-gas`: 53.06 kg per mmBtu gross; 1 mmBtu is 1.055 GJ, and net is 0.9 of gross
    """
    latest: dict[Any, Any] = {}
    for record in sorted(attempts_in(FACTORS_TOPIC), key=lambda record: record.timestamp):
        reading = _reading_in(record)
        latest[reading.get("factor_id")] = reading.get("co2_kg")
    for factor_id in ("ipcc2006-gas", "epa98-gas"):
        if not isinstance(latest.get(factor_id), int | float):
            raise NotYet(f"No record with the factor_id `{factor_id}` and a number as `co2_kg`.")
    ipcc, epa = latest["ipcc2006-gas"], latest["epa98-gas"]
    if not _is_close(ipcc, IPCC_KG):
        raise NotYet(
            f"By IPCC you have {ipcc:,.0f} kg; 1,000 GJ at 56.1 kg each are {IPCC_KG:,.0f}."
        )
    if not _is_close(epa, EPA_KG):
        why = (said for wrong, said in EPA_MISTAKES.items() if _is_close(epa, wrong))
        raise NotYet(f"By EPA you have {epa:,.0f} kg: {next(why, 'that is far from IPCC')}.")
    return (
        f"{ipcc:,.0f} kg by IPCC and {epa:,.0f} kg by EPA: {abs(epa / ipcc - 1):.1%} apart. Done "
        "on the wrong basis it would be 12 % (coal: 7 %), and without `factor_id` nobody could "
        "tell afterwards."
    )


@exercise
def q3(last_line: str) -> str:
    """Which line at the program's end lets it end abruptly without losing a record?

    The check runs the child with your line, and then `os._exit(0)`.
    """
    if not isinstance(last_line, str):
        raise NotYet(
            f"`last_line` is {last_line!r}, not text: your line ran here, in the notebook. Put "
            "it between quotation marks, and the child runs it."
        )
    topic = fresh_topic(KEPT_TOPIC, num_partitions=3)
    code = f"{SENDER}{last_line}\nos._exit(0)"
    command = [sys.executable, "-P", "-c", code, bootstrap_servers(), topic.name]
    child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_S, check=False)
    if child.returncode:
        said = child.stderr.strip().rpartition("\n")[2]
        raise NotYet(f"With your line the child fails: `{said}`.")
    found = len(records_of(topic.name))
    if found != SENT:
        raise NotYet(
            f"{found} of {SENT} records arrived; the rest was lost with the program's memory: "
            "your line does not wait for the answers."
        )
    return f"All {SENT} records are in the topic: the program ended after the last answer."


@exercise
def q4() -> str:
    """Store the 500 `readings` in `lesson03-packed`, in at most 25,000 bytes of log.

    `send_all` sends them; you choose its settings.
    """
    found = attempts_in(PACKED_TOPIC)
    for record in found:
        if why := why_invalid(record):
            raise NotYet(f"{_place(record)} is not a reading: {why}.")
    if len(found) != PACKED:
        raise NotYet(f"{len(found)} records are in the topic; {PACKED} readings were asked for.")
    size, plain = log_bytes_of(PACKED_TOPIC), sum(len(record.value) for record in found)
    if size > PACKED_BYTES:
        how = (
            "nothing was compressed"
            if size > plain
            else "it is compressed, but in small batches: let more records share one"
        )
        raise NotYet(f"The log takes {size:,} bytes, more than {PACKED_BYTES:,}: {how}.")
    return (
        f"The log takes {size:,} bytes for {plain:,} bytes of JSON, and any consumer can read it."
    )


@exercise
def q5(bad: Any) -> str:
    """How many of the values in `lesson03-faulty` are not valid readings?"""
    bad = whole_number(bad)
    found = attempts_in(FAULTY_TOPIC)
    reasons = [reason for record in found if (reason := why_invalid(record))]
    if bad != len(reasons):
        raise NotYet(
            f"You said {bad}; read back, {len(reasons)} of {len(found)} values are not readings."
        )
    return (
        f"Read back, {bad} of {len(found)} are not readings. One of them: {reasons[0]}. The broker "
        "took them all, because to Kafka a value is bytes."
    )


def _reading_in(record: Any) -> dict[str, Any]:
    """Return the JSON object in a record's value, or say what is there instead."""
    try:
        found = json.loads(record.value or b"")
    except ValueError as error:
        seen = (record.value or b"")[:40]
        raise NotYet(f"{_place(record)} is not JSON: it begins {seen!r} ({error}).") from error
    if not isinstance(found, dict):
        raise NotYet(f"{_place(record)} is JSON, but not an object: {found!r}.")
    return found


def _place(record: Any) -> str:
    return f"the record at partition {record.partition}, offset {record.offset}"


def _is_close(one: float, other: float) -> bool:
    return abs(one / other - 1) < 0.005
