"""A text table as rows of cells: encoding, delimiter, and one reader for header and rows.

The reader is Python's own ``csv`` in strict mode. It is asked to refuse, where it can, what other
readers guess at: a quotation mark that is never closed would make one cell of all further rows.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from labkit.core.errors import ReplayError
from labkit.readings.replay.known_titles import meaning_of
from labkit.readings.replay.replay_options import DELIMITERS
from labkit.readings.replay.source_file import CHUNK_BYTES, SourceFile

SAMPLE_RECORDS = 100  # how many records decide on the delimiter

# A byte-order mark, and the encoding it means; UTF-32's begins like UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ANNOTATIONS = ("#group", "#datatype", "#default")  # of InfluxDB: the first cells above a header
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.I)


class Row(NamedTuple):
    """The cells of a row, and the line of the file in which it begins."""

    line: int
    cells: list[str]


class CsvTable:
    """A table with a header, read from its start each time.

    Parameters
    ----------
    source : SourceFile
        Its bytes.
    encoding, delimiter : str, optional
        If they are known; see `ReplayOptions`.

    Attributes
    ----------
    is_annotated : bool
        Whether it is InfluxDB's annotated CSV; the annotations are left out.
    header : list of str
        The titles, without blanks around them and without empty ones at the end.
    blank_rows : int
        How many rows were empty, in the last reading.
    repeated_headers : int
        How many rows were the header once more, as in files that were put together.

    Raises
    ------
    ReplayError
        The bytes are not text.
    """

    def __init__(
        self, source: SourceFile, encoding: str | None = None, delimiter: str | None = None
    ) -> None:
        self.source = source
        self.name = source.name
        self.encoding = encoding or _find_encoding(source)
        self.blank_rows = self.repeated_headers = 0
        self.header: list[str] = []
        self.header_line = 1
        self.is_annotated = False
        self._first_line = 1
        self.delimiter = self._find_delimiter(delimiter)
        for header in self._records():
            if header.cells[0].startswith(_ANNOTATIONS):
                self.is_annotated = True
                continue
            self.header_line = header.line
            self.header = [title.strip() for title in header.cells]
            break
        while self.header and not self.header[-1]:
            self.header.pop()
        if not self.header:
            msg = f"{self.name} line {self.header_line}: there is no header; the file is empty"
            raise ReplayError(msg, "look at the file; it may be cut off")

    def likely_header_line(self) -> int | None:
        """Return the line of the first known titles, if the header itself has none of them."""
        if any(meaning_of(title) is not None for title in self.header):
            return None
        with self._text() as lines:
            for number, line in zip(range(1, SAMPLE_RECORDS + 1), lines, strict=False):
                for sign in DELIMITERS.values():
                    titles = [cell.strip().strip('"') for cell in line.split(sign)]
                    if sum(meaning_of(title) is not None for title in titles) > 1:
                        return number
        return None

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header; those without any content are left out.

        Raises
        ------
        ReplayError
            A quotation mark is not closed, or a byte is not a letter in this encoding.
        """
        self.blank_rows = self.repeated_headers = 0
        for record in self._records():
            if record.line <= self.header_line:
                continue
            if self.is_annotated and record.cells[0].startswith(_ANNOTATIONS):
                continue
            if self._is_header(record.cells):
                self.repeated_headers += 1
            elif any(map(str.strip, record.cells)):
                yield record
            else:
                self.blank_rows += 1

    def _is_header(self, cells: list[str]) -> bool:
        if cells[0].strip() != self.header[0]:
            return False
        return [cell.strip() for cell in cells[: len(self.header)]] == self.header

    def count_error(self, cells: list[str]) -> str:
        """Say what is wrong with the number of a row's cells; empty if it is right."""
        width = len(self.header)
        if len(cells) < width or any(map(str.strip, cells[width:])):
            said = f"has {len(cells)} columns, not {width}"
            if any(cell.endswith("\\") for cell in cells):
                said += (
                    ' (a cell ends with \\; a quotation mark inside a cell is written "", not \\")'
                )
            return said
        return ""

    def _records(self) -> Iterator[Row]:
        with self._text() as lines:
            for _ in range(self._first_line - 1):
                next(lines, None)
            yield from self._parse(lines, self._first_line)

    def _text(self) -> _Text:
        return _Text(self.source, self.encoding)

    def _parse(self, lines: Iterator[str], first_line: int) -> Iterator[Row]:
        latest = ""

        def seen() -> Iterator[str]:
            nonlocal latest
            for latest in lines:  # noqa: UP028  (yield from would not keep it)
                yield latest

        reader = csv.reader(seen(), delimiter=self.delimiter, strict=True)
        while True:
            line = reader.line_num + first_line
            try:
                cells = next(reader, None)
            except csv.Error as error:
                last_line = reader.line_num + first_line - 1
                raise self._unreadable(line, last_line, latest, str(error)) from error
            if cells is None:
                return
            last_line = reader.line_num + first_line - 1
            if last_line > line and self._has_rows_inside(cells):
                raise self._unclosed(line, f"its cell goes on to line {last_line}")
            if cells:
                yield Row(line, cells)

    def _has_rows_inside(self, cells: list[str]) -> bool:
        """Tell whether a cell of several lines holds what looks like whole rows."""
        width = len(self.header)
        return width > 1 and any(
            inner.count(self.delimiter) >= width - 1
            for cell in cells
            for inner in cell.splitlines()[1:]
        )

    def _unreadable(self, line: int, last_line: int, latest: str, why: str) -> ReplayError:
        """Say what the reader has met: the last line that it was given tells."""
        if '\\"' in latest and "limit" not in why:
            msg = (
                f"{self.name} line {last_line}: a quotation mark inside a cell is written "
                '\\", which is not CSV; it is written ""'
            )
            return ReplayError(msg, self._piped('sed \'s/\\\\"/""/g\''))
        if "limit" in why and last_line == line:
            most = f"{csv.field_size_limit():,} characters"
            msg = f"{self.name} line {line}: a cell has more than {most}"
            return ReplayError(msg, f"shorten the cell in line {line}, or take the column out")
        return self._unclosed(line, why)

    def _piped(self, filtered: str) -> str:
        """Return the command that replays what a filter makes of the source."""
        path = self.source.argument
        cat = {".gz": "zcat", ".bz2": "bzcat", ".xz": "xzcat"}.get(Path(path).suffix, "cat")
        return f"{cat} {shlex.quote(path)} | {filtered} | labkit replay -"

    def _unclosed(self, line: int, why: str) -> ReplayError:
        msg = (
            f"{self.name} line {line}: a quotation mark is opened in this line and not closed "
            f"as it should be ({why})"
        )
        hint = f"open line {line} in an editor, and close the quotation mark or take it out"
        return ReplayError(msg, hint)

    def _find_delimiter(self, stated: str | None) -> str:
        with self._text() as lines:
            sample = [line for _, line in zip(range(2 * SAMPLE_RECORDS), lines, strict=False)]
        if sample and (sep := _SEP_LINE.fullmatch(sample[0])):  # Excel's own hint to itself
            self._first_line = 2
            stated = stated or next(
                (name for name, sign in DELIMITERS.items() if sign == sep[1]), None
            )
        if stated is not None:
            return DELIMITERS[stated]
        scores = {sign: _score(sample[self._first_line - 1 :], sign) for sign in ",;\t|"}
        return max(scores, key=lambda sign: scores[sign])


