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

from labkit.columns import ID_BYTES, NO_ROWS, Columns, Source
from labkit.intervals import Array, Intervals, joined
from labkit.readings import READING_FIELDS

FILTERS = ("sector", "country", "fuel", "facility_id")
Filters = Mapping[str, Collection[str]]  # field -> the values wanted; no field: every row


class Totals:
    """Running totals of each source: added to with every row, so that asking costs nothing.

    Attributes
    ----------
    records, grams : array of int
        Readings, and whole grams of CO2: integers, so that they add up exactly.
    covered_s, mwh : array of float
        Seconds the readings cover, and the energy of their load.
    first_ms : array of int
        When the interval of the first reading began.
    last_ms, last_load_mw, last_interval_s, last_t_per_h : array
        The newest reading: when, its load, the seconds it covers, its rate.
    """

    def __init__(self) -> None:
        self.records = np.zeros(0, np.int64)
        self.grams = np.zeros(0, np.int64)
        self.covered_s = np.zeros(0)
        self.mwh = np.zeros(0)
        self.first_ms = np.zeros(0, np.int64)
        self.last_ms = np.zeros(0, np.int64)
        self.last_load_mw = np.zeros(0)
        self.last_interval_s = np.zeros(0)
        self.last_t_per_h = np.zeros(0)

    def add(self, rows: Columns, sources: int) -> None:
        """Count rows; ``sources`` is how many sources there are by now."""
        for name, values in vars(self).items():
            setattr(self, name, np.pad(values, (0, sources - len(values))))
        by = rows.source
        seen, first = np.unique(by, return_index=True)
        first = first[self.records[seen] == 0]
        self.first_ms[by[first]] = rows.recorded_ms[first] - rows.interval_s[first] * 1000
        self.records += np.bincount(by, minlength=sources)
        self.grams += np.bincount(by, grams(rows), sources).astype(np.int64)
        self.covered_s += np.bincount(by, rows.interval_s, sources)
        self.mwh += np.bincount(by, mwh(rows), sources)
        np.maximum.at(self.last_ms, by, rows.recorded_ms)
        newest = np.flatnonzero(rows.recorded_ms == self.last_ms[by])
        self.last_load_mw[by[newest]] = rows.load_mw[newest]
        self.last_interval_s[by[newest]] = rows.interval_s[newest]
        self.last_t_per_h[by[newest]] = rows.co2_kg[newest] / rows.interval_s[newest] * 3.6

    def copy(self) -> Totals:
        """Return totals that stay as they are now."""
        other = Totals()
        vars(other).update({name: values.copy() for name, values in vars(self).items()})
        return other


def grams(rows: Columns) -> Array:
    """Return whole grams, in floating point: exact, as long as a sum is below 9 billion tonnes."""
    whole: Array = np.rint(rows.co2_kg * 1000)
    return whole


def mwh(rows: Columns) -> Array:
    """Return the energy of each row's load over its interval."""
    energy: Array = rows.load_mw * rows.interval_s / 3600
    return energy


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
    totals : Totals
        What the rows of each source add up to.
    problems : tuple of str
        Why reading could not go on, where it could not.
    """

    version: str = ""
    sources: tuple[Source, ...] = ()
    partitions: Mapping[int, Columns] = field(default_factory=dict)
    minutes: Mapping[int, tuple[int, Intervals]] = field(default_factory=dict)
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

    def since(self, start_ms: int, filters: Filters) -> Columns:
        """Return the rows recorded after a moment, of the sources that pass the filters."""
        parts = []
        for rows in self.partitions.values():
            # Rows before this one are too old, all of them; among the rest, late ones can be.
            first = int(np.searchsorted(rows.stream_ms, start_ms, side="right"))
            parts.append(rows.cut(first, len(rows.offset)))
        recent = _joined(parts)
        keep = recent.recorded_ms > start_ms
        chosen = self.chosen(filters)
        if not chosen.all():
            keep &= chosen[recent.source]
        return recent if keep.all() else recent.take(keep)

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
