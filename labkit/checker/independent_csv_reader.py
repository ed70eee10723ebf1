"""A CSV parser that is independent of the sink's, so that a bug in the sink cannot hide itself.

It shares with the sink only the file format, which docs/formats.md describes, and `restore`, which
undoes the protection against formulas in spreadsheets.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from labkit.core.spreadsheet_text import restore

CRC_CELL = re.compile(rb",([0-9a-f]{8})\n")
CRC_CELL_BYTES = 10
NOT_OF_THE_READING = {"partition", "offset", "crc32"}
END_BYTES = 64 * 1024


class Row(NamedTuple):
    """One line of a CSV; ``problem`` says why if it is not a complete, correct row."""

    path: Path
    number: int  # as a spreadsheet counts: the header is row 1
    partition: int
    offset: int
    cells: Mapping[str, str]
    problem: str = ""

    @property
    def is_marker(self) -> bool:
        """Whether it marks the place of a dead letter."""
        return self.cells["quality"] == "dead-letter"

    def __str__(self) -> str:
        what = self.problem or ("a dead letter's marker" if self.is_marker else self._reading())
        return f"row {self.number} of {self.path}: {what}"

    def _reading(self) -> str:
        cells = self.cells
        return f"reading {cells['reading_id']} of {cells['facility_id']}, {cells['co2_kg']} kg"


class CsvReader:
    """The CSV files of one partition, up to their present size.

    Attributes
    ----------
    removed_below : int
        Files that start below this offset were removed by retention, also while they are read.
    torn_bytes : int
        Bytes after the last correct row. They are not damage: the next consumer removes them.
    """

    def __init__(self, folder: Path, partition: int) -> None:
        name = re.compile(rf"{partition}(\.\d{{20}})?\.csv")
        paths = (path for path in folder.glob(f"{partition}*.csv") if name.fullmatch(path.name))
        found = sorted(paths, key=lambda path: (len(path.name), path.name))
        self._sidecar = folder / f"{partition}.json"
        self.removed_below = self._removed_below()
        kept = (path for path in found if _first_offset(path) >= self.removed_below)
        self._sizes = {path: path.stat().st_size for path in kept}
        self.torn_bytes = 0

    @property
    def topic_id(self) -> str | None:
        """The id of the topic that the rows are from, by the checkpoint; None without one."""
        topic_id = self._content().get("topic_id")
        return None if topic_id is None else str(topic_id)

    def _content(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._sidecar.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # none, or a power cut emptied it: rows tell more
            return {}
        return content

    def last_offset(self) -> int:
        """Return the offset of the last correct row without reading the others; -1 if none."""
        for path, size in reversed(self._sizes.items()):
            with path.open("rb") as file:
                file.seek(max(0, size - END_BYTES))
                lines = file.read(END_BYTES).splitlines(keepends=True)
            for line in reversed(lines):
                if not _row_problem(line):
                    return int(line.split(b",", 2)[1])
        return -1

    def rows(self) -> Iterator[Row]:
        """Yield each line after the header, damaged ones too, but not a torn tail."""
        for path in self._sizes:
            wrong: list[Row] = []
            self.torn_bytes = 0
            if not path.exists():
                self._note_removal(path)
                continue
            for row, length in self._lines(path):
                if row.problem:
                    wrong.append(row)
                    self.torn_bytes += length
                    continue
                yield from wrong
                wrong, self.torn_bytes = [], 0
                yield row
            if path != list(self._sizes)[-1]:
                yield from wrong

    def _note_removal(self, path: Path) -> None:
        """Learn how far retention has removed the files meanwhile; it may not have removed this."""
        self.removed_below = self._removed_below()
        if _first_offset(path) >= self.removed_below:
            raise FileNotFoundError(path)

    def _removed_below(self) -> int:
        return int(self._content().get("removed", {}).get("next_offset", 0))

    def _lines(self, path: Path) -> Iterator[tuple[Row, int]]:
        names: list[str] = []
        left = self._sizes[path]
        with path.open("rb") as file:
            for number, whole in enumerate(file, start=1):
                line = whole[:left]
                left -= len(line)
                if number == 1 and line.startswith(b"partition,offset,") and line.endswith(b"\n"):
                    names = line[:-1].decode().split(",")
                else:
                    yield parse(path, number, line, names), len(line)
                if not left:
                    return


def _first_offset(path: Path) -> int:
    base = path.name.split(".")[1]
    return int(base) if base.isdecimal() else 0


def parse(path: Path, number: int, line: bytes, names: list[str]) -> Row:
    """Return a line as a row; if it is not one, ``problem`` says why."""
    if problem := _row_problem(line):
        return Row(path, number, -1, -1, {}, problem)
    text = line[:-1].decode()
    cells = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
    if len(cells) != len(names):
        return Row(path, number, -1, -1, {}, f"it has {len(cells)} cells, not {len(names)}")
    named = dict(zip(names, cells, strict=True))
    return Row(path, number, int(named["partition"]), int(named["offset"]), named)


def _row_problem(line: bytes) -> str:
    """Return why a line is not as it was written; an empty string if it is."""
    match = CRC_CELL.fullmatch(line[-CRC_CELL_BYTES:])
    if match is None:
        return f"no whole row: {line[-40:]!r} is its end"
    if int(match[1], 16) != crc32(line[:-CRC_CELL_BYTES]):
        return f"its checksum is wrong: it begins {line[:40]!r}"
    return ""


def differences(value: bytes, cells: Mapping[str, str]) -> list[str]:
    """Return, as text, the cells of a row that differ from the record's JSON."""
    try:
        fields = json.loads(value)
    except ValueError:
        return ["the record is not JSON"]
    if not isinstance(fields, dict):
        return ["the record is not a JSON object"]
    return [
        f"{name} is {cell!r} in the row and {fields.get(name)!r} in the record"
        for name, cell in cells.items()
        if name not in NOT_OF_THE_READING and not _same(name, cell, fields.get(name))
    ]


def _same(name: str, cell: str, recorded: object) -> bool:
    if isinstance(recorded, str):
        if cell == recorded and "'" not in cell:
            return True
        plain = restore(cell)
        return plain == recorded or (name == "recorded_at" and _moment(plain) == _moment(recorded))
    try:
        return isinstance(recorded, int | float) and float(cell) == recorded
    except ValueError:
        return False


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
