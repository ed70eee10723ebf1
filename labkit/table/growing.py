"""The rows of one partition, appended to as the CSV grows."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from labkit.table.columns import Columns
from labkit.table.intervals import NO_INTERVALS, joined
from labkit.table.room import FileRoom, Room

ROLL_UP_ROWS = 4096  # added up by minute together


class GrowingColumns:
    """Columns that are appended to: each doubles its space when it is full.

    So a row is copied about once on average, however the rows come in, and rows that were handed
    out stay as they are: what is written later lies behind them.

    Parameters
    ----------
    folder : Path, optional
        Where rows lie that are too many for the memory; None: all are kept in memory.

    Attributes
    ----------
    minutes : Intervals
        The first rows added up by minute and source: all but the last few thousand.
    rows_in_minutes : int
        How many rows those are.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.minutes = NO_INTERVALS
        self.rows_in_minutes = 0
        self._folder = folder
        self._room = Room(0)
        self._size = 0
        self._is_large = False  # more than shall be in memory

    @property
    def rows(self) -> Columns:
        """All rows, as views."""
        return self._room.columns.cut(0, self._size)

    def append(self, new: Columns, in_memory: int | None = None, following: int = 0) -> None:
        """Put rows behind the last one.

        Parameters
        ----------
        new : Columns
            The rows.
        in_memory : int, optional
            How many of the newest rows stay in memory; None: all.
        following : int
            About how many more will come soon: room for them is made at once.
        """
        size = self._size + len(new.offset)
        old = size if in_memory is None else max(size - in_memory, 0)
        if size > len(self._room.columns.offset) or (old and not self._is_large):
            self._is_large = bool(old)
            self._move(max(size + following, 2 * self._size))
        space = self._room.columns
        for column, values in zip(space, new, strict=True):
            column[self._size : size] = values
        stream_ms = space.stream_ms[max(self._size - 1, 0) : size]
        np.maximum.accumulate(stream_ms, out=stream_ms)
        self._size = size
        whole = size - size % ROLL_UP_ROWS
        if whole > self.rows_in_minutes:
            more = space.cut(self.rows_in_minutes, whole).intervals().by_minute()
            self.minutes = joined([self.minutes, more])
            self.rows_in_minutes = whole
        if old:
            self._room.let_go(old)

    def _move(self, rows: int) -> None:
        """Move into a larger room."""
        room = self._new_room(rows)
        for old, larger in zip(self.rows, room.columns, strict=True):
            larger[: self._size] = old
            room.let_go(self._size)
        self._room = room

    def _new_room(self, rows: int) -> Room:
        if self._is_large and self._folder is not None:
            with contextlib.suppress(OSError):  # a full disk: the memory will have to do
                return FileRoom(rows, self._folder)
        return Room(rows)
