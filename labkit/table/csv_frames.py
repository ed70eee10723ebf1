"""Rows of the CSV as pandas frames: `read_rows` parses them (`Sources` itself, if they are few).

Ten of a reading's fifteen fields say *where* it comes from and how its CO2 was found, and hardly
differ among the readings of one facility. `Sources` keeps each such combination once, and a row
holds only its number, as a fact table in a data warehouse refers to a dimension. So a row takes 88
bytes instead of half a kilobyte.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labkit.core.errors import CursorOutdated
from labkit.core.spreadsheet_text import restore
from labkit.readings.reading import READING_FIELDS, to_ms
from labkit.sink.csv_row import COLUMNS, DEAD_LETTER, HEADER

Array = npt.NDArray[Any]
Item = TypeVar("Item")

MANY_BYTES = 256 * 1024  # from this size on, Arrow's parser is faster than pandas' own
FEW_BYTES = 32 * 1024  # up to this size Python's csv is faster: pandas needs 1 ms to begin
ID_LENGTH = 36  # a UUID as text


pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own would keep what parsing took: 70 MB


class Source(NamedTuple):
    """The ten fields in which the readings of one facility hardly differ."""

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


SOURCE_FIELDS = list(Source._fields)
FRAME_FIELDS = ["partition", "offset", *READING_FIELDS]

_NUMBERS = {"offset": "int64"} | dict.fromkeys(
    ("interval_s", "latitude", "longitude", "load_mw", "co2_kg"), "float64"
)
_TYPES = {
    name: pd.api.types.pandas_dtype(_NUMBERS.get(name, "str"))
    for name in ("offset", *READING_FIELDS)
}
# "pyarrow" for both: then the texts stay as Arrow has read them until they are numbered.
_MANY: dict[str, Any] = {"engine": "pyarrow", "dtype_backend": "pyarrow"}
_SOME: dict[str, Any] = {"engine": "c", "low_memory": False}
_ROW_TYPES = {"recorded_ms": "int64", "source": "int32", **_NUMBERS}
_TIME = pd.ArrowDtype(pa.timestamp("ms", tz="UTC"))


def read_rows(lines: bytes) -> pd.DataFrame:
    """Parse verified rows of the CSV; the marker rows of dead letters are left out.

    Raises
    ------
    ValueError
        A row's checksum is right, but the row is not a reading: another program wrote it.
    """
    rows: pd.DataFrame = pd.read_csv(
        BytesIO(HEADER + lines),
        usecols=list(_TYPES),
        dtype=_TYPES,
        keep_default_na=False,  # a facility may be called "null" or "N/A"
        na_values=[""],
        **_MANY if len(lines) >= MANY_BYTES else _SOME,
    )
    if rows.isna().to_numpy().any():  # else there is no marker row, and no missing field
        rows = rows[rows["quality"] != DEAD_LETTER]
        if rows.isna().to_numpy().any():
            raise ValueError("a field is missing")
    if (rows["reading_id"].str.len() != ID_LENGTH).any():
        raise ValueError("an id is not a UUID")
    rows["recorded_at"] = rows["recorded_at"].astype(_TIME)
    return rows


class Sources:
    """Every source seen so far, numbered in the order of their first reading."""

    def __init__(self) -> None:
        self._numbers: dict[Source, int] = {}
        self._cells: dict[tuple[Any, ...], int] = {}  # the same, by a row's cells

    def __len__(self) -> int:
        return len(self._numbers)

    def all(self) -> tuple[Source, ...]:
        """Return the sources; a source's index is its number."""
        return tuple(self._numbers)

    def read(self, lines: bytes, parsed: pd.DataFrame | None = None) -> pd.DataFrame:
        """Parse verified rows; each has its source's number in place of the source's ten fields.

        Parameters
        ----------
        lines : bytes
            The rows.
        parsed : DataFrame, optional
            What `read_rows` made of them, if it was asked already.

        Raises
        ------
        ValueError
            As for `read_rows`.
        """
        if parsed is None and len(lines) <= FEW_BYTES:
            return self._read_few(lines)
        return self._number(read_rows(lines) if parsed is None else parsed)

    def _read_few(self, lines: bytes) -> pd.DataFrame:
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in csv.reader(_split(lines))]
        rows = [row for row in rows if row["quality"] != DEAD_LETTER]
        if any("" in row.values() for row in rows):
            raise ValueError("a field is missing")
        if any(len(row["reading_id"]) != ID_LENGTH for row in rows):
            raise ValueError("an id is not a UUID")
        numbers: dict[str, Any] = {
            "offset": [int(row["offset"]) for row in rows],
            "recorded_ms": [to_ms(datetime.fromisoformat(row["recorded_at"])) for row in rows],
            "interval_s": [float(row["interval_s"]) for row in rows],
            "source": [self._number_of(_source_cells(row)) for row in rows],
            "load_mw": [float(row["load_mw"]) for row in rows],
            "co2_kg": [float(row["co2_kg"]) for row in rows],
        }
        columns = {name: np.array(cells, _ROW_TYPES[name]) for name, cells in numbers.items()}
        ids = pd.array([row["reading_id"] for row in rows], dtype="str")
        return pd.DataFrame({**columns, "reading_id": ids}, copy=False)

    def _number(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return parsed rows with each one's source as a number in place of its ten fields."""
        group = rows.groupby(SOURCE_FIELDS, sort=False).ngroup()
        first = rows.iloc[np.flatnonzero(~group.duplicated())]
        cells = zip(*(first[name].to_list() for name in SOURCE_FIELDS), strict=True)
        numbers = np.fromiter(map(self._number_of, cells), _ROW_TYPES["source"], len(first))
        return pd.DataFrame(
            {
                "offset": rows["offset"].array,
                "recorded_ms": rows["recorded_at"].astype("int64").array,
                "interval_s": rows["interval_s"].array,
                "source": numbers[group],
                "load_mw": rows["load_mw"].array,
                "co2_kg": rows["co2_kg"].array,
                "reading_id": rows["reading_id"].array,
            }
        )

    def _number_of(self, cells: tuple[Any, ...]) -> int:
        number = self._cells.get(cells)
        if number is None:
            texts = (restore(one) if isinstance(one, str) else one for one in cells)
            source = Source._make(texts)
            number = self._numbers.setdefault(source, len(self._numbers))
            self._cells[cells] = number
        return number


def _split(lines: bytes) -> list[str]:
    return lines.decode().split("\n")[:-1]


def _source_cells(row: dict[str, str]) -> tuple[Any, ...]:
    numbers = {"latitude": float(row["latitude"]), "longitude": float(row["longitude"])}
    return tuple(numbers.get(name, row[name]) for name in SOURCE_FIELDS)


def iso_times(times_ms: Array | Sequence[int]) -> list[str]:
    """Return times as the lab writes them: ``2026-11-23T22:13:04.123Z``."""
    texts = np.datetime_as_string(np.asarray(times_ms).astype("datetime64[ms]"))
    return [f"{text}Z" for text in texts.tolist()]


NO_ROWS = Sources().read(b"")


class Span(NamedTuple):
    """A part of a CSV file, and its last row, which tells later whether it is still there."""

    path: Path
    start: int
    stop: int
    anchor: bytes


@dataclass(frozen=True, eq=False)
class Chunk:
    """Consecutive rows of one partition.

    Attributes
    ----------
    span : Span
        Where they are in the CSV: in one file, so that they can be forgotten with it.
    sources : Sources
        The sources that the column ``source`` refers to by number.
    kept : DataFrame or None
        The rows in the order of their offsets; None if they are in the CSV only.
    """

    span: Span
    sources: Sources
    kept: pd.DataFrame | None
    count: int
    last_offset: int
    oldest_ms: int
    newest_ms: int

    @classmethod
    def of(cls, span: Span, sources: Sources, rows: pd.DataFrame) -> Chunk:
        """Return a chunk of these rows, of which there is at least one."""
        times = rows["recorded_ms"].to_numpy()
        last_offset = int(rows["offset"].to_numpy()[-1])
        return cls(span, sources, rows, len(rows), last_offset, int(times.min()), int(times.max()))

    @property
    def rows(self) -> pd.DataFrame:
        """The rows, read again from the CSV if they are not in memory."""
        return _read_again(self) if self.kept is None else self.kept

    def since(self, start_ms: int) -> pd.DataFrame:
        """Return the first row recorded after ``start_ms``, and all that follow it."""
        rows = self.rows
        is_later = rows["recorded_ms"].to_numpy() > start_ms
        return rows.iloc[int(is_later.argmax()) :] if is_later.any() else NO_ROWS

    def joined(self, following: Chunk) -> Chunk:
        """Return this chunk and the one that follows it in the same file as one."""
        return replace(
            following,
            span=following.span._replace(start=self.span.start),
            kept=pd.concat([self.rows, following.rows], ignore_index=True),
            count=self.count + following.count,
            oldest_ms=min(self.oldest_ms, following.oldest_ms),
            newest_ms=max(self.newest_ms, following.newest_ms),
        )

    def let_go(self) -> Chunk:
        """Return the same chunk without its rows in memory."""
        return replace(self, kept=None)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items, and let a thread prepare the next one meanwhile.

    Reading a file, its checksum and Arrow's parser do not hold Python's global lock, so opening a
    large CSV is faster.
    """
    with ThreadPoolExecutor(1, "labkit-ahead") as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


@lru_cache(maxsize=4)  # a client that pages through old rows asks for each chunk several times
def _read_again(chunk: Chunk) -> pd.DataFrame:
    path, start, stop, anchor = chunk.span
    try:
        with path.open("rb") as file:
            file.seek(start)
            lines = file.read(stop - start)
    except FileNotFoundError:
        lines = b""
    if not lines.endswith(anchor):
        msg = f"{path.name} was removed or started again while its older rows were being read"
        raise CursorOutdated(msg, "GET /api/readings (without `after`: the newest readings)")
    rows = chunk.sources.read(lines)
    del lines
    pa.default_memory_pool().release_unused()
    return rows
