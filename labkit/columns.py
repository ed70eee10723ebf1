"""The rows of one partition in memory: a NumPy array per column, appended to as the CSV grows.

Of a reading's fifteen fields ten say *where* it comes from, and repeat with every reading of that
facility. They are kept once, as a `Source`, and each row holds its number: that is 88 bytes a row
instead of half a kilobyte, and a filter is decided once per source instead of once per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from labkit.intervals import NO_INTERVALS, Array, Intervals, joined
from labkit.rows import COLUMNS, DEAD_LETTER, restore

ID_BYTES = 36  # a UUID as text
ROLL_UP_ROWS = 4096  # added up by minute together


class Source(NamedTuple):
    """What the readings of one facility repeat, as their rows say it."""

    facility_id: str
    facility: str
    operator: str
    country: str
    latitude: float
    longitude: float
    sector: str
    fuel: str
    factor_id: str
    quality: str


class Columns(NamedTuple):
    """Rows of one partition, in the order of their offsets.

    ``recorded_ms`` is in milliseconds since 1970. ``stream_ms`` is the newest ``recorded_ms`` up to
    that row (Kafka Streams' "stream time"): it never falls, so that the rows since some moment are
    found by bisection even where readings came late.
    """

    offset: Array
    recorded_ms: Array
    stream_ms: Array
    interval_s: Array
    source: Array
    load_mw: Array
    co2_kg: Array
    reading_id: Array

    def cut(self, start: int, stop: int) -> Columns:
        """Return the rows from ``start`` up to ``stop``; nothing is copied."""
        return Columns(*(column[start:stop] for column in self))

    def take(self, rows: Array) -> Columns:
        """Return copies of some rows."""
        return Columns(*(column[rows] for column in self))

    def intervals(self) -> Intervals:
        """Return what each row says was emitted, and when."""
        # 1.1 * 1000 is a little more than 1100; and no length may be nothing.
        length_ms = np.round(self.interval_s * 1000, 3).clip(0.001)
        weight = np.ones(len(length_ms))
        return Intervals(self.recorded_ms, length_ms, self.source, self.co2_kg, weight)


_DTYPES = tuple(map(np.dtype, ("i8", "i8", "i8", "f8", "i4", "f8", "f8", f"S{ID_BYTES}")))
NO_ROWS = Columns(*(np.empty(0, dtype) for dtype in _DTYPES))

_TEXTS = frozenset(Source._fields) - {"latitude", "longitude"}
_ARROW_TYPES = {
    "partition": pa.int32(),
    "offset": pa.int64(),
    "reading_id": pa.binary(ID_BYTES),
    "recorded_at": pa.timestamp("ms", tz="UTC"),
    **{name: pa.float64() for name in COLUMNS if name.endswith(("itude", "_s", "_mw", "_kg"))},
    **{name: pa.dictionary(pa.int32(), pa.string()) for name in _TEXTS},
}


class GrowingColumns:
    """Columns that are appended to: each doubles its space when it is full.

    So a row is copied about once on average, however the rows come in, and rows that were handed
    out stay as they are: what is written later lies behind them.

    Attributes
    ----------
    minutes : Intervals
        The first rows added up by minute and source: all but the last few thousand.
    rows_in_minutes : int
        How many rows those are.
    """

    def __init__(self) -> None:
        self.minutes = NO_INTERVALS
        self.rows_in_minutes = 0
        self._space = NO_ROWS
        self._size = 0

    @property
    def rows(self) -> Columns:
        """All rows, as views."""
        return self._space.cut(0, self._size)

    def append(self, new: Columns) -> None:
        """Put rows behind the last one."""
        size = self._size + len(new.offset)
        if size > len(self._space.offset):
            room = max(size, 2 * self._size)
            space = Columns(*(np.empty(room, dtype) for dtype in _DTYPES))
            for old, larger in zip(self.rows, space, strict=True):
                larger[: self._size] = old
            self._space = space
        for column, values in zip(self._space, new, strict=True):
            column[self._size : size] = values
        stream_ms = self._space.stream_ms[max(self._size - 1, 0) : size]
        np.maximum.accumulate(stream_ms, out=stream_ms)
        self._size = size
        whole = size - size % ROLL_UP_ROWS
        if whole > self.rows_in_minutes:
            more = self._space.cut(self.rows_in_minutes, whole).intervals().by_minute()
            self.minutes = joined([self.minutes, more])
            self.rows_in_minutes = whole


class Sources:
    """Every source seen so far, numbered in the order of their first reading."""

    def __init__(self) -> None:
        self._numbers: dict[Source, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def all(self) -> tuple[Source, ...]:
        """Return the sources; a source's place is its number."""
        return tuple(self._numbers)

    def parse(self, lines: bytes) -> Columns:
        """Turn verified rows of one partition into columns; dead letters' markers are left out.

        Raises
        ------
        ValueError
            A row is true, and yet not a reading: it was written by something else.
        """
        table = _read_arrow(lines)
        table = table.filter(compute.not_equal(table["quality"], DEAD_LETTER))
        numbers = {
            name: table[name].to_numpy() for name in ("offset", "interval_s", "load_mw", "co2_kg")
        }
        recorded_ms = table["recorded_at"].cast(pa.int64()).to_numpy()
        return Columns(
            recorded_ms=recorded_ms,
            stream_ms=recorded_ms,  # until `GrowingColumns` knows the rows before them
            source=self._number(table),
            reading_id=_fixed_bytes(table["reading_id"]),
            **numbers,
        )

    def _number(self, table: pa.Table) -> Array:
        """Return each row's source number; a source never seen before gets the next one."""
        group = np.zeros(len(table), np.int64)
        for name in Source._fields:
            codes = _codes(table[name])
            group, _ = pd.factorize(group * (codes.max(initial=0) + 1) + codes)
        _, first_rows = np.unique(group, return_index=True)
        cells = table.select(Source._fields).take(pa.array(first_rows)).to_pylist()
        numbers = [self._numbers.setdefault(_restored(cell), len(self._numbers)) for cell in cells]
        return np.array(numbers, np.int32)[group]


def iso_times(times_ms: Array | Sequence[int]) -> list[str]:
    """Return moments as the lab writes them: ``2026-11-23T22:13:04.123Z``."""
    texts = np.datetime_as_string(np.asarray(times_ms).astype("datetime64[ms]"))
    return [f"{text}Z" for text in texts.tolist()]


def _read_arrow(lines: bytes) -> pa.Table:
    # One block, so that a text has one dictionary; pandas' own parser takes ten times as long
    # for the few rows of a poll.
    return arrow_csv.read_csv(
        pa.BufferReader(lines),
        read_options=arrow_csv.ReadOptions(
            column_names=COLUMNS, use_threads=False, block_size=len(lines) + 1
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=_ARROW_TYPES, include_columns=COLUMNS[:-1], null_values=[""]
        ),
    )


def _codes(column: pa.ChunkedArray) -> Array:
    """Return a small number for each value of a column, the same for the same value."""
    if pa.types.is_dictionary(column.type):
        codes: Array = column.combine_chunks().indices.to_numpy().astype(np.int64)
        return codes
    codes, _ = pd.factorize(column.to_numpy())
    return codes


def _fixed_bytes(column: pa.ChunkedArray) -> Array:
    """Return ids as NumPy bytes; Arrow itself would make a Python object of each."""
    ids = column.combine_chunks()
    start = ids.offset * ID_BYTES
    return np.frombuffer(ids.buffers()[1], f"S{ID_BYTES}", len(ids), start)


def _restored(cells: dict[str, Any]) -> Source:
    values = (restore(cell) if name in _TEXTS else cell for name, cell in cells.items())
    return Source._make(values)
