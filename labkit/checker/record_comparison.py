"""The heart of the checker: one partition's records against its CSV and the journals.

Both the topic and the CSV are read once, side by side, in the order they have; nothing of them is
kept but what does not fit. It is Jepsen's queue checker in small: what was acknowledged must be
there, once, in order and unchanged; what is unknown may be there or not; offsets may have gaps.

See: Jepsen, "Redpanda 21.10.1" and its ``queue.clj``, for the kinds of violation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from labkit.checker.delivery_history import BAD, CRC_MASK, LATE
from labkit.checker.findings import (
    Extent,
    Findings,
    Letter,
    Record,
    Unclaimed,
    id_of,
    is_reading,
    shown,
)
from labkit.checker.independent_csv_reader import Row, differences

MOST_KEPT = 10_000  # records kept whole because their row may still come, late


class _Seen(NamedTuple):
    """A record whose row has not come yet."""

    record: Record | None
    known: int | None  # what the journal has of it


class Comparison:
    """Compares one partition; see `compare`."""

    def __init__(
        self,
        partition: int,
        records: Iterable[Record],
        acked: dict[int, int],
        letters: Mapping[int, Sequence[Letter]],
        extent: Extent,
    ) -> None:
        self.found = Findings(partition)
        self._acked, self._letters, self._extent = acked, letters, extent
        self._records = self._read(records)
        self._next = next(self._records, None)
        self._missing: dict[int, _Seen] = {}
        self._highest = -1
        self._last: Row | None = None

    def run(self, rows: Iterable[Row]) -> Findings:
        """Go through all rows, and then through what is left of the topic and the journal."""
        found = self.found
        for row in rows:
            self._take(row)
            self._last = row
        for offset, seen in self._missing.items():
            what = "it is in the topic, and later records are in the CSV, but it is not"
            found.add("lost", offset, what, **shown(seen.record))
        while self._next is not None:
            found.behind += self._next[0].offset < self._extent.due
            self._next = next(self._records, None)
        self._judge_leftover()
        return found

    def _read(self, records: Iterable[Record]) -> Iterator[tuple[Record, int | None]]:
        """Compare each record with the journal, on its way to the comparison with the CSV."""
        found = self.found
        for record in records:
            found.records += 1
            crc, known = crc32(record.value or b""), self._acked.pop(record.offset, None)
            if known is None:
                found.unclaimed.append(Unclaimed(record.offset, id_of(record.value), crc))
            elif known & CRC_MASK != crc:
                what = "the topic holds another value there than the one that was acknowledged"
                found.add("divergent", record.offset, what, **shown(record))
            yield record, known

    def _take(self, row: Row) -> None:
        found, offset = self.found, row.offset
        if row.problem or row.partition != found.partition:
            wrong = row.problem or f"it names partition {row.partition}"
            found.add("damaged", offset, f"a line of the CSV is no true row: {wrong}", row=str(row))
            return
        found.rows += not row.is_marker
        found.markers += row.is_marker
        if offset >= self._extent.end:
            what = f"the CSV has a row of it, but the topic ends at {self._extent.end}"
            found.add("phantom", offset, what, row=str(row), reading_id=row.cells["reading_id"])
        elif offset <= self._highest:
            self._take_late(row)
        else:
            self._highest = offset
            self._advance(row)

    def _take_late(self, row: Row) -> None:
        before = f"; the row before it has offset {self._last.offset}" if self._last else ""
        seen = self._missing.pop(row.offset, None)
        about = {"row": f"{row}{before}", "reading_id": row.cells["reading_id"]}
        if seen is None:
            what = "the CSV has a second row of it"
            self.found.add("doubled", row.offset, what, **about)
            return
        self.found.add("reordered", row.offset, "its row stands behind later ones", **about)
        if seen.record is not None:
            self._judge(row, seen.record, seen.known)

    def _advance(self, row: Row) -> None:
        """Go on in the topic to the record of this row; what is passed over is missing so far."""
        while self._next is not None and self._next[0].offset < row.offset:
            record, known = self._next
            kept = record if len(self._missing) < MOST_KEPT else None
            self._missing[record.offset] = _Seen(kept, known)
            self._next = next(self._records, None)
        if self._next is not None and self._next[0].offset == row.offset:
            self._judge(row, *self._next)
            self._next = next(self._records, None)
        elif row.offset < self._extent.start:
            self._acked.pop(row.offset, None)  # stored before retention deleted it
        elif not self._extent.compacted:
            what = "the CSV has a row of it, and the topic has no record there"
            about = {"row": str(row), "reading_id": row.cells["reading_id"]}
            self.found.add("phantom", row.offset, what, **about)

    def _judge(self, row: Row, record: Record, known: int | None) -> None:
        """Compare a row with its record."""
        letters = [one for one in self._letters.get(record.offset, ()) if one.is_of(record)]
        bad = bool(known & BAD) if known is not None else not is_reading(record)
        self.found.letters_again += max(0, len(letters) - 1)
        wrong = ""
        if row.is_marker and not bad:
            wrong = "a good reading was set aside as a dead letter"
        elif bad and not row.is_marker:
            wrong = "a bad record is stored as a reading, not as a dead letter"
        elif letters and not bad:
            wrong = "a good reading is in the dead-letter queue as well as in the CSV"
        elif bad and not letters and self._extent.letters_complete:
            wrong = "the CSV marks it as a dead letter, and the dead-letter queue does not have it"
        if wrong:
            self.found.add("dead letter", row.offset, wrong, row=str(row), **shown(record))
        elif not row.is_marker and (unlike := differences(record.value or b"", row.cells)):
            what = f"the row is not what the record is: {'; '.join(unlike[:3])}"
            self.found.add("divergent", row.offset, what, row=str(row), **shown(record))

    def _judge_leftover(self) -> None:
        """Judge what was acknowledged and is not in the topic."""
        found, extent = self.found, self._extent
        found.expired = extent.start
        for offset, known in self._acked.items():
            if offset < extent.start:
                found.gap += 1
            elif extent.compacted or (offset >= extent.end and known & LATE):
                continue
            else:
                what = "the broker acknowledged it, and the topic does not hold it"
                there = f"it has the offsets {extent.start} to {extent.end - 1}"
                found.add("lost", offset, what, topic=there)


def compare(
    partition: int,
    records: Iterable[Record],
    rows: Iterable[Row],
    acked: dict[int, int],
    letters: Mapping[int, Sequence[Letter]],
    extent: Extent,
) -> Findings:
    """Compare one partition's topic, CSV, journal and dead letters.

    Parameters
    ----------
    partition : int
        Its number.
    records : iterable of Record
        The topic's, in the order of their offsets, up to ``extent.end``.
    rows : iterable of Row
        The CSV's, in the order they stand there.
    acked : dict of int to int
        What was acknowledged, by offset; see `History.acked`. It is used up.
    letters : mapping
        The dead letters of the partition, by the record's offset.
    extent : Extent
        What can be compared.
    """
    return Comparison(partition, records, acked, letters, extent).run(rows)
