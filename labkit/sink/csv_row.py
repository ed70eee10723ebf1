"""One row of the CSV: a reading, its place in the topic, and a checksum.

A row is text that any spreadsheet opens, and it can be verified: it ends in a line break, and its
last cell is the CRC-32 of all the bytes before. A row that a crash tore in two fails that check,
wherever it was torn; the line break alone would not show it.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from labkit.core.errors import SinkDamaged
from labkit.core.spreadsheet_text import neutralise, restore
from labkit.readings.reading import READING_FIELDS, Reading, grams

COLUMNS: tuple[str, ...] = ("partition", "offset", *READING_FIELDS, "crc32")
PLANT_FIELDS: tuple[str, ...] = READING_FIELDS[3:11]
HEADER: bytes = (",".join(COLUMNS) + "\n").encode()
DEAD_LETTER = "dead-letter"  # the ``quality`` of a marker row

_ROW = "%d,%d,%s,%d-%02d-%02dT%02d:%02d:%02d.%03dZ,%r,%s,%r,%r,%s"
_CRC_CELL = 10  # bytes of the last cell with its comma and its line break: ",0a1b2c3d\n"
_CO2_CELL = COLUMNS.index("co2_kg")
_MARKER_END = f",{DEAD_LETTER}".encode()
_PLAIN = re.compile(r"\w[^,;\"\r\n]*")


class Cells(NamedTuple):
    """The cells of a row that depend on the reading alone, ready to be written."""

    content: bytes  # from ``reading_id`` to ``quality``
    co2_g: int


class Row(NamedTuple):
    """A row as read back; ``reading`` is None if the record became a dead letter."""

    partition: int
    offset: int
    reading: Reading | None


def encode_row(partition: int, offset: int, reading: Reading) -> bytes:
    """Return the line of one reading, with its checksum and its line break.

    Floats are written in the shortest form that reads back as the same number. This runs once for
    every record, so it formats the model's fields directly instead of using a ``csv.writer``.

    Raises
    ------
    ValueError
        A text holds a line break. The model refuses those; a row never spans two lines.
    """
    (
        reading_id,
        at,
        interval_s,
        facility_id,
        facility,
        operator,
        country,
        latitude,
        longitude,
        sector,
        fuel,
        load_mw,
        co2_kg,
        factor_id,
        quality,
    ) = reading.__dict__.values()  # in their order; reading each by its name costs more
    plant = _plant_cells(
        facility_id, facility, operator, country, latitude, longitude, sector, fuel
    )
    how = _cells(factor_id, quality)
    when = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond // 1000)
    return _seal(
        _ROW % (partition, offset, reading_id, *when, interval_s, plant, load_mw, co2_kg, how)
    )


def encode_cells(partition: int, offset: int, cells: bytes) -> bytes:
    """Return the line of a reading whose other cells are ready; see `labkit.sink.row_cache`."""
    return _sealed(b"%d,%d,%b" % (partition, offset, cells))


def plant_cells(reading: Reading) -> str:
    """Return the cells that depend on the reading's plant, from ``facility_id`` to ``fuel``."""
    return _plant_cells(*(getattr(reading, name) for name in PLANT_FIELDS))


def encode_marker(partition: int, offset: int) -> bytes:
    """Return the line that stands for a dead letter: its place in the topic, and no reading.

    Without it, the CSV's last offset would stay before the bad record, and a restarted consumer
    would read that record and send it to the dead-letter queue once more.
    """
    return _seal(f"{partition},{offset}{',' * len(READING_FIELDS)}{DEAD_LETTER}")


def at_offset(line: bytes, offset: int) -> bytes:
    """Return a valid row as it would be at another offset, with its checksum."""
    partition, _offset, rest = line[:-_CRC_CELL].split(b",", 2)
    return _sealed(b"%b,%d,%b" % (partition, offset, rest))


def verify_row(line: bytes) -> tuple[int, int] | None:
    """Return ``(partition, offset)`` of a complete, valid row, otherwise None.

    Parameters
    ----------
    line : bytes
        One line, with its line break.
    """
    body = line[:-_CRC_CELL]
    if line[-_CRC_CELL:] != b",%08x\n" % crc32(body):
        return None
    try:
        partition, offset, _reading = body.split(b",", 2)
        return int(partition), int(offset)
    except ValueError:  # an empty row has a valid checksum, too: ",00000000"
        return None


def decode_row(line: bytes) -> Row:
    """Return a row with all its fields, the text as it was before it was neutralised.

    Raises
    ------
    SinkDamaged
        The line is not a complete row, or its checksum is wrong.
    """
    place = verify_row(line)
    if place is None:
        msg = f"this is not a whole row of a lab CSV: {line[:60]!r}"
        raise SinkDamaged(msg)
    (cells,) = csv.reader([line.decode()], strict=True)
    fields = dict(zip(READING_FIELDS, map(restore, cells[2:-1]), strict=True))
    if fields["quality"] == DEAD_LETTER:
        return Row(*place, None)
    return Row(*place, Reading.model_validate_strings(fields))


def row_grams(line: bytes) -> int | None:
    """Return the CO2 of a verified row in whole grams; None for the marker of a dead letter."""
    if line[-len(_MARKER_END) - _CRC_CELL : -_CRC_CELL] == _MARKER_END:
        return None
    if b'"' in line:
        (cells,) = csv.reader([line.decode()], strict=True)
        return grams(float(cells[_CO2_CELL]))
    return grams(float(line.split(b",", _CO2_CELL + 1)[_CO2_CELL]))


def _seal(body: str) -> bytes:
    return _sealed(body.encode())


def _sealed(content: bytes) -> bytes:
    return b"%b,%08x\n" % (content, crc32(content))


def _cell(text: str) -> str:
    """Format one text so that a spreadsheet shows it and never runs it (CWE-1236)."""
    if _PLAIN.fullmatch(text):
        return text
    if "\n" in text or "\r" in text:
        msg = f"a text with a line break cannot be one cell of a row: {text!r}"
        raise ValueError(msg)
    safe = neutralise(text)
    return '"' + safe.replace('"', '""') + '"' if "," in safe or '"' in safe else safe


@lru_cache(maxsize=4096)
def _plant_cells(
    facility_id: str,
    facility: str,
    operator: str,
    country: str,
    latitude: float,
    longitude: float,
    sector: str,
    fuel: str,
) -> str:
    """Format the cells that are the same in each reading of a plant: a fleet has few plants."""
    # Adding 0.0 turns -0.0 into 0.0: the cache takes them for the same.
    place = f"{latitude + 0.0!r},{longitude + 0.0!r}"
    return f"{_cells(facility_id, facility, operator, country)},{place},{_cells(sector, fuel)}"


@lru_cache(maxsize=4096)
def _cells(*texts: str) -> str:
    return ",".join(map(_cell, texts))
