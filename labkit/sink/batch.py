"""The rows of one partition that are collected, and not yet in its CSV."""

from __future__ import annotations

from labkit.readings.reading import Reading, grams
from labkit.sink.csv_row import encode_cells, encode_marker, encode_row, row_grams
from labkit.sink.row_cache import Cells


class Batch:
    """Rows in the order of their offsets, which become one write.

    Parameters
    ----------
    partition : int
        The partition that the rows are of.
    next_offset : int
        The lowest offset that the first row may have.
    """

    def __init__(self, partition: int, next_offset: int) -> None:
        self._partition = partition
        self._rows: list[bytes] = []
        self.next_offset = next_offset
        self.dead_letters = self.grams = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def content(self) -> bytes:
        """All rows, as they stand in the file."""
        return b"".join(self._rows)

    def append(self, offset: int, reading: Reading) -> None:
        """Collect the row of one reading."""
        row = encode_row(self._partition, offset, reading)
        self._add(offset, row)
        self.grams += grams(reading.co2_kg)

    def append_cells(self, offset: int, cells: Cells) -> None:
        """Collect the row of a reading whose cells are known already."""
        self._add(offset, encode_cells(self._partition, offset, cells.content))
        self.grams += cells.co2_g

    def mark(self, offset: int) -> None:
        """Collect the marker row of one dead letter."""
        self._add(offset, encode_marker(self._partition, offset))
        self.dead_letters += 1

    def before(self, offset: int, next_offset: int) -> Batch:
        """Return those rows alone that come before ``offset``, behind ``next_offset``."""
        kept = Batch(self._partition, next_offset)
        for row in self._rows:
            here = int(row.split(b",", 2)[1])
            if here < offset:
                kept._add(here, row)
                co2_g = row_grams(row)
                kept.grams += co2_g or 0
                kept.dead_letters += co2_g is None
        return kept

    def _add(self, offset: int, row: bytes) -> None:
        if offset < self.next_offset:
            what = f"offset {offset} of partition {self._partition} is not above"
            msg = f"{what} {self.next_offset - 1}"
            raise ValueError(msg)
        self.next_offset = offset + 1
        self._rows.append(row)
