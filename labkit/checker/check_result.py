"""The checker's result: a verdict, figures for each partition, and counter-examples."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from labkit.core.notebook_lines import in_notebook, sentence_in_notebook
from labkit.core.text_tables import aligned, html_table, many
from labkit.ledger.verdict_sentences import (
    NO_LOG,
    UNARRIVED,
    deleted_unstored,
    in_no_log,
)

if TYPE_CHECKING:
    from rich.console import Group

KINDS = {
    "lost": "acknowledged and not in the topic, or in the topic and not in the CSV",
    "doubled": "one record twice",
    "reordered": "not in the order it was sent or stored in",
    "divergent": "not the content that was sent",
    "phantom": "there, and it should not be",
    "damaged": "a line of the CSV that is not a complete, correct row",
    "dead letter": "set aside though good, or bad and not set aside",
}
"""The kinds of violation and their meaning."""

MOST_COLUMNS = 9
"""With more partitions than this, only those with a violation or a lag are shown."""

Kind = Literal["lost", "doubled", "reordered", "divergent", "phantom", "damaged", "dead letter"]
State = Literal["holds", "on the way", "broken"]
SIGNS: dict[State, str] = {"holds": "✓", "on the way": "→", "broken": "≠"}


class Violation(BaseModel):
    """One counter-example, with what is needed to follow it up."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    partition: int
    offset: int
    what: str
    reading_id: str = ""
    journal: str = ""
    row: str = ""
    topic: str = ""
    next: str = ""

    def __str__(self) -> str:
        of = f", reading {self.reading_id}" if self.reading_id else ""
        place = (
            f"partition {self.partition}, offset {self.offset}"
            if self.offset >= 0
            else (f"partition {self.partition}")
        )
        lines = [f"{self.kind}: {place}{of}: {self.what}"]
        parts = {"journal": self.journal, "CSV": self.row, "topic": self.topic, "next": self.next}
        lines += [f"  {name:<8} {text}" for name, text in parts.items() if text]
        return "\n".join(lines)


class PartitionVerdict(BaseModel):
    """The figures of one partition."""

    model_config = ConfigDict(frozen=True)

    partition: int
    acked: int
    """Acknowledged according to the delivery logs; readings and malformed records."""
    records: int
    """In the topic now."""
    rows: int
    markers: int
    """Rows that mark the place of a dead letter."""
    behind: int
    """In the topic when the check began, and not in the CSV yet."""
    expired: int
    """Offsets that retention has deleted."""
    gap: int
    """Acknowledged records that retention deleted before they were stored: lost, if readings."""
    removed: int = 0
    """In the topic, and in files of the CSV that the lab's own retention removed: not compared."""
    violations: dict[str, int]


