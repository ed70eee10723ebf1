"""What the checker compares, and what it finds: records, dead letters, extents, violations."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

from labkit.checker.check_result import Violation
from labkit.core.errors import BadReading
from labkit.readings.reading import Reading


class Record(NamedTuple):
    """A record of the topic."""

    offset: int
    timestamp_ms: int
    value: bytes | None


class Letter(NamedTuple):
    """A dead letter: the CRC-32 of its value, and how much of the record's value it holds."""

    crc32: int
    kept_bytes: int | None = None  # None: all of it

    def is_of(self, record: Record) -> bool:
        """Tell whether it holds this record, and not one of an earlier topic of the same name."""
        value = record.value or b""
        return crc32(value if self.kept_bytes is None else value[: self.kept_bytes]) == self.crc32


@dataclass
class Extent:
    """Which offsets of a partition can be compared."""

    start: int  # retention has deleted what is below; it may move while the topic is read
    end: int
    due: int  # the end when the check began: what is below should be in the CSV
    compacted: bool = False
    letters_complete: bool = True  # the dead-letter queue has lost nothing to its own retention


class Unclaimed(NamedTuple):
    """A record of the topic that no run has an acknowledgement for."""

    offset: int
    reading_id: str
    crc32: int


@dataclass
class Findings:
    """What the comparison of one partition found."""

    partition: int
    records: int = 0
    rows: int = 0
    markers: int = 0
    behind: int = 0
    expired: int = 0
    gap: int = 0
    letters_again: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Violation] = field(default_factory=dict)  # the first of each kind
    unclaimed: list[Unclaimed] = field(default_factory=list)

    def add(self, kind: str, offset: int, what: str, **evidence: str) -> None:
        """Count a violation, and keep the first of its kind."""
        self.violations[kind] += 1
        if kind not in self.examples:
            facts = {"partition": self.partition, "offset": offset, "what": what, **evidence}
            self.examples[kind] = Violation.model_validate({"kind": kind, **facts})


def is_reading(record: Record) -> bool:
    """Tell whether a record that no journal knows is a reading: the model decides."""
    try:
        Reading.from_json(record.value, record.timestamp_ms)
    except BadReading:
        return False
    return True


def id_of(value: bytes | None) -> str:
    """Return the id of the reading that a record holds, or an empty string."""
    try:
        fields = json.loads(value or b"")
    except (ValueError, RecursionError):
        return ""
    found = fields.get("reading_id", "") if isinstance(fields, dict) else ""
    return found if isinstance(found, str) else ""


def shown(record: Record | None) -> dict[str, str]:
    """Return what to tell of a record in a counter-example."""
    if record is None:
        return {}
    text = "a tombstone" if record.value is None else repr(record.value[:120])[1:]
    reading_id = id_of(record.value)
    return {"topic": f"offset {record.offset} holds {text}", "reading_id": reading_id}
