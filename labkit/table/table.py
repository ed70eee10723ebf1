"""The CSV as a table in memory, brought up to date by reading only what was appended.

`read_table` is the short way: everything, once, as a pandas DataFrame. A `Table` is for those who
ask again every two seconds: a refresh costs what is new, and a page of readings costs the page,
whether the CSV holds a thousand rows or ten million.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import pandas as pd
import pyarrow as pa

from labkit.core.config import load_config
from labkit.sink.new_csv_rows import LogTail, Piece
from labkit.sink.segment_files import partitions, topic_dir
from labkit.table.csv_frames import FEW_BYTES, Chunk, Sources, Span, ahead, read_rows
from labkit.table.paging import Page, ends, format_cursor, page_after
from labkit.table.snapshot import Filters, Partition, Snapshot
from labkit.table.source_totals import SourceList, Totals

MANY_ROWS = 10_000

Found = tuple[int, Piece, pd.DataFrame | ValueError | None]  # a partition, and some rows of it


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
    table.refresh()  # pd.read_csv of every row whose checksum is true: see `csv_frames.read_rows`
    rows = pd.concat(table.snapshot.frames())
    return rows.sort_values(["recorded_at", "partition", "offset"], ignore_index=True)


class Table:
    """The rows of a topic's CSV files, kept up to date by `refresh`.

    Parameters
    ----------
    topic_dir : Path
        The topic's folder; it need not be there yet.
    in_memory : int, optional
        About how many of the newest rows stay in memory; None: all. Older rows are read again from
        the CSV when they are asked for.
    """

    def __init__(self, topic_dir: Path, in_memory: int | None = None) -> None:
        self.topic_dir = topic_dir
        self.snapshot = Snapshot()
        self._in_memory = in_memory
        self._lock = threading.Lock()
        self._sources = Sources()
        self._known = SourceList()
        self._tails: dict[int, LogTail] = {}
        self._partitions: dict[int, Partition] = {}
        self._foreign: dict[int, str] = {}
        self._totals = Totals()

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
        """Return the readings that follow a cursor; see `paging.page_after`."""
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
        is_first = not self._tails
        try:
            for number in partitions(self.topic_dir):
                self._tails.setdefault(number, LogTail(self.topic_dir, number))
                self._partitions.setdefault(number, Partition())
            new_rows = self._read(ahead if is_first else iter)
            if new_rows > MANY_ROWS:
                pa.default_memory_pool().release_unused()
            return new_rows
        except BaseException:  # what was read and not yet counted is lost: begin again next time
            self._tails.clear()
            self._partitions.clear()
            self._foreign.clear()
            self._totals = Totals()
            raise
        finally:
            self._lock.release()

    def _read(self, in_order: Callable[[Iterator[Found]], Iterator[Found]]) -> int:
        problems, new_rows = [tail.problem for tail in self._tails.values()], 0
        for number, piece, parsed in in_order(self._found()):
            if piece.starts_over:
                self._foreign.pop(number, None)
                self._partitions[number] = Partition()
            if piece.starts_over or piece.removed_below:
                self._partitions[number] = self._partitions[number].forget(piece.removed_below)
                self._add_up_again()
            try:
                if isinstance(parsed, ValueError):
                    raise parsed
                rows = self._sources.read(piece.rows, parsed)
            except ValueError as error:
                self._foreign[number] = f"partition {number} holds rows of another kind: {error}"
            else:
                if len(rows):
                    self._append(number, piece, rows)
                    new_rows += len(rows)
            self._publish()
        if problems != [tail.problem for tail in self._tails.values()]:
            self._publish()
        return new_rows

    def _found(self) -> Iterator[Found]:
        """Yield what was appended, parsed where it is much: that takes long, and may run ahead."""
        for number, piece in self._pieces():
            try:
                is_much = len(piece.rows) > FEW_BYTES
                yield number, piece, read_rows(piece.rows) if is_much else None
            except ValueError as error:
                yield number, piece, error

    def _pieces(self) -> Iterator[tuple[int, Piece]]:
        for number, tail in self._tails.items():
            try:
                for piece in tail.read():
                    yield number, piece
            except FileNotFoundError:
                pass  # deleted while we looked; the next look finds out what there is now
            except OSError as error:
                tail.problem = f"partition {number} cannot be read: {error.strerror}"

    def _append(self, number: int, piece: Piece, rows: pd.DataFrame) -> None:
        anchor = piece.rows[piece.rows.rfind(b"\n", 0, -1) + 1 :]
        span = Span(piece.path, piece.start, piece.start + len(piece.rows), anchor)
        share = None if self._in_memory is None else self._in_memory // len(self._partitions)
        new = Chunk.of(span, self._sources, rows)
        self._partitions[number] = self._partitions[number].append(new, share)
        self._totals.add(rows)

    def _add_up_again(self) -> None:
        """Count all rows again, after some are gone."""
        self._totals = Totals()
        for partition in self._partitions.values():
            for totals in partition.all_totals():
                self._totals.merge(totals)

    def _publish(self) -> None:
        """Let the next question see what has been read."""
        if len(self._known) < len(self._sources):
            self._known = SourceList(self._sources.all())
        self._totals.grow(len(self._known))
        found = {number: self._partitions[number] for number in sorted(self._partitions)}
        anchors = b"".join(self._tails[number].anchor for number in found)
        problems = [self._tails[number].problem for number in found]
        problems += [self._foreign[number] for number in sorted(self._foreign)]
        rows = sum(partition.rows for partition in found.values())
        removed = [self._tails[number].removed for number in found]
        self.snapshot = Snapshot(
            version=f"{rows}-{crc32(anchors):08x}",
            sources=self._known,
            partitions=found,
            totals=self._totals.copy(),
            problems=tuple(filter(None, problems)),
            removed_rows=sum(one.rows for one in removed),
            removed_grams=sum(one.grams for one in removed),
        )