class Verdict(BaseModel):
    """Whether every record that the topic retains is in the CSV once, in order and unchanged.

    Attributes
    ----------
    state : {"holds", "on the way", "broken"}
        ``on the way``: no violation, but the CSV has not reached the topic's end yet.
    unknown, unknown_in_topic : int
        Records without an acknowledgement, and how many of them are in the topic.
    unjournalled : int
        Records in the topic that no delivery log has: from other programs, or sent without a log.
    log_removed : int
        Records in the topic whose delivery log retention has removed.
    unasked_lost, unasked_missing : int
        Readings that were sent with ``acks=0`` and did not arrive; those that may still do so,
        because their producer runs.
    earlier_topic : str
        That the CSV is of an earlier topic of this name, as a sentence; empty if it is not.
    examples : tuple of Violation
        One of each kind, for each partition where it occurs.
    """

    model_config = ConfigDict(frozen=True)

    topic_name: str
    topic_id: str
    data_dir: str
    seed: int | None = None
    runs: int
    acked: int
    failed: int
    unknown: int
    unknown_in_topic: int
    unjournalled: int
    log_removed: int = 0
    unasked_lost: int = 0
    unasked_missing: int = 0
    earlier_topic: str = ""
    dead_letters: int
    letters_again: int
    torn_bytes: int
    partitions: tuple[PartitionVerdict, ...]
    examples: tuple[Violation, ...] = Field((), repr=False)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def violations(self) -> dict[str, int]:
        """The number of violations of each kind that occurs."""
        sums = {kind: sum(_violations(kind, one) for one in self.partitions) for kind in KINDS}
        return {kind: number for kind, number in sums.items() if number}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def state(self) -> State:
        """The verdict in one to three words."""
        if self.violations:
            return "broken"
        waits = self.unasked_missing or self.earlier_topic
        return "on the way" if waits or any(one.behind for one in self.partitions) else "holds"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def holds(self) -> bool:
        """Whether there is no violation and nothing is on its way."""
        return self.state == "holds"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        records = sum(one.records - one.removed for one in self.partitions)
        if self.state == "broken":
            found = ", ".join(f"{number:,} {kind}" for kind, number in self.violations.items())
            said = f"The promise is broken: {found}."
        elif self.state == "on the way":
            behind = sum(one.behind for one in self.partitions)
            waiting = [f"{behind:,} records are not in the CSV yet"] if behind else []
            if missing := self.unasked_missing:
                waiting.append(f"{missing:,} that were sent with acks=0 are not in the topic yet")
            said = "; ".join(["Nothing is wrong so far", *waiting]) + "."
        else:
            rows, markers = (
                sum(getattr(one, name) for one in self.partitions) for name in ("rows", "markers")
            )
            said = f"Each of the {records:,} records in the topic is in the CSV once and in order"
            if markers and rows + markers == records:  # not once retention has deleted some
                said += f": {rows:,} as rows, {markers:,} as dead letters"
            said += "."
        return " ".join([said, *self._asides(), *filter(None, [self.earlier_topic])])

    def _asides(self) -> list[str]:
        """Return remarks that are not violations."""
        asides = []
        if self.log_removed:
            asides.append(
                f"Retention removed the delivery logs of {self.log_removed:,} of them, so nobody "
                "says whether they are as they were sent."
            )
        elif not self.runs and self.unjournalled:
            asides.append(NO_LOG)
        if self.unknown:
            found = f"of {self.unknown:,} without an answer {self.unknown_in_topic:,} are there"
            asides.append(f"All acknowledged ones were looked for; {found}.")
        if self.unasked_lost:
            asides.append(f"{self.unasked_lost:,} are lost: {UNARRIVED}.")
        if self.runs and self.unjournalled:
            asides.append(in_no_log(many(self.unjournalled, "record")))
        if gap := sum(one.gap for one in self.partitions):
            asides.append(deleted_unstored(gap))
        if removed := sum(one.removed for one in self.partitions):
            asides.append(
                f"{removed:,} more were not compared: retention removed their rows from the CSV."
            )
        if self.seed is not None:
            asides.append(f"Seed {self.seed}.")
        return asides

    def meanings(self) -> list[str]:
        """Return what the kinds of violation that occur mean, a line for each."""
        return [f"{kind}: {KINDS[kind]}." for kind in self.violations]

    def cells(self) -> list[list[str]]:
        """Return the table, headings first: one column for each partition, and one for all.

        It has a row for each kind of violation that occurs.
        """
        shown = self.partitions
        if len(shown) > MOST_COLUMNS:
            shown = tuple(one for one in shown if one.violations or one.behind)[:MOST_COLUMNS]
        head = ["partition", *(str(one.partition) for one in shown), "all"]
        figures: dict[str, Callable[[PartitionVerdict], int]] = {
            "acknowledged": lambda one: one.acked,
            "in the topic": lambda one: one.records,
            "rows": lambda one: one.rows,
            "dead letters": lambda one: one.markers,
            "not stored yet": lambda one: one.behind,
            "violations": lambda one: sum(one.violations.values()),
            **{kind: partial(_violations, kind) for kind in self.violations},
        }
        body = [
            [
                name,
                *(f"{figure(one):,}" for one in shown),
                f"{sum(map(figure, self.partitions)):,}",
            ]
            for name, figure in figures.items()
        ]
        return [head, *body]

    def view(self) -> Group:
        """Return the verdict for a terminal."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        head, *body = self.cells()
        table = Table(title=f"Check of {self.topic_name}")
        for name in head:
            table.add_column(name, justify="right" if table.columns else "left")
        for row in body:
            table.add_row(*row)
        style = "bold green" if self.holds else "bold red" if self.violations else "bold yellow"
        meanings = map(Text, self.meanings())
        examples = (Text(f"\n{one}", overflow="fold") for one in self.examples)
        said = Text(f"{SIGNS[self.state]} {self.sentence}", style)
        return Group(table, said, *meanings, *examples)

    def __str__(self) -> str:
        lines = [f"  {line}" for line in aligned(self.cells(), str.rjust)]
        verdict = f"{SIGNS[self.state]} {self.sentence}"
        said = [verdict, *self.meanings(), *map(str, self.examples)]
        return "\n".join([f"Check of {self.topic_name}", *lines, *said])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table = html_table(self.cells(), f"Check of {self.topic_name}")
        here = [one.model_copy(update={"next": in_notebook(one.next)}) for one in self.examples]
        examples = "".join(f"<pre>{html.escape(str(one))}</pre>" for one in here)
        verdict = f"{SIGNS[self.state]} {sentence_in_notebook(self.sentence)}"
        said = [verdict, *self.meanings()]
        return f"{table}<p>{'<br>'.join(map(html.escape, said))}</p>{examples}"


def _violations(kind: str, one: PartitionVerdict) -> int:
    return one.violations.get(kind, 0)
