"""The carbon ledger as data, as text, and as a small HTML table."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from labkit.core.notebook_lines import sentence_in_notebook
from labkit.core.text_tables import html_table
from labkit.producer.sent_counts import SentCounts, newest_topic_id
from labkit.sink.checkpoint import csv_topic_id

MEANING = {
    "emitted": "made by the simulated chimneys",
    "acked": "acknowledged by the broker",
    "topic": "read back from the topic",
    "csv": "stored in the CSV",
    "served": "served by the API to the page",
}
"""The five stages in the order of the journey, and what each of them measures."""

ASIDE = {
    "failed": "emitted, and never reached the topic",
    "unknown": "emitted, and nobody knows whether they reached the topic",
    "foreign": "in the topic, and in no delivery log of this lab",
}
"""What explains a difference between stages that is not a loss."""

LedgerState = Literal["agrees", "on the way", "unknown", "unreported", "phantom", "altered"]
"""``on the way`` is a difference that may vanish with time; ``unknown`` one that only reading the
topic explains; the last three are disagreements."""

SIGNS: dict[LedgerState, str] = {
    "agrees": "✓",
    "on the way": "→",
    "unknown": "?",
    "unreported": "≠",
    "phantom": "≠",
    "altered": "≠",
}


class Stage(BaseModel):
    """The CO2 at one stage: valid readings, and their mass in whole grams; None if unknown."""

    model_config = ConfigDict(frozen=True)

    records: int | None = None
    grams: int | None = None
    note: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def co2_kg(self) -> float | None:
        """The mass in kilograms; compare `grams`, which are exact."""
        return None if self.grams is None else self.grams / 1000


NOTHING = Stage(records=0, grams=0)


def known_topic_id(data_dir: Path, topic: str) -> str | None:
    """Return the id of the topic that a producer, or else the CSV, saw last, without a broker."""
    return newest_topic_id(topic) or csv_topic_id(data_dir, topic)


def with_removed(present: Stage, records: int, grams: int) -> Stage:
    """Return a stage with what retention removed from the CSV: it was stored, and is counted."""
    if not records:
        return present
    return Stage(
        records=(present.records or 0) + records,
        grams=(present.grams or 0) + grams,
        note=f"{records:,} of them were removed by retention, and are counted",
    )


def not_of_this_topic(csv: Stage, served: Stage) -> tuple[Stage, Stage]:
    """Return the last two stages if the CSV is of an earlier topic: it stores nothing of this."""
    note = f"{count(csv.records)} readings of an earlier topic of this name are not counted"
    if served.records is not None:
        served = Stage(note="the API serves the rows of an earlier topic of this name")
    return Stage(records=0, grams=0, note=note), served


@dataclass(frozen=True)
class SentStages:
    """The two stages that the producers count, and the readings that explain their difference.

    Attributes
    ----------
    emitted, acked : Stage
        The stages; acked is unknown if some readings were sent with ``acks=0``.
    in_flight : int
        Readings of running producers that wait for their answer.
    failed : Stage
        Readings that certainly never reached the topic.
    unknown : Stage
        Readings whose producer is gone: whether they reached the topic is not known.
    """

    emitted: Stage
    acked: Stage
    in_flight: int = 0
    failed: Stage = NOTHING
    unknown: Stage = NOTHING

    @property
    def stages(self) -> dict[str, Stage]:
        """The two stages by name."""
        return {"emitted": self.emitted, "acked": self.acked}


def sent_stages(sent: SentCounts, arrived: Stage = NOTHING) -> SentStages:
    """Return the stages that the producers counted.

    A later stage can hold readings whose acknowledgement is not in the delivery log: it is a moment
    behind, or was never written, because the producer was killed. What is stored was certainly
    written by the broker, so it counts as acked. With ``acks=0`` the brokers are not asked, and no
    producer knows what has arrived; then acked is unknown.

    Parameters
    ----------
    sent : SentCounts
        The sum of all runs.
    arrived : Stage
        What a later stage holds of these producers' readings.
    """
    if not sent.records:
        nobody = Stage(note="no producer of this lab has sent to it")
        return SentStages(nobody, nobody)
    emitted = Stage(records=sent.emitted, grams=sent.emitted_g)
    failed = Stage(records=sent.failed, grams=sent.failed_g)
    if sent.unasked:
        were = "1 reading was" if sent.unasked == 1 else f"{sent.unasked:,} readings were"
        acked = Stage(note=f"{were} sent with acks=0: nobody was asked to acknowledge them")
        # Of those, the topic tells; unknown are only the ones whose answer was waited for.
        missing = sent.emitted - sent.failed - (arrived.records or 0)
        unanswered = sent.unknown - sent.unasked
        unknown_g = sent.unknown_g - sent.unasked_g
        if missing < unanswered:
            unanswered = max(0, missing)
            unknown_g = sent.emitted_g - sent.failed_g - (arrived.grams or 0) if missing > 0 else 0
        unknown = Stage(records=unanswered, grams=unknown_g)
        return SentStages(emitted, acked, sent.in_flight, failed, unknown)
    more = (arrived.records or 0) - sent.acked
    if not 0 < more <= sent.unknown + sent.in_flight:
        acked_g = sent.acked_g
        if more <= 0 and sent.unknown + sent.in_flight:
            # The acknowledgements are a moment behind: as many readings or more, and lighter ones.
            acked_g = max(acked_g, min(arrived.grams or 0, sent.emitted_g - sent.failed_g))
        acked = Stage(records=sent.acked, grams=acked_g)
        unknown = Stage(records=sent.unknown, grams=sent.unknown_g)
        return SentStages(emitted, acked, sent.in_flight, failed, unknown)
    resolved = min(more, sent.unknown)
    in_flight = sent.in_flight - (more - resolved)
    are = "is" if more == 1 else "are"
    note = f"{more:,} of them {are} stored, though the delivery log has no acknowledgement"
    acked = Stage(records=arrived.records, grams=arrived.grams, note="" if in_flight else note)
    # Which of them have arrived, nobody says; but together they are what is left.
    left_g = None if in_flight else sent.emitted_g - sent.failed_g - (arrived.grams or 0)
    unknown = Stage(records=sent.unknown - resolved, grams=left_g)
    return SentStages(emitted, acked, in_flight, failed, unknown)


class PartitionPlace(BaseModel):
    """How far the CSV has followed one partition of the topic; offsets are the next to come."""

    model_config = ConfigDict(frozen=True)

    partition: int
    end_offset: int
    position: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lag(self) -> int:
        """Records of the partition that are not in the CSV yet."""
        return max(0, self.end_offset - self.position)


class Ledger(BaseModel):
    """The same tonnes at five stages.

    Three amounts explain a difference that is not a loss: ``failed`` readings never reached the
    topic, of ``unknown`` ones nobody has said whether they did, and ``foreign`` ones are in no
    delivery log of this lab. ``dead_letters`` counts the records that the consumer set aside as
    invalid readings; ``bad_in_topic`` counts those that the ledger itself found in the topic. They
    carry no tonnes.
    """

    model_config = ConfigDict(frozen=True)

    topic_name: str
    topic_id: str | None
    data_dir: str
    emitted: Stage
    acked: Stage
    topic: Stage
    csv: Stage
    served: Stage
    failed: Stage = NOTHING
    unknown: Stage = NOTHING
    foreign: Stage = NOTHING
    dead_letters: int
    bad_in_topic: int | None
    partitions: tuple[PartitionPlace, ...]
    state: LedgerState
    sentence: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool:
        """Whether all stages that could be weighed hold the same readings and grams."""
        return self.state == "agrees"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lag(self) -> int | None:
        """Records of the topic that are not in the CSV yet; None without a broker."""
        return sum(place.lag for place in self.partitions) if self.partitions else None

    @property
    def stages(self) -> dict[str, Stage]:
        """The five stages by name, in the order of the journey."""
        return {name: getattr(self, name) for name in MEANING}

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}"
            for row in rows
        ]
        return "\n".join([f"Carbon ledger of {self.topic_name}", *lines, self.verdict])

    __repr__ = __str__

    @property
    def verdict(self) -> str:
        """A sign and the sentence."""
        return f"{SIGNS[self.state]} {self.sentence}"

    def _repr_html_(self) -> str:
        table = html_table(self._rows(), f"Carbon ledger of {self.topic_name}")
        return f"{table}<p>{html.escape(sentence_in_notebook(self.verdict))}</p>"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        rows = [("stage", "readings", "tonnes of CO2", "")]
        for name, stage in self.stages.items():
            note = f"{MEANING[name]}; {stage.note}" if stage.note else MEANING[name]
            rows.append((name, count(stage.records), tonnes(stage.grams), note))
        for name, meaning in ASIDE.items():
            amount = getattr(self, name)
            if amount.records:
                rows.append((name, count(amount.records), tonnes(amount.grams), meaning))
        set_aside = "set aside by the consumer as invalid readings"
        return [*rows, ("dead letters", count(self.dead_letters), "–", set_aside)]


def count(number: int | None) -> str:
    """Format a count with thousands separators; a dash if it is unknown."""
    return "–" if number is None else f"{number:,}"


def tonnes(grams: int | None) -> str:
    """Format a mass in tonnes to the gram: a rounded ledger would hide one lost record."""
    return "–" if grams is None else f"{grams / 1_000_000:,.6f}"
