"""The CSV of one partition: where each record ends up, exactly once.

The offset of the last valid row *is* the consumer's position. Data and position are one write, so
a crash cannot separate them: the next owner cuts off a torn tail, and continues at the offset
after the last valid row. This is the pattern of Kafka Connect's HDFS sink, whose file names hold
the offsets; here every row holds its own. It does not depend on fsync: rows that a power cut
destroys are fetched from Kafka again. The fsync at each checkpoint only keeps them few.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import NamedTuple, Self
from zlib import crc32

from labkit.core.errors import SinkError, SinkMoved
from labkit.core.written_places import next_line_after
from labkit.readings.reading import Reading, grams
from labkit.sink.checkpoint import CheckpointFile
from labkit.sink.crash_recovery import VerifiedRows, cut_torn_tail, recover_all
from labkit.sink.csv_row import HEADER, Cells, encode_cells, encode_marker, encode_row, verify_row
from labkit.sink.retention import Removed, Retention, read_removed
from labkit.sink.segment_files import OpenedFile, segment_path, segments, topic_dir

log = logging.getLogger(__name__)

LAST_ROWS_BYTES = 16 * 1024
CHECKPOINT_BYTES = 8 * 1024**2  # after so many new bytes, the next checkpoint is written
RETENTION_EVERY_S = 60.0  # how often files are looked for that are too old
KEEP_ALL = Retention()


class Written(NamedTuple):
    """What one `CsvLog.flush` wrote."""

    rows: int = 0
    dead_letters: int = 0
    grams: int = 0


class CsvLog:
    """One partition's CSV, open for its one writer.

    Opening it takes the partition's lock, checks that the CSV was written from this very topic,
    verifies it (up to the checkpoint by one checksum, then row by row) and cuts off a torn tail.
    `append` and `mark` only collect rows; `flush` writes them together. The counts and
    ``next_offset`` describe what is in the partition's files, not what is collected.

    Parameters
    ----------
    data_dir : Path
        The data folder, which contains the topic's folder.
    topic : str
        The topic's name.
    partition : int
        The partition's number.
    topic_id, cluster_id : str
        Kafka's ids. Once a topic is deleted and created again, its old offsets mean nothing.
    segment_bytes : int
        In bytes. When a file has reached this size, the next `flush` starts a new one.
    retention : Retention
        Which closed files are removed. The counts include what they held.

    Raises
    ------
    SinkLocked
        Another process is writing this partition.
    SinkForeign
        The CSV holds another topic's rows, or those of an earlier topic of the same name.
    SinkDamaged
        A row before the tail is not as it was written.

    See: Kafka Connect HDFS sink, "Exactly-once delivery"; KIP-516 (topic ids).
    """

    def __init__(
        self,
        data_dir: Path,
        topic: str,
        partition: int,
        *,
        topic_id: str,
        cluster_id: str,
        segment_bytes: int = 256 * 1024**2,
        retention: Retention = KEEP_ALL,
    ) -> None:
        self.folder = topic_dir(data_dir, topic)
        self.partition = partition
        self.cut_bytes = 0  # the length of the torn tail that was cut off at opening
        self._segment_bytes = segment_bytes
        self._retention = retention
        ids = {"topic": topic, "topic_id": topic_id, "cluster_id": cluster_id}
        self._checkpoints = CheckpointFile(self.folder, partition, ids)
        self._sealed: dict[str, VerifiedRows] = {}
        self._active = VerifiedRows()
        # Collected, not yet written: offset, row, and its grams (None: a dead letter's marker).
        self._pending: list[tuple[int, bytes, int | None]] = []
        self._lowest_offset = 0  # the lowest that the next collected row may have
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            self._lock = self._checkpoints.take_lock()
            undo.callback(self._lock.release)
            lock_path = Path(self._lock.lock_file)
            self._lock_file = OpenedFile(lock_path, lock_path.stat())
            self._path = self._recover()
            self._file = undo.enter_context(self._path.open("ab", buffering=0))
            self.cut_bytes = cut_torn_tail(self._file, self._active)
            self._checkpoint()
            undo.pop_all()
        self._forget()
        self._remove_expired()

    @property
    def next_offset(self) -> int | None:
        """The offset after the last row; None if there is no row yet."""
        offsets = [one.next_offset for one in self._files()]
        offsets.append(self.removed.next_offset or None)
        return max((offset for offset in offsets if offset is not None), default=None)

    @property
    def removed(self) -> Removed:
        """What retention removed of the partition's files."""
        return self._checkpoints.removed

    @property
    def rows(self) -> int:
        """Readings that were stored, those that retention removed included."""
        return self.removed.rows + sum(one.rows for one in self._files())

    @property
    def dead_letters(self) -> int:
        """Records that became dead letters: the marker rows, removed ones included."""
        return self.removed.dead_letters + sum(one.dead_letters for one in self._files())

    @property
    def grams(self) -> int:
        """The CO2 of all rows, in whole grams, those that retention removed included."""
        return self.removed.grams + sum(one.grams for one in self._files())

    @property
    def gap_records(self) -> int:
        """Records that the topic's retention deleted before they could be stored."""
        return self._checkpoints.gap_records

    def note_gap(self, next_offset: int) -> None:
        """Record that Kafka deleted the records between the last row and ``next_offset``."""
        self._checkpoints.add_gap(self.next_offset or 0, next_offset)
        self._checkpoint()

    def last_rows(self) -> dict[int, bytes]:
        """Return the rows in the last 16 KiB of the newest file that has any, by their offset."""
        files = segments(self.folder, self.partition)
        for path in reversed(files):
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - LAST_ROWS_BYTES))
                lines = file.read().splitlines(keepends=True)
            if rows := {place[1]: line for line in lines if (place := verify_row(line))}:
                return rows
        return {}

    def check_files(self) -> None:
        """Check that the files of this log are still at their paths; `flush` checks one of them.

        A checkpoint that is gone is written again: without it, these rows would not be continued.

        Raises
        ------
        SinkMoved
            A file is gone, or another one is there. This log is closed: open it again, and
            continue where that one ends.
        """
        if self._file.closed:
            return
        self._check_active_file()
        if not self._lock_file.is_in_place():
            raise self._moved(self._lock_file.path)
        for path in (self.folder / name for name in self._sealed):
            if not path.exists():
                raise self._moved(path)
        if not self._checkpoints.exists:
            self._checkpoint()

    def append(self, offset: int, reading: Reading | Cells) -> None:
        """Collect the row of one reading, given as such or as the cells that `row_cache` made."""
        if isinstance(reading, Cells):
            row, co2_g = encode_cells(self.partition, offset, reading.content), reading.co2_g
        else:
            row, co2_g = encode_row(self.partition, offset, reading), grams(reading.co2_kg)
        self._collect(offset, row, co2_g)

    def mark(self, offset: int) -> None:
        """Collect the marker row of one dead letter."""
        self._collect(offset, encode_marker(self.partition, offset), None)

    def drop_from(self, offset: int) -> None:
        """Forget the collected rows from this offset on; their records will be fetched again."""
        self._pending = [one for one in self._pending if one[0] < offset]
        self._lowest_offset = self._pending[-1][0] + 1 if self._pending else self.next_offset or 0

    def flush(self) -> Written:
        """Write the collected rows, all or none of them.

        Raises
        ------
        SinkError
            The disk refused the rows, a new file or a checkpoint. The collected rows are forgotten;
            ``next_offset`` says which rows are stored, so fetch again from there on.
        SinkMoved
            As `check_files`.
        """
        if not self._pending:
            return Written()
        try:
            self._check_active_file()
            if self._active.bytes >= self._segment_bytes:
                self._roll()
            written = self._write_pending()
            if self._active.bytes - self._checkpoint_bytes >= CHECKPOINT_BYTES:
                self._checkpoint()
        except OSError as error:
            msg = f"{self._path} takes no more rows: {error.strerror}"
            raise SinkError(msg, next_line_after(error, self.folder)) from error
        finally:
            self._forget()
        if time.monotonic() >= self._remove_at:
            self._remove_expired()
        return written

    def close(self) -> None:
        """Write a checkpoint, so that the next opening is quick, and release the lock.

        Rows that were collected and not flushed are forgotten.
        """
        if self._file.closed:
            return
        try:
            # A checkpoint only saves time: a full disk must not prevent the lock's release.
            with contextlib.suppress(OSError):
                if self._is_in_place():
                    self._checkpoint()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _is_in_place(self) -> bool:
        """Tell whether the file that is written to is still at its path, and as it was left."""
        file = OpenedFile(self._path, os.fstat(self._file.fileno()))
        return file.is_in_place(self._active.bytes)

    def _check_active_file(self) -> None:
        if not self._is_in_place():
            raise self._moved(self._path)

    def _moved(self, path: Path) -> SinkMoved:
        """Close this log without a checkpoint, which may be another log's now."""
        self._release()
        msg = f"{path} was deleted, moved or overwritten while it was being written"
        return SinkMoved(f"{msg}; what is gone is read again from the topic", "labkit status")

    def _release(self) -> None:
        self._file.close()
        self._lock.release()

    def _files(self) -> list[VerifiedRows]:
        return [*self._sealed.values(), self._active]

    def _collect(self, offset: int, row: bytes, co2_g: int | None) -> None:
        if offset < self._lowest_offset:
            what = f"offset {offset} of partition {self.partition} is not above"
            msg = f"{what} {self._lowest_offset - 1}"
            raise ValueError(msg)
        self._lowest_offset = offset + 1
        self._pending.append((offset, row, co2_g))

    def _forget(self) -> None:
        self._pending, self._lowest_offset = [], self.next_offset or 0

    def _recover(self) -> Path:
        """Verify the rows of every file, and return the file that is written to."""
        files = segments(self.folder, self.partition)
        has_rows = any(path.stat().st_size > len(HEADER) for path in files)
        has_rows |= read_removed(self.folder, self.partition).next_offset > 0
        checkpoints = self._checkpoints.read() if has_rows else {}
        for path in filter(self.removed.covers, files):
            path.unlink()  # it is counted as removed; the process that did so was killed
        first = self.removed.next_offset
        files = [path for path in files if not self.removed.covers(path)] or [
            segment_path(self.folder, self.partition, first)
        ]
        files[-1].touch()
        recovered = recover_all(files, self.partition, checkpoints, first)
        self._active = recovered.pop(files[-1].name)
        self._sealed = recovered
        return files[-1]

    def _checkpoint(self) -> None:
        os.fsync(self._file.fileno())
        self._checkpoints.write(self._sealed | {self._path.name: self._active})
        self._checkpoint_bytes = self._active.bytes

    def _roll(self) -> None:
        """Continue in a new file, named after the offset at which it starts."""
        self._checkpoint()
        path = segment_path(self.folder, self.partition, self._active.next_offset or 0)
        file = path.open("ab", buffering=0)
        self._file.close()
        self._sealed[self._path.name] = self._active
        self._remove_at = 0.0  # one more closed file: there may be too many bytes now
        self._path, self._file, self._active, self._checkpoint_bytes = path, file, VerifiedRows(), 0

    def _remove_expired(self) -> None:
        """Remove the closed files that retention does not keep: first count them, then delete."""
        self._remove_at = time.monotonic() + RETENTION_EVERY_S
        try:
            closed = [self.folder / name for name in self._sealed]
            if self._active.next_offset is None:  # keep rows to compare with the topic's records
                closed = closed[:-1]
            expired = self._retention.expired(closed, self._active.bytes)
            if not expired:
                return
            kept = dict(self._sealed)
            gone = [kept.pop(path.name) for path in expired]
            os.fsync(self._file.fileno())
            self._checkpoints.write_removed(
                self.removed.with_files(gone), kept | {self._path.name: self._active}
            )
            self._sealed = kept
            for path in expired:
                path.unlink(missing_ok=True)
        except OSError as error:  # rows come first; it is tried again in a minute
            log.warning("old files of %s stay for now: %s", self.folder, error)

    def _write_pending(self) -> Written:
        """Write all collected rows; if the disk fails halfway, remove what was written."""
        known = self._active
        content = b"".join([row for _, row, _ in self._pending])
        content = content if known.bytes else HEADER + content
        rest = memoryview(content)
        try:
            while rest:  # a raw write may take less than it was given
                rest = rest[self._file.write(rest) :]
        except OSError:
            try:
                cut_torn_tail(self._file, known)
            except OSError:
                self._release()  # nothing may follow half a row; the next opening cuts it off
            raise
        masses = [co2_g for _, _, co2_g in self._pending if co2_g is not None]
        written = Written(len(masses), len(self._pending) - len(masses), sum(masses))
        self._active = VerifiedRows(
            known.bytes + len(content),
            crc32(content, known.crc32),
            known.rows + written.rows,
            known.dead_letters + written.dead_letters,
            known.grams + written.grams,
            self._lowest_offset,
        )
        return written
