"""00 · Start here: from a chimney to a pixel."""

from __future__ import annotations

import time
import unicodedata
from typing import Any

from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import shown, text, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic, records_of
from labkit.ledger.ledger import carbon_ledger
from labkit.producer.producer import Producer
from labkit.table.table import read_table

TOPIC = "co2-emissions"
PLANT = "PL-COAL-001"
FIRST_RATE = 20
WANTED_RATE = 50
GROWTH_TIMEOUT_S = 20.0


@exercise
def q1(partition: Any) -> str:
    """In which partition are the readings of the plant `PL-COAL-001`?"""
    topic = existing_topic(TOPIC)
    found = [record for record in records_of(TOPIC) if record.key == PLANT.encode()]
    if not found:
        raise NotAttempted(f"`{TOPIC}` holds no reading of `{PLANT}` yet: is the producer running?")
    said, used = whole_number(partition), sorted({record.partition for record in found})
    if used == [said]:
        return (
            f"The topic has {many(len(found), 'record')} with the key `{PLANT}`, all of them in "
            f"partition {said}: the same key always goes to the same partition."
        )
    if said == len(found):
        raise NotYet(f"{said} is how many of its readings there are. In which partition are they?")
    last = topic.num_partitions - 1
    if not 0 <= said <= last:
        raise NotYet(f"There is no partition {said}: they are numbered from 0 to {last}.")
    raise NotYet(f"Partition {said} has no record with the key `{PLANT}`.")


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
    if ledger.topic.records is None:
        raise NotAttempted(f"The topic cannot be read: {ledger.topic.note}. Run the cells above.")
    if ledger.lag:
        raise NotAttempted(f"{ledger.lag} records are still on their way: run the cell above.")
    sent, stored = ledger.topic.records or 0, ledger.csv.records or 0
    if not sent or not stored:
        raise NotAttempted("Nothing has been sent and stored yet: run the cells above.")
    return Observed(
        sent - stored,
        f"{sent:,} readings are in the topic, and {stored:,} in the CSV. Kafka keeps "
        "what the consumer has not read yet; a new one continues where the file ends.",
    )


@exercise
def q3(heaviest: Any) -> str:
    """Which plant has emitted the most? Give its name as in the column `facility`."""
    table = read_table(topic=TOPIC)
    if table.empty:
        raise NotAttempted("The CSV has no row yet: are the producer and the consumer running?")
    heaviest = text(heaviest)
    ids = zip(table["facility_id"], table["facility"], strict=True)
    names = dict([*ids, *((_typed(name), name) for name in table["facility"].unique())])
    name = names.get(heaviest, names.get(_typed(heaviest), heaviest))  # its id is as good
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


def _typed(name: str) -> str:
    """Return a name as one may type it: without accents, capitals, and blanks at its ends."""
    letters = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))


def _records(topic: str) -> int:
    return existing_topic(topic).records or 0
