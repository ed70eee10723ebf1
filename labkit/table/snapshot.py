"""The table as it was at one moment: what every question of the API is answered from.

The table grows while questions are answered. Its columns only ever get longer, so a snapshot is a
handful of views on them, and stays true without a lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from labkit.readings.reading import READING_FIELDS
from labkit.table.columns import ID_BYTES, NO_ROWS, Columns, Source
from labkit.table.intervals import Array, Intervals, joined
from labkit.table.totals import BLOCK_ROWS, Block, Totals

FILTERS = ("sector", "country", "fuel", "facility_id")
Filters = Mapping[str, Collection[str]]  # field -> the values wanted; no field: every row


@dataclass(frozen=True)
class Snapshot:
    """All rows at one moment.

    Attributes
    ----------
    version : str
        The same for the same rows, also after a restart.
    sources : tuple of Source
        What ``Columns.source`` counts.
    partitions : dict of int to Columns
        The rows of each partition, in the order of their offsets.
    minutes : dict of int to (int, Intervals)
        Of each partition so many first rows, added up by minute and source.
    blocks : dict of int to tuple of Block
        Of each partition its rows, added up by source, `BLOCK_ROWS` at a time.
    totals : Totals
        What the rows of each source add up to.
    problems : tuple of str
        Why reading could not go on, where it could not.
    """

    version: str = ""
    sources: tuple[Source, ...] = ()
    partitions: Mapping[int, Columns] = field(default_factory=dict)
    minutes: Mapping[int, tuple[int, Intervals]] = field(default_factory=dict)
    blocks: Mapping[int, tuple[Block, ...]] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    problems: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many readings there are."""
        return sum(len(rows.offset) for rows in self.partitions.values())

    @property
    def newest_ms(self) -> int | None:
        """The newest ``recorded_at``, in milliseconds since 1970."""
        times = (int(rows.stream_ms[-1]) for rows in self.partitions.values() if len(rows.offset))
        return max(times, default=None)

    def chosen(self, filters: Filters) -> Array:
        """Return for each source whether its readings pass the filters."""
        wanted = [(name, frozenset(values)) for name, values in filters.items() if values]
        return np.array(
            [
                all(getattr(source, name) in values for name, values in wanted)
                for source in self.sources
            ],
            bool,
        )

    def totals_since(self, start_ms: int) -> Totals:
        """Return what the rows recorded after a moment add up to, by whole blocks where possible.

        So a day of a million rows costs little more than its last minutes.
        """
        totals, loose = Totals(), []
        totals.add(NO_ROWS, len(self.sources))
        for partition, rows in self.partitions.items():
            # Rows before this one are too old, all of them; among the rest, late ones can be.
            first = int(np.searchsorted(rows.stream_ms, start_ms, side="right"))
            size, blocks = len(rows.offset), self.blocks.get(partition, ())
            number = min(-(-first // BLOCK_ROWS), len(blocks))
            begin = max(number * BLOCK_ROWS, first)
            loose.append(rows.cut(first, begin))
            for block in blocks[number:]:
                if block.oldest_ms > start_ms:
                    totals.merge(block.totals)
                else:
                    loose.append(rows.cut(begin, begin + BLOCK_ROWS))
                begin += BLOCK_ROWS
            loose.append(rows.cut(begin, size))
        recent = _joined(loose)
        totals.add(recent.take(recent.recorded_ms > start_ms), len(self.sources))
        return totals

    def intervals_since(self, start_ms: int, filters: Filters, by_minute: bool) -> Intervals:
        """Return what was emitted after a moment, by whole minutes where those will do."""
        chosen = self.chosen(filters)
        parts = []
        for partition, rows in self.partitions.items():
            first = 0
            if by_minute:
                first, minutes = self.minutes[partition]
                parts.append(minutes)
            since = int(np.searchsorted(rows.stream_ms, start_ms, side="right"))
            parts.append(rows.cut(max(first, since), len(rows.offset)).intervals())
        found = joined(parts)
        return found.take((found.end_ms > start_ms) & chosen[found.source])

    def to_frame(self) -> pd.DataFrame:
        """Return all rows as pandas shows them: in the order of time, then partition and offset."""
        rows = _joined(list(self.partitions.values()))
        lengths = [len(part.offset) for part in self.partitions.values()]
        partition = np.repeat(np.array(list(self.partitions), np.int32), lengths)
        order = np.lexsort((rows.offset, partition, rows.recorded_ms))
        rows = rows.take(order)
        columns: dict[str, object] = {
            "partition": partition[order],
            "offset": rows.offset,
            "reading_id": _texts(rows.reading_id),
            "recorded_at": pd.to_datetime(rows.recorded_ms, unit="ms", utc=True).as_unit("ms"),
            "interval_s": rows.interval_s,
            "load_mw": rows.load_mw,
            "co2_kg": rows.co2_kg,
        }
        for place, name in enumerate(Source._fields):
            values = pd.Series([source[place] for source in self.sources])
            if name in ("latitude", "longitude"):
                columns[name] = values.to_numpy(float)[rows.source]
            else:
                codes, texts = pd.factorize(values.astype(str))
                categories = pd.Index(texts, dtype="str")
                columns[name] = pd.Categorical.from_codes(codes[rows.source], categories)
        return pd.DataFrame(
            {name: columns[name] for name in ("partition", "offset", *READING_FIELDS)}
        )


def _joined(parts: list[Columns]) -> Columns:
    if not parts:
        return NO_ROWS
    return parts[0] if len(parts) == 1 else Columns(*map(np.concatenate, zip(*parts, strict=True)))


def _texts(ids: Array) -> pd.Series[str]:
    """Return ids of a fixed length as pandas' text, without a Python object for each."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(ids))]
    fixed = pa.Array.from_buffers(pa.binary(ID_BYTES), len(ids), buffers)
    return pd.Series(pd.array(fixed.cast(pa.binary()).cast(pa.string()), dtype="str"))
