"""What the checker compares and finds: records, dead letters, offsets, violations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

from labkit.checker.check_result import Violation
from labkit.core.errors import BadReading
from labkit.readings.reading import Reading, reading_id_of


class Record(NamedTuple):
    """A record of the topic."""

    offset: int
    timestamp_ms: int
    value: bytes | None


class DeadLetter(NamedTuple):
    """A dead letter: the CRC-32 of its value, and how many bytes of it were kept."""

    crc32: int
    kept_bytes: int | None = None  # None: all of it

    def matches(self, record: Record) -> bool:
        """Return whether it holds this record, not one of an earlier topic of this name."""
        value = record.value or b""
        return crc32(value if self.kept_bytes is None else value[: self.kept_bytes]) == self.crc32


@dataclass
class OffsetRange:
    """The offsets of a partition that can be compared."""

    start: int  # the oldest offset; retention may raise it while the topic is read
    end: int
    due: int  # the end when the check began; all below must be in the CSV
    compacted: bool = False
    removed_below: int = 0  # the CSV's own retention removed the rows below this offset
    letters_complete: bool = True  # retention deleted nothing from the dead-letter queue


class Unclaimed(NamedTuple):
    """A record of the topic that no delivery log has acknowledged."""

    offset: int
    reading_id: str
    crc32: int


@dataclass
class Findings:
    """The result of comparing one partition."""

    partition: int
    records: int = 0
    rows: int = 0
    markers: int = 0
    behind: int = 0
    expired: int = 0
    gap: int = 0
    removed: int = 0
    letters_again: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Violation] = field(default_factory=dict)  # the first of each kind
    unclaimed: list[Unclaimed] = field(default_factory=list)
    stored_before: set[str] = field(default_factory=set)  # ids of unclaimed rows below the start
    may_be_removed: bool = False  # both the topic's and the CSV's retention have been there

    def add(self, kind: str, offset: int, what: str, **evidence: str) -> None:
        """Count a violation, and keep the first of its kind."""
        self.violations[kind] += 1
        if kind not in self.examples:
            facts = {"partition": self.partition, "offset": offset, "what": what, **evidence}
            self.examples[kind] = Violation.model_validate({"kind": kind, **facts})


def is_reading(record: Record) -> bool:
    """Return whether a record that is in no delivery log is a valid reading."""
    try:
        Reading.from_json(record.value, record.timestamp_ms)
    except BadReading:
        return False
    return True


def described(record: Record | None) -> dict[str, str]:
    """Return the description of a record for a counter-example."""
    if record is None:
        return {}
    text = "a tombstone" if record.value is None else repr(record.value[:120])[1:]
    reading_id = reading_id_of(record.value)
    return {"topic": f"offset {record.offset} holds {text}", "reading_id": reading_id}
