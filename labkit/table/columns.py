"""Rows in memory: a NumPy array per column, and what the rows repeat kept once.

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

from labkit.sink.csv_row import COLUMNS, DEAD_LETTER, restore
from labkit.table.intervals import Array, Intervals

ID_BYTES = 36  # a UUID as text
FEW_ROWS = 100  # of which each by itself is looked up faster than whole columns are
MOST_GROUPS = 2**62  # that an array of int64 can number


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


class Parsed(NamedTuple):
    """Rows as they stand in the file; ``source`` counts ``sources``, which are not restored."""

    rows: Columns
    sources: list[tuple[Any, ...]]


DTYPES = tuple(map(np.dtype, ("i8", "i8", "i8", "f8", "i4", "f8", "f8", f"S{ID_BYTES}")))
NO_ROWS = Columns(*(np.empty(0, dtype) for dtype in DTYPES))

_TEXTS = frozenset(Source._fields) - {"latitude", "longitude"}
_ARROW_TYPES = {
    "partition": pa.int32(),
    "offset": pa.int64(),
    "reading_id": pa.binary(ID_BYTES),
    "recorded_at": pa.timestamp("ms", tz="UTC"),
    **{name: pa.float64() for name in COLUMNS if name.endswith(("itude", "_s", "_mw", "_kg"))},
    **{name: pa.dictionary(pa.int32(), pa.string()) for name in _TEXTS},
}
_CONVERT = arrow_csv.ConvertOptions(
    column_types=_ARROW_TYPES, include_columns=COLUMNS[:-1], null_values=[""]
)


class Sources:
    """Every source seen so far, numbered in the order of their first reading."""

    def __init__(self) -> None:
        self._numbers: dict[Source, int] = {}
        self._cells: dict[tuple[Any, ...], int] = {}  # of few rows: as they stand in the file

    def __len__(self) -> int:
        return len(self._numbers)

    def all(self) -> tuple[Source, ...]:
        """Return the sources; a source's place is its number."""
        return tuple(self._numbers)

    def number(self, parsed: Parsed) -> Columns:
        """Return parsed rows of one partition, each with the number of its source."""
        numbers = [self._number_of(cells) for cells in parsed.sources]
        return parsed.rows._replace(source=np.array(numbers, np.int32)[parsed.rows.source])

    def _number_of(self, cells: tuple[Any, ...]) -> int:
        number = self._cells.get(cells)
        if number is None:
            number = self._numbers.setdefault(_restored(cells), len(self._numbers))
            self._cells[cells] = number
        return number


def iso_times(times_ms: Array | Sequence[int]) -> list[str]:
    """Return moments as the lab writes them: ``2026-11-23T22:13:04.123Z``."""
    texts = np.datetime_as_string(np.asarray(times_ms).astype("datetime64[ms]"))
    return [f"{text}Z" for text in texts.tolist()]


def parse(lines: bytes) -> Parsed:
    """Parse verified rows of one partition; dead letters' markers are left out.

    Raises
    ------
    ValueError
        A row is true, and yet not a reading: it was written by something else.
    """
    # One block, so that a text has one dictionary; pandas' own parser takes ten times as long
    # for the few rows of a poll.
    table = arrow_csv.read_csv(
        pa.BufferReader(lines),
        read_options=arrow_csv.ReadOptions(
            column_names=COLUMNS, use_threads=False, block_size=len(lines) + 1
        ),
        convert_options=_CONVERT,
    )
    if DEAD_LETTER in table["quality"].combine_chunks().dictionary.to_pylist():
        table = table.filter(compute.not_equal(table["quality"], DEAD_LETTER))
    cells = table.select(Source._fields)
    if len(table) <= FEW_ROWS:
        source = np.arange(len(table))
    else:
        source, first = _groups([_codes(column) for column in cells.columns])
        cells = cells.take(pa.array(first))
    recorded_ms = table["recorded_at"].to_numpy().view(np.int64)
    rows = Columns(
        recorded_ms=recorded_ms,
        stream_ms=recorded_ms,  # until `GrowingColumns` knows the rows before them
        source=source,
        reading_id=_fixed_bytes(table["reading_id"]),
        **{name: table[name].to_numpy() for name in ("offset", "interval_s", "load_mw", "co2_kg")},
    )
    lists = [column.to_pylist() for column in cells.columns]
    return Parsed(rows, list(zip(*lists, strict=True)))


def give_back_memory() -> None:
    """Let the system have what parsing took; Arrow would keep it for the next time."""
    pa.default_memory_pool().release_unused()


def _groups(columns: list[Array]) -> tuple[Array, Array]:
    """Return the number of each row's group, which has the same codes, and each group's first row.

    The groups are numbered in the order of their first rows.
    """
    group, groups = columns[0], int(columns[0].max(initial=0)) + 1
    for codes in columns[1:]:
        number = int(codes.max(initial=0)) + 1
        if groups * number > MOST_GROUPS:
            group, found = pd.factorize(group)
            groups = len(found)
        group, groups = group * number + codes, groups * number
    group, found = pd.factorize(group)
    return group, first_rows(group, len(found))


def first_rows(numbers: Array, count: int) -> Array:
    """Return the first row of each number below ``count``, without sorting; -1: there is none."""
    first = np.full(count, -1)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # what is written last stays
    return first


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


def _restored(cells: tuple[Any, ...]) -> Source:
    named = zip(Source._fields, cells, strict=True)
    return Source._make(restore(cell) if name in _TEXTS else cell for name, cell in named)
