"""The table at one moment: every answer of the API is worked out from one snapshot.

The table grows while questions are answered. The frames of a snapshot are never changed, so it
stays true without a lock.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from labkit.table.csv_frames import FRAME_FIELDS, NO_ROWS, SOURCE_FIELDS, Array, Chunk
from labkit.table.minute_totals import Minutes, by_minute, intervals, minutes_since, with_more
from labkit.table.source_totals import By, ChunkTotals, SourceList, Totals, total

OPEN_ROWS = 4096  # the last chunk takes in new rows until it has so many
IN_TIME = ["recorded_at", "partition", "offset"]
NO_MINUTES: Mapping[Path, Minutes] = {}

FILTERS: dict[str, By] = {
    "sector": "sector",
    "country": "country",
    "fuel": "fuel",
    "facility_id": "facility",
}
Filters = Mapping[str, Collection[str]]  # field -> the values wanted; no field: every row


class Partition(NamedTuple):
    """The rows of one partition, and what they add up to.

    Attributes
    ----------
    chunks : tuple of Chunk
        The rows in the order of their offsets.
    closed : int
        How many chunks take in no more rows: all, or all but the last.
    totals : tuple of ChunkTotals
        What the rows of each closed chunk add up to.
    minutes : dict of Path to tuple of DataFrame
        The rows of the closed chunks of each file, added up by minute and source.
    rows, newest_ms : int
        How many rows there are, and their newest ``recorded_ms``.
    let_go, rows_let_go : int
        How many chunks, the oldest, are in the CSV only, and their rows.
    removed_below : int
        Rows with an offset below this one were removed from the CSV.
    """

    chunks: tuple[Chunk, ...] = ()
    closed: int = 0
    totals: tuple[ChunkTotals, ...] = ()
    minutes: Mapping[Path, Minutes] = NO_MINUTES
    rows: int = 0
    newest_ms: int = 0
    let_go: int = 0
    rows_let_go: int = 0
    removed_below: int = 0

    @property
    def last_offset(self) -> int:
        """The offset of the last row, also if it was removed; -1 where there was none."""
        return self.chunks[-1].last_offset if self.chunks else self.removed_below - 1

    def append(self, new: Chunk, in_memory: int | None = None) -> Partition:
        """Return the partition with more rows, of which about so many stay in memory."""
        if len(self.chunks) > self.closed and self.chunks[-1].span.path != new.span.path:
            return self._close(self.chunks[-1], in_memory).append(new, in_memory)
        chunks = [*self.chunks]
        rows, newest_ms = self.rows + new.count, max(self.newest_ms, new.newest_ms)
        if len(chunks) > self.closed:
            new = chunks.pop().joined(new)
        grown = self._replace(chunks=(*chunks, new), rows=rows, newest_ms=newest_ms)
        return grown._close(new, in_memory) if new.count >= OPEN_ROWS else grown

    def forget(self, below: int) -> Partition:
        """Return the partition without the rows below an offset, whose files were removed."""
        gone = bisect.bisect_left(self.chunks, below, key=lambda chunk: chunk.last_offset)
        chunks = self.chunks[gone:]
        files = {chunk.span.path for chunk in chunks}
        let_go = chunks[: max(self.let_go - gone, 0)]
        return Partition(
            chunks=chunks,
            closed=max(self.closed - gone, 0),
            totals=self.totals[gone:],
            minutes={path: found for path, found in self.minutes.items() if path in files},
            rows=sum(chunk.count for chunk in chunks),
            newest_ms=max((chunk.newest_ms for chunk in chunks), default=0),
            let_go=len(let_go),
            rows_let_go=sum(chunk.count for chunk in let_go),
            removed_below=below,
        )

    def all_totals(self) -> Iterator[ChunkTotals]:
        """Yield what the rows of each chunk add up to."""
        yield from self.totals
        for chunk in self.chunks[self.closed :]:
            yield total(chunk.rows)

    def _close(self, last: Chunk, in_memory: int | None) -> Partition:
        path = last.span.path
        closed = self._replace(
            closed=len(self.chunks),
            totals=(*self.totals, total(last.rows)),
            minutes={
                **self.minutes,
                path: with_more(self.minutes.get(path, ()), by_minute(last.rows)),
            },
        )
        return closed if in_memory is None else closed._keep(in_memory)

    def _keep(self, in_memory: int) -> Partition:
        """Keep the newest rows in memory, and let older chunks go."""
        chunks, let_go, gone = [*self.chunks], self.let_go, self.rows_let_go
        while let_go < self.closed and self.rows - gone - chunks[let_go].count >= in_memory:
            gone += chunks[let_go].count
            chunks[let_go] = chunks[let_go].let_go()
            let_go += 1
        return self._replace(chunks=tuple(chunks), let_go=let_go, rows_let_go=gone)

    def after(self, offset: int, chosen: Array | None = None) -> Iterator[Chunk]:
        """Yield the chunks with rows behind an offset, and of chosen sources."""
        first = bisect.bisect_right(self.chunks, offset, key=lambda chunk: chunk.last_offset)
        return self._with_rows_of(chosen, range(first, len(self.chunks)))

    def newest_first(self, chosen: Array | None) -> Iterator[Chunk]:
        """Yield the chunks with rows of chosen sources, the newest first."""
        return self._with_rows_of(chosen, reversed(range(len(self.chunks))))

    def _with_rows_of(self, chosen: Array | None, numbers: Iterable[int]) -> Iterator[Chunk]:
        for number in numbers:
            is_closed = number < self.closed
            if chosen is None or not is_closed or chosen[self.totals[number].sources].any():
                yield self.chunks[number]


@dataclass(frozen=True)
class Snapshot:
    """All rows at one moment.

    Attributes
    ----------
    version : str
        The same for the same rows, also after a restart.
    sources : SourceList
        What the rows' ``source`` counts.
    partitions : dict of int to Partition
        The rows of each partition.
    totals : Totals
        What the rows of each source add up to.
    problems : tuple of str
        Why reading could not go on, where it could not.
    removed_rows, removed_grams : int
        Readings that retention removed from the CSV, and their CO2: they are nowhere else here.
    """

    version: str = ""
    sources: SourceList = field(default_factory=SourceList)
    partitions: Mapping[int, Partition] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    problems: tuple[str, ...] = ()
    removed_rows: int = 0
    removed_grams: int = 0

    @property
    def rows(self) -> int:
        """How many readings there are."""
        return sum(partition.rows for partition in self.partitions.values())

    @property
    def newest_ms(self) -> int | None:
        """The newest ``recorded_at``, in milliseconds since 1970."""
        filled = [partition for partition in self.partitions.values() if partition.rows]
        return max((partition.newest_ms for partition in filled), default=None)

    def chosen(self, filters: Filters) -> Array:
        """Return for each source whether it has readings, and they pass the filters."""
        chosen: Array = self.totals.records > 0
        for name, values in filters.items():
            if values:
                groups, wanted = self.sources.by(FILTERS[name]), frozenset(values)
                is_wanted = np.array([key in wanted for key in groups.keys], bool)
                chosen &= is_wanted[groups.of_source]
        return chosen

    def totals_since(self, start_ms: int) -> Totals:
        """Return what the rows recorded after a moment add up to, by whole chunks where possible.

        So a day of a million rows costs little more than its last minutes.
        """
        totals, loose = Totals(), [NO_ROWS]
        totals.grow(len(self.sources))
        for partition in self.partitions.values():
            for number, chunk in enumerate(partition.chunks):
                if number < partition.closed and chunk.oldest_ms > start_ms:
                    totals.merge(partition.totals[number])
                elif chunk.newest_ms > start_ms:
                    loose.append(chunk.since(start_ms))
        rows = pd.concat(loose, ignore_index=True)
        totals.add(rows[rows["recorded_ms"] > start_ms])
        return totals

    def intervals_since(self, start_ms: int, by_minute: bool) -> Iterator[pd.DataFrame]:
        """Yield what was emitted after a moment, by whole minutes where those will do."""
        in_memory = [NO_ROWS]
        for partition in self.partitions.values():
            if by_minute:
                for minutes in partition.minutes.values():
                    yield from minutes_since(minutes, start_ms)
            for chunk in partition.chunks[partition.closed if by_minute else 0 :]:
                if chunk.newest_ms <= start_ms:
                    continue
                if chunk.kept is None:  # one at a time: they may be too many for the memory
                    yield intervals(chunk.since(start_ms))
                else:
                    in_memory.append(chunk.since(start_ms))
        yield intervals(pd.concat(in_memory, ignore_index=True))

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield all rows as they are in the CSV, some thousands of one partition at a time."""
        sources = pd.DataFrame(self.sources, columns=SOURCE_FIELDS)
        texts = [name for name in SOURCE_FIELDS if name not in ("latitude", "longitude")]
        sources = sources.astype(dict.fromkeys(texts, "str")).astype(
            dict.fromkeys(texts, "category") | {"latitude": "float64", "longitude": "float64"}
        )
        chunks = [(number, c.rows) for number, p in self.partitions.items() for c in p.chunks]
        for number, rows in [(0, NO_ROWS), *chunks]:
            frame = rows.join(sources, on="source").assign(partition=np.int32(number))
            times = pd.to_datetime(frame["recorded_ms"], unit="ms", utc=True)
            yield frame.assign(recorded_at=times.dt.as_unit("ms"))[FRAME_FIELDS]

    def to_frame(self) -> pd.DataFrame:
        """Return all rows in the order of time, then of partition and offset."""
        return pd.concat(self.frames()).sort_values(IN_TIME, ignore_index=True)