def _score(lines: Iterable[str], delimiter: str) -> tuple[float, ...]:
    """Rate a delimiter: known titles first, then rows with as many cells as the header has."""
    records = []
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for record in reader:
            if any(record):
                records.append(record)
            if len(records) == SAMPLE_RECORDS:
                break
    except csv.Error:
        pass  # reading the table itself names the line
    if not records or len(records[0]) < 2:
        return (0.0,)
    header, *rows = records
    known = sum(meaning_of(title) is not None for title in header)
    same = sum(len(row) == len(header) for row in rows) / (len(rows) or 1)
    return (1.0, known, same, len(header))


def _find_encoding(source: SourceFile) -> str:
    """Find the encoding: a mark, UTF-16 by its zero bytes, UTF-8 if all is UTF-8, else cp1252."""
    content = source.rewound()
    head = content.read(4096)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    first, second = head[::2].count(0), head[1::2].count(0)
    if max(first, second) > len(head) / 4 and min(first, second) < max(first, second) / 4:
        return "utf-16-le" if second > first else "utf-16-be"  # else they are padding
    decoder = codecs.getincrementaldecoder("utf-8")()
    content = source.rewound()
    try:
        while chunk := content.read(CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


class _Text:
    """The lines of a source, each with its own line end; a byte that is no letter is an error."""

    def __init__(self, source: SourceFile, encoding: str) -> None:
        self._name, self._encoding = source.name, encoding
        # With newline="", lines end at \n, \r\n and a lone \r, and keep their ends.
        self._lines = io.TextIOWrapper(source.rewound(), encoding, newline="")
        self._line = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self._line += 1
        try:
            return next(self._lines)
        except UnicodeError as error:
            byte = str(error)
            if isinstance(error, UnicodeDecodeError):
                byte = f"byte 0x{error.object[error.start]:02x}"
            msg = f"{self._name} near line {self._line} is not {self._encoding}: {byte}"
            raise ReplayError(msg, "save it as “CSV UTF-8”, or add --encoding NAME") from error

    def __enter__(self) -> _Text:
        return self

    def __exit__(self, *_exc: object) -> None:
        # Not closed, because that would close the source. An unfinished pass may end after the
        # source was closed.
        with contextlib.suppress(ValueError):
            self._lines.detach()
