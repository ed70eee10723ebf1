"""Compare one partition's records with its CSV, dead letters and delivery log.

The topic and the CSV are read once, in parallel, in their own order; only records that do not match
are kept in memory. The rules are those of Jepsen's queue checker: an acknowledged record must be
there once, in order and unchanged; an unknown one may be there or not; offsets may have gaps.

See: Jepsen, "Redpanda 21.10.1" and its ``queue.clj``, for the kinds of violation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from labkit.checker.delivery_history import BAD, CRC_MASK, LATE
from labkit.checker.findings import (
    DeadLetter,
    Findings,
    OffsetRange,
    Record,
    Unclaimed,
    described,
    is_reading,
)
from labkit.checker.independent_csv_reader import Row, differences
from labkit.readings.reading import reading_id_of

MOST_KEPT = 10_000  # records kept because their row may still follow, out of order


class _Missing(NamedTuple):
    """A record whose row has not been found yet."""

    record: Record | None
    known: int | None  # its value's CRC-32 in the delivery log, with flags


class Comparison:
    """Compares one partition; see `compare`."""

    def __init__(
        self,
        partition: int,
        records: Iterable[Record],
        acked: dict[int, int],
        letters: Mapping[int, Sequence[DeadLetter]],
        offsets: OffsetRange,
    ) -> None:
        self.found = Findings(partition)
        self._acked, self._letters, self._offsets = acked, letters, offsets
        self._records = self._read(records)
        self._next = next(self._records, None)
        self._missing: dict[int, _Missing] = {}
        self._highest = -1
        self._last: Row | None = None

    def run(self, rows: Iterable[Row]) -> Findings:
        """Compare all rows, then what is left of the topic and of the delivery log."""
        found = self.found
        for row in rows:
            self._add_row(row)
            self._last = row
        for offset, seen in self._missing.items():
            what = "it is in the topic, and later records are in the CSV, but it is not"
            found.add("lost", offset, what, **described(seen.record))
        while self._next is not None:
            self._pass_over(self._next[0])
            self._next = next(self._records, None)
        self._judge_leftover()
        return found

    def _read(self, records: Iterable[Record]) -> Iterator[tuple[Record, int | None]]:
        """Yield the records, each compared with the delivery log."""
        found = self.found
        for record in records:
            found.records += record.offset < self._offsets.due
            crc, known = crc32(record.value or b""), self._acked.pop(record.offset, None)
            if known is None:
                found.unclaimed.append(Unclaimed(record.offset, reading_id_of(record.value), crc))
            elif known & CRC_MASK != crc:
                what = "the topic holds another value there than the one that was acknowledged"
                found.add("divergent", record.offset, what, **described(record))
            yield record, known

    def _add_row(self, row: Row) -> None:
        found, offset = self.found, row.offset
        if row.problem or row.partition != found.partition:
            wrong = row.problem or f"it names partition {row.partition}"
            found.add("damaged", offset, f"a line of the CSV is incorrect: {wrong}", row=str(row))
            return
        if offset < self._offsets.due:  # later ones came while the check ran
            found.rows += not row.is_marker
            found.markers += row.is_marker
        if offset >= self._offsets.end:
            what = f"the CSV has a row of it, but the topic ends at {self._offsets.end}"
            found.add("phantom", offset, what, row=str(row), reading_id=row.cells["reading_id"])
        elif offset <= self._highest:
            self._add_late_row(row)
        else:
            self._highest = offset
            self._advance(row)

    def _add_late_row(self, row: Row) -> None:
        before = f"; the row before it has offset {self._last.offset}" if self._last else ""
        seen = self._missing.pop(row.offset, None)
        about = {"row": f"{row}{before}", "reading_id": row.cells["reading_id"]}
        if seen is None:
            what = "the CSV has a second row of it"
            self.found.add("doubled", row.offset, what, **about)
            return
        self.found.add("reordered", row.offset, "its row is after later ones", **about)
        if seen.record is not None:
            self._judge(row, seen.record, seen.known)

    def _advance(self, row: Row) -> None:
        """Advance in the topic to this row's record; records passed over are missing so far."""
        while self._next is not None and self._next[0].offset < row.offset:
            record, known = self._next
            if record.offset < self._offsets.removed_below:
                self._pass_over(record)
            else:
                kept = record if len(self._missing) < MOST_KEPT else None
                self._missing[record.offset] = _Missing(kept, known)
            self._next = next(self._records, None)
        if self._next is not None and self._next[0].offset == row.offset:
            self._judge(row, *self._next)
            self._next = next(self._records, None)
        elif row.offset < self._offsets.start:
            if self._acked.pop(row.offset, None) is None:  # stored before retention deleted it
                self.found.stored_before.add(row.cells["reading_id"])
        elif not self._offsets.compacted:
            what = "the CSV has a row of it, and the topic has no record there"
            about = {"row": str(row), "reading_id": row.cells["reading_id"]}
            self.found.add("phantom", row.offset, what, **about)

    def _pass_over(self, record: Record) -> None:
        """Count a record whose row may be missing: retention removed it, or it comes later."""
        if record.offset < self._offsets.removed_below:
            self.found.removed += record.offset < self._offsets.due
        else:
            self.found.behind += record.offset < self._offsets.due

    def _judge(self, row: Row, record: Record, known: int | None) -> None:
        """Compare a row with its record."""
        letters = [one for one in self._letters.get(record.offset, ()) if one.matches(record)]
        bad = bool(known & BAD) if known is not None else not is_reading(record)
        self.found.letters_again += max(0, len(letters) - 1)
        wrong = ""
        if row.is_marker and not bad:
            wrong = "a good reading was set aside as a dead letter"
        elif bad and not row.is_marker:
            wrong = "a bad record is stored as a reading, not as a dead letter"
        elif letters and not bad:
            wrong = "a good reading is in the dead-letter queue as well as in the CSV"
        elif bad and not letters and self._offsets.letters_complete:
            wrong = "the CSV marks it as a dead letter, and the dead-letter queue does not have it"
        if wrong:
            self.found.add("dead letter", row.offset, wrong, row=str(row), **described(record))
        elif not row.is_marker and (unlike := differences(record.value or b"", row.cells)):
            what = f"the row is not what the record is: {'; '.join(unlike[:3])}"
            self.found.add("divergent", row.offset, what, row=str(row), **described(record))

    def _judge_leftover(self) -> None:
        """Judge the acknowledged records that are not in the topic."""
        found, offsets = self.found, self._offsets
        found.expired = offsets.start
        found.may_be_removed = bool(offsets.start and offsets.removed_below)
        for offset, known in self._acked.items():
            if offset < offsets.start:
                if not offsets.removed_below <= offset < offsets.due:
                    continue
                found.gap += 1
                if not known & BAD:
                    what = "the topic's retention deleted it before it was stored"
                    found.add("lost", offset, what, topic=f"it begins at offset {offsets.start}")
            elif offsets.compacted or (offset >= offsets.end and known & LATE):
                continue
            else:
                what = "the broker acknowledged it, and the topic does not hold it"
                there = f"it has the offsets {offsets.start} to {offsets.end - 1}"
                found.add("lost", offset, what, topic=there)


def compare(
    partition: int,
    records: Iterable[Record],
    rows: Iterable[Row],
    acked: dict[int, int],
    letters: Mapping[int, Sequence[DeadLetter]],
    offsets: OffsetRange,
) -> Findings:
    """Compare one partition's topic, CSV, delivery log and dead letters.

    Parameters
    ----------
    partition : int
        The partition's number.
    records : iterable of Record
        The topic's records, in the order of their offsets, up to ``offsets.end``.
    rows : iterable of Row
        The CSV's rows, in file order.
    acked : dict of int to int
        The acknowledged records, by offset; see `DeliveryHistory.acked`. It is emptied.
    letters : mapping
        The dead letters of the partition, by the record's offset.
    offsets : OffsetRange
        The offsets that can be compared.
    """
    return Comparison(partition, records, acked, letters, offsets).run(rows)
