"""00 · Start here: from a chimney to a pixel."""

from __future__ import annotations

import time
from typing import Any

from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import shown, text, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic
from labkit.ledger.ledger import carbon_ledger
from labkit.producer.producer import Producer
from labkit.table.table import read_table

TOPIC = "co2-emissions"
FIRST_RATE = 20
WANTED_RATE = 50
GROWTH_TIMEOUT_S = 20.0


@exercise
def q1(partitions: Any) -> str:
    """How many partitions does the topic `co2-emissions` have?"""
    topic, partitions = existing_topic(TOPIC), whole_number(partitions)
    if partitions == topic.num_partitions:
        numbers = ", ".join(str(one.partition) for one in topic.partitions)
        return f"The broker says the same: partitions {numbers}."
    if partitions == topic.num_partitions - 1:
        raise NotYet(f"{partitions} is the number of the last one. The first is partition 0.")
    raise NotYet(f"You said {partitions}; the broker has another number.")


@exercise
def q2(producer: Any) -> str:
    """Let the producer send 50 readings a second instead of 20."""
    if not isinstance(producer, Producer):
        raise NotYet(
            f"`producer` is now {shown(producer)}, not a producer: start it again (section 3)."
        )
    if not producer.is_running:
        raise NotAttempted("The producer is not running: start it again (section 3).")
    rate = producer.readings_per_s
    if rate == FIRST_RATE:
        raise NotAttempted(f"It still sends {FIRST_RATE} readings a second.")
    if rate != WANTED_RATE:
        raise NotYet(f"It is set to {rate:g} readings a second; the task is {WANTED_RATE}.")
    before, began = _records(producer.topic), time.monotonic()
    while (more := _records(producer.topic) - before) < WANTED_RATE:
        if time.monotonic() - began > GROWTH_TIMEOUT_S:
            raise NotYet(f"It is set to {rate:g}, but the topic has only {more} more records.")
        time.sleep(0.1)
    took_s = time.monotonic() - began
    return f"The topic got {more} more records within {took_s:.1f} s."


@prediction(possible=range(100_001), solution="ex.p1.predict(0)")
def p1() -> Observed:
    """The consumer is killed while readings flow, and started again some time later.

    How many readings will be missing from the CSV in the end?
    """
    ledger = carbon_ledger()
    if ledger.lag:
        raise NotAttempted(f"{ledger.lag} records are still on their way: run the cell above.")
    sent, stored = ledger.topic.records or 0, ledger.csv.records or 0
    if not sent or not stored:
        raise NotAttempted("Nothing has been sent and stored yet: run the cells above.")
    return Observed(
        sent - stored,
        f"{sent:,} readings are in the topic, and {stored:,} in the CSV. Meanwhile Kafka "
        "kept them; the new consumer continued where the file ended.",
    )


@exercise
def q3(rows: Any) -> str:
    """How many rows does the CSV of partition 0 have?"""
    table = read_table(topic=TOPIC)
    partitions = table["partition"]
    offsets = table.loc[partitions == 0, "offset"]
    if offsets.empty:
        raise NotAttempted(
            "The CSV of partition 0 has no row yet: are the producer and consumer running?"
        )
    said = whole_number(rows)
    if said == len(offsets):
        return (
            f"`{TOPIC}/0.csv` was read: {said:,} rows, with the offsets {offsets.min():,} to "
            f"{offsets.max():,}, each of them once."
        )
    if said == len(table):
        raise NotYet(f"{said:,} is the whole table: the rows of all {partitions.nunique()} files.")
    if said == offsets.max():
        raise NotYet(f"{said:,} is the last offset. The first one is 0, so there is one row more.")
    more = "more" if said < len(offsets) else "fewer"
    raise NotYet(f"You said {said:,}; the file has {more}.")


@exercise
def q4(heaviest: Any) -> str:
    """Which plant has emitted most of all? Its name, as in the column `facility`."""
    table = read_table(topic=TOPIC)
    if table.empty:
        raise NotAttempted("The CSV has no row yet: are the producer and the consumer running?")
    heaviest = text(heaviest)
    names = dict(zip(table["facility_id"], table["facility"], strict=True))
    name = names.get(heaviest, heaviest)  # its id is as good
    tonnes = table.groupby("facility", observed=True)["co2_kg"].sum() / 1000
    if name not in tonnes.index:
        raise NotYet(f"No plant in the CSV is called {heaviest!r}.")
    if tonnes[name] < tonnes.max():
        above = int((tonnes > tonnes[name]).sum())
        raise NotYet(
            f"{name} emitted {tonnes[name]:,.2f} t, and {many(above, 'plant')} emitted more."
        )
    share = tonnes[name] / tonnes.sum()
    return f"By the CSV, {name} emitted {tonnes[name]:,.2f} t, {share:.0%} of all."


def _records(topic: str) -> int:
    return existing_topic(topic).records or 0
