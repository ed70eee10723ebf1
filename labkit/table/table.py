"""The CSV as a table in memory, brought up to date by reading only what was appended.

`read_table` is the short way: everything, once, as a pandas DataFrame. A `Table` is for whoever
asks again every two seconds: a refresh costs what is new, and a page of readings costs the page,
whether the CSV holds a thousand rows or ten million.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import pandas as pd

from labkit.core.config import load_config
from labkit.sink.csv_tail import LogTail, Piece, partitions
from labkit.sink.segment_files import topic_dir
from labkit.table.ahead import parsed_ahead
from labkit.table.columns import Parsed, Sources, give_back_memory
from labkit.table.growing import GrowingColumns
from labkit.table.paging import Page, ends, format_cursor, page_after
from labkit.table.snapshot import Filters, Snapshot
from labkit.table.totals import Block, Totals, more_blocks

ALL_FOLLOWING = 1.05  # rows differ in length
MANY_ROWS = 10_000


def read_table(data_dir: str | Path | None = None, topic: str | None = None) -> pd.DataFrame:
    """Read a topic's CSV files into one DataFrame.

    Dead letters' marker rows are left out, and so is the checksum column, which has done its work.
    Where there is no CSV yet the frame has no rows, and the same columns.

    Parameters
    ----------
    data_dir : str or Path, optional
        The data folder, seen from the lab's folder; default: the setting ``data_dir``.
    topic : str, optional
        Default: the setting ``topic``.

    Returns
    -------
    DataFrame of shape (readings, 17)
        ``partition``, ``offset`` and the fields of a reading, by ``recorded_at`` (UTC). Numbers are
        floats, text that repeats is categorical.
    """
    config = load_config()
    table = Table(topic_dir(config.data_path(data_dir), topic or config.topic))
    table.refresh()
    return table.frame


class Table:
    """The rows of a topic's CSV files, kept up to date by `refresh`.

    Parameters
    ----------
    topic_dir : Path
        The topic's folder; it need not be there yet.
    in_memory : int, optional
        About how many of the newest rows stay in memory; None: all.
    spill_dir : Path, optional
        Where the others lie, in files without a name.
    """

    def __init__(
        self, topic_dir: Path, in_memory: int | None = None, spill_dir: Path | None = None
    ) -> None:
        self.topic_dir = topic_dir
        self._in_memory, self._spill_dir = in_memory, spill_dir
        self.snapshot = Snapshot()
        self._lock = threading.Lock()
        self._sources = Sources()
        self._totals = Totals()
        self._tails: dict[int, LogTail] = {}
        self._columns: dict[int, GrowingColumns] = {}
        self._blocks: dict[int, tuple[Block, ...]] = {}
        self._foreign: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"Table({str(self.topic_dir)!r}, rows={self.snapshot.rows})"

    @property
    def version(self) -> str:
        """Names what is in the table: the same rows, the same version."""
        return self.snapshot.version

    @property
    def cursor(self) -> str:
        """Where the table ends, for `after`."""
        return format_cursor(ends(self.snapshot))

    @property
    def frame(self) -> pd.DataFrame:
        """All rows as a new DataFrame, by time."""
        return self.snapshot.to_frame()

    def after(self, cursor: str | None, limit: int = 500, filters: Filters | None = None) -> Page:
        """Return the readings that follow a cursor; see `pages.page_after`."""
        return page_after(self.snapshot, cursor, limit, filters or {})

    def refresh(self, wait_s: float = -1) -> int:
        """Read what was appended since the last time.

        Parameters
        ----------
        wait_s : float
            How long to wait where another thread is refreshing; -1: until it is done.

        Returns
        -------
        int
            How many readings came in.
        """
        if not self._lock.acquire(timeout=wait_s):
            return 0
        try:
            for partition in partitions(self.topic_dir):
                if partition not in self._tails:
                    self._tails[partition] = LogTail(self.topic_dir, partition)
                    self._columns[partition] = GrowingColumns(self._spill_dir)
            new_rows = self._read()
            if new_rows > MANY_ROWS:
                give_back_memory()
            return new_rows
        except BaseException:  # what was read ahead is lost: the next time begins anew
            self._forget()
            raise
        finally:
            self._lock.release()

    def _read(self) -> int:
        problems, new_rows = [tail.problem for tail in self._tails.values()], 0
        for partition, piece, parsed in parsed_ahead(self._pieces()):
            if piece.starts_over:
                self._start_over(partition)
            if piece.rows:
                new_rows += self._append(partition, piece, parsed)
            self._publish()
        if problems != [tail.problem for tail in self._tails.values()]:
            self._publish()
        return new_rows

    def _pieces(self) -> Iterator[tuple[int, Piece]]:
        for partition, tail in self._tails.items():
            try:
                for piece in tail.read():
                    yield partition, piece
            except FileNotFoundError:
                pass  # taken away while we looked; the next look finds out what there is now
            except OSError as error:
                tail.problem = f"partition {partition} cannot be read: {error.strerror}"

    def _append(self, partition: int, piece: Piece, parsed: Callable[[], Parsed]) -> int:
        try:
            new = self._sources.number(parsed())
        except ValueError as error:
            self._foreign[partition] = f"partition {partition} holds rows of another kind: {error}"
            return 0
        share = None if self._in_memory is None else self._in_memory // len(self._columns)
        following = int(len(new.offset) * piece.following / len(piece.rows) * ALL_FOLLOWING)
        self._columns[partition].append(new, share, following)
        self._totals.add(new, len(self._sources))
        known, rows = self._blocks.get(partition, ()), self._columns[partition].rows
        self._blocks[partition] = more_blocks(known, rows, len(self._sources))
        return len(new.offset)

    def _start_over(self, partition: int) -> None:
        """Forget a partition whose CSV was started anew, and count the others again."""
        self._columns[partition] = GrowingColumns(self._spill_dir)
        self._blocks.pop(partition, None)
        self._foreign.pop(partition, None)
        self._totals = Totals()
        for columns in self._columns.values():
            self._totals.add(columns.rows, len(self._sources))

    def _forget(self) -> None:
        """Know nothing, as before the first look."""
        for known in (self._tails, self._columns, self._blocks, self._foreign):
            known.clear()
        self._totals = Totals()

    def _publish(self) -> None:
        """Let the next question see what has been read."""
        order = sorted(self._columns)
        anchors = b"".join(self._tails[partition].anchor for partition in order)
        columns = {partition: self._columns[partition].rows for partition in order}
        rows = sum(len(part.offset) for part in columns.values())
        problems = [*(self._tails[partition].problem for partition in order)]
        problems += [self._foreign[partition] for partition in sorted(self._foreign)]
        self.snapshot = Snapshot(
            version=f"{rows}-{crc32(anchors):08x}",
            sources=self._sources.all(),
            partitions=columns,
            minutes={
                p: (self._columns[p].rows_in_minutes, self._columns[p].minutes) for p in order
            },
            blocks=dict(self._blocks),
            totals=self._totals.copy(),
            problems=tuple(filter(None, problems)),
        )
