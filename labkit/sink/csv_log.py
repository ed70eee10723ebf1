"""The CSV of one partition: where a record ends up, exactly once.

The last true row's offset *is* the consumer's position. Data and position are one write, so a
crash cannot part them: the next owner cuts a torn tail off, and reads on from the offset behind
the last true row. That is the pattern of Kafka Connect's HDFS sink, whose file names hold the
offsets; here every row does. It needs no fsync, for what a power cut takes back is fetched from
Kafka again; the fsync at each checkpoint only keeps that little.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Self
from zlib import crc32

from labkit.core.errors import SinkError
from labkit.readings.reading import Reading
from labkit.sink.batch import Batch
from labkit.sink.checkpoint import Sidecar
from labkit.sink.crash_recovery import Extent, recover_all
from labkit.sink.csv_row import HEADER
from labkit.sink.row_cache import Cells
from labkit.sink.segment_files import segment_path, segments, topic_dir

CHECKPOINT_BYTES = 8 * 1024**2  # what has to be verified row by row after a crash, at most


class CsvLog:
    """One partition's CSV, open for its one writer.

    Opening it takes the partition's lock, checks that the CSV was written from this very topic,
    verifies every row and cuts a torn tail off. `append` and `mark` only collect; `flush` is one
    write. The counts and ``next_offset`` speak of what is in the file, not of what is collected.

    Parameters
    ----------
    data_dir : Path
        The data folder; the topic's own folder lies in it.
    topic : str
        The topic's name.
    partition : int
        The partition's number.
    topic_id, cluster_id : str
        Kafka's ids. An offset means nothing in a topic that was deleted and made anew.
    segment_bytes : int
        The file is rolled when it is longer than this, in bytes.

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
    ) -> None:
        self.folder = topic_dir(data_dir, topic)
        self.partition = partition
        self.cut_bytes = 0  # the torn tail that opening found and cut off
        self._segment_bytes = segment_bytes
        ids = {"topic": topic, "topic_id": topic_id, "cluster_id": cluster_id}
        self._sidecar = Sidecar(self.folder, partition, ids)
        self._sealed: dict[str, Extent] = {}
        self._active = Extent()
        self._pending = Batch(partition, 0)
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            self._lock = self._sidecar.take_lock()
            undo.callback(self._lock.release)
            self._path = self._recover()
            self._file = undo.enter_context(self._path.open("ab", buffering=0))
            self._file.truncate(self._active.bytes)
            self._checkpoint()
            undo.pop_all()
        self._forget()

    @property
    def next_offset(self) -> int | None:
        """The offset behind the last row; None where there is no row yet."""
        offsets = [extent.next_offset for extent in self._extents()]
        return max((offset for offset in offsets if offset is not None), default=None)

    @property
    def rows(self) -> int:
        """Readings in the file."""
        return sum(extent.rows for extent in self._extents())

    @property
    def dead_letters(self) -> int:
        """Records that became dead letters: the marker rows in the file."""
        return sum(extent.dead_letters for extent in self._extents())

    @property
    def grams(self) -> int:
        """The CO2 of all rows in the file, in whole grams."""
        return sum(extent.grams for extent in self._extents())

    @property
    def gap_records(self) -> int:
        """Records that the topic's retention deleted before they could be stored."""
        return self._sidecar.gap_records

    def note_gap(self, next_offset: int) -> None:
        """Keep in the sidecar that the next record is this one: those before it are gone."""
        self._sidecar.add_gap(self.next_offset or 0, next_offset)
        self._checkpoint()

    def append(self, offset: int, reading: Reading) -> None:
        """Collect the row of one reading."""
        self._pending.append(offset, reading)

    def append_cells(self, offset: int, cells: Cells) -> None:
        """Collect the row of a reading whose cells are known already."""
        self._pending.append_cells(offset, cells)

    def mark(self, offset: int) -> None:
        """Collect the marker row of one dead letter."""
        self._pending.mark(offset)

    def drop_from(self, offset: int) -> None:
        """Forget what was collected from this offset on; it will be fetched again."""
        self._pending = self._pending.before(offset, self.next_offset or 0)

    def flush(self) -> None:
        """Write the collected rows in one go, or none of them.

        Raises
        ------
        SinkError
            The disk did not take them. The file is as it was before, and the rows are forgotten:
            their records have to be fetched again from ``next_offset`` on.
        """
        if not self._pending:
            return
        try:
            if self._active.bytes >= self._segment_bytes:
                self._roll()
            self._write(self._pending)
            if self._active.bytes - self._checkpoint_bytes >= CHECKPOINT_BYTES:
                self._checkpoint()
        except OSError as error:
            msg = f"{self._path} takes no more rows: {error.strerror}"
            raise SinkError(msg, "labkit doctor") from error
        finally:
            self._forget()

    def close(self) -> None:
        """Leave a checkpoint, so that the next opening is quick, and give the lock back.

        Rows that were collected and not flushed are forgotten.
        """
        if self._file.closed:
            return
        try:
            # A shortcut is all that a checkpoint is: a full disk must not keep the lock.
            with contextlib.suppress(OSError):
                self._checkpoint()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _release(self) -> None:
        self._file.close()
        self._lock.release()

    def _extents(self) -> list[Extent]:
        return [*self._sealed.values(), self._active]

    def _forget(self) -> None:
        self._pending = Batch(self.partition, self.next_offset or 0)

    def _recover(self) -> Path:
        """Verify every row of every file, and return the file that is written to."""
        files = segments(self.folder, self.partition) or [
            segment_path(self.folder, self.partition, 0)
        ]
        files[-1].touch()
        has_rows = any(path.stat().st_size > len(HEADER) for path in files)
        checkpoints = self._sidecar.checkpoints() if has_rows else {}
        extents = recover_all(files, self.partition, checkpoints)
        self._active = extents.pop(files[-1].name)
        self._sealed = extents
        self.cut_bytes = files[-1].stat().st_size - self._active.bytes
        return files[-1]

    def _checkpoint(self) -> None:
        os.fsync(self._file.fileno())
        self._sidecar.write(self._sealed | {self._path.name: self._active})
        self._checkpoint_bytes = self._active.bytes

    def _roll(self) -> None:
        """Go on in a new file, named for the offset it starts at."""
        self._checkpoint()
        path = segment_path(self.folder, self.partition, self._active.next_offset or 0)
        file = path.open("ab", buffering=0)
        self._file.close()
        self._sealed[self._path.name] = self._active
        self._path, self._file, self._active, self._checkpoint_bytes = path, file, Extent(), 0

    def _write(self, batch: Batch) -> None:
        """Write all of it; where the disk fails half-way, take the half back."""
        known = self._active
        content = batch.content if known.bytes else HEADER + batch.content
        rest = memoryview(content)
        try:
            while rest:  # a raw write may take less than it was given
                rest = rest[self._file.write(rest) :]
        except OSError:
            try:
                self._file.truncate(known.bytes)
            except OSError:
                self._release()  # nobody may write behind half a row; the next opening cuts it
            raise
        self._active = Extent(
            known.bytes + len(content),
            crc32(content, known.crc32),
            known.rows + len(batch) - batch.dead_letters,
            known.dead_letters + batch.dead_letters,
            known.grams + batch.grams,
            batch.next_offset,
        )
