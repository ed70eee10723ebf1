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
import re
from pathlib import Path
from typing import Self
from zlib import crc32

from labkit.errors import SinkError
from labkit.readings import Reading, grams
from labkit.recovery import Extent, recover_all
from labkit.rows import HEADER, encode_marker, encode_row, row_grams
from labkit.sidecar import Sidecar

CHECKPOINT_BYTES = 8 * 1024**2  # what has to be verified row by row after a crash, at most


def topic_dir(data_dir: Path, topic: str) -> Path:
    """Return the folder of a topic's CSV files."""
    return data_dir / topic


def segments(folder: Path, partition: int) -> list[Path]:
    """Return the CSV files of a partition, in the order of their offsets.

    ``0.csv`` is the first; the file it is rolled into is named for its first offset, as Kafka
    names the segments of its own log: ``0.00000000000000500000.csv``.
    """
    name = re.compile(rf"{partition}(\.\d{{20}})?\.csv")
    found = (path for path in folder.glob(f"{partition}.*csv") if name.fullmatch(path.name))
    return sorted(found, key=lambda path: (len(path.name), path.name))


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
        self._pending: list[bytes] = []
        self._pending_grams = self._pending_markers = 0
        self._highest = -1  # the last offset collected
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

    def append(self, offset: int, reading: Reading) -> None:
        """Collect the row of one reading."""
        row = encode_row(self.partition, offset, reading)
        self._expect(offset)
        self._pending.append(row)
        self._pending_grams += grams(reading.co2_kg)

    def mark(self, offset: int) -> None:
        """Collect the marker row of one dead letter."""
        self._expect(offset)
        self._pending.append(encode_marker(self.partition, offset))
        self._pending_markers += 1

    def drop_from(self, offset: int) -> None:
        """Forget what was collected from this offset on; it will be fetched again."""
        kept = [row for row in self._pending if _offset_of(row) < offset]
        self._forget()
        self._pending = kept
        self._highest = _offset_of(kept[-1]) if kept else self._highest
        for co2_g in map(row_grams, kept):
            self._pending_grams += co2_g or 0
            self._pending_markers += co2_g is None

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
            self._write(b"".join(self._pending))
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

    def _expect(self, offset: int) -> None:
        if offset <= self._highest:
            msg = f"offset {offset} of partition {self.partition} is not above {self._highest}"
            raise ValueError(msg)
        self._highest = offset

    def _forget(self) -> None:
        self._pending = []
        self._pending_grams = self._pending_markers = 0
        self._highest = (self.next_offset or 0) - 1

    def _recover(self) -> Path:
        """Verify every row of every file, and return the file that is written to."""
        files = segments(self.folder, self.partition) or [self._segment_path(0)]
        files[-1].touch()
        has_rows = any(path.stat().st_size > len(HEADER) for path in files)
        checkpoints = self._sidecar.checkpoints() if has_rows else {}
        extents = recover_all(files, self.partition, checkpoints, self._segment_path)
        self._active = extents.pop(files[-1].name)
        self._sealed = extents
        self.cut_bytes = files[-1].stat().st_size - self._active.bytes
        return files[-1]

    def _checkpoint(self) -> None:
        os.fsync(self._file.fileno())
        self._sidecar.write(self._sealed | {self._path.name: self._active})
        self._checkpoint_bytes = self._active.bytes

    def _segment_path(self, first_offset: int) -> Path:
        base = f".{first_offset:020d}" if first_offset else ""
        return self.folder / f"{self.partition}{base}.csv"

    def _roll(self) -> None:
        """Go on in a new file, named for the offset it starts at."""
        self._checkpoint()
        path = self._segment_path(self._active.next_offset or 0)
        file = path.open("ab", buffering=0)
        self._file.close()
        self._sealed[self._path.name] = self._active
        self._path, self._file, self._active, self._checkpoint_bytes = path, file, Extent(), 0

    def _write(self, content: bytes) -> None:
        """Write all of it; where the disk fails half-way, take the half back."""
        known = self._active
        content = content if known.bytes else HEADER + content
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
            known.rows + len(self._pending) - self._pending_markers,
            known.dead_letters + self._pending_markers,
            known.grams + self._pending_grams,
            self._highest + 1,
        )


def _offset_of(row: bytes) -> int:
    return int(row.split(b",", 2)[1])
