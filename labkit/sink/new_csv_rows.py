"""Read what was appended to a partition's CSV since the last read.

A reader keeps one position per partition, as a Kafka consumer does, but in bytes, not offsets.
Each read goes on from there to the last complete, valid row. The row before the position is kept
as an *anchor*: if it is no longer there, the CSV was started again (by a reset, or after its topic
was deleted and created again), and the reader starts again, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from labkit.core.json_files import read_json
from labkit.sink.crash_recovery import VerifiedRows
from labkit.sink.csv_row import HEADER, verify_row
from labkit.sink.retention import Removed, read_removed
from labkit.sink.segment_files import segments

PIECE_BYTES = 6 * 1024**2  # read at once: bounds the memory that opening a large CSV takes
CHECKSUM_BYTES = 1024**2
TRIES = 10


@dataclass(frozen=True)
class Piece:
    """Some complete, valid rows.

    Attributes
    ----------
    rows : bytes
        The rows, to be parsed.
    starts_over : bool
        All rows that were read before are void.
    removed_below : int
        Rows with an offset below this one are no longer in the CSV: retention removed their files.
    path : Path
        The file that they were read from.
    start : int
        The byte of the file at which they begin.
    """

    rows: bytes
    starts_over: bool = False
    removed_below: int = 0
    path: Path = Path()
    start: int = 0


class LogTail:
    """The reader's position in one partition's CSV files.

    Parameters
    ----------
    folder : Path
        The topic's folder.
    partition : int
        The partition's number.

    Attributes
    ----------
    last_offset : int
        The Kafka offset of the last row that was read, -1 before the first.
    problem : str or None
        Why reading cannot go on past some row; None as long as it can.
    removed : Removed
        What retention had removed when the files were last listed. It never counts a row that was
        read and is not void: together they are all rows that were ever stored.
    """

    def __init__(self, folder: Path, partition: int) -> None:
        self.folder = folder
        self.partition = partition
        self.last_offset = -1
        self.problem: str | None = None
        self.removed = Removed()
        self._path: Path | None = None  # the file that is read now; those before it are finished
        self._position = 0  # bytes of it that are read
        self._anchor = b""  # the row, or the header, that ends there
        # The first file, and the last one as it was at the last read.
        self._seen: tuple[Path, tuple[Path, int, int]] | None = None

    @property
    def anchor(self) -> bytes:
        """The last row that was read: with its checksum, it names the state of the file."""
        return self._anchor

    def read(self) -> Iterator[Piece]:
        """Yield what was appended, piece by piece.

        Raises
        ------
        FileNotFoundError
            Files vanish again and again while they are being read.
        """
        for _ in range(TRIES):
            try:
                yield from self._read_listed()
            except FileNotFoundError as error:  # removed since they were listed
                gone = error
            else:
                return
        raise gone

    def _read_listed(self) -> Iterator[Piece]:
        files = segments(self.folder, self.partition)
        seen = (files[0], _look_at(files[-1])) if files else None
        if seen == self._seen:
            return
        if files and (self._seen is None or files[0] != self._seen[0]):
            yield from self._forget_removed()
        files = [path for path in files if not self.removed.covers(path)]
        yield from self._resume(files)
        while self._path is not None:
            yield from self._read_file(self._path)
            following = files[files.index(self._path) + 1 :]
            if following and self._path.stat().st_size > self._position:
                self.problem = self.problem or f"{self._path.name}: it ends in a torn row"
            if not following or self.problem is not None:
                break
            self._path, self._position, self._anchor = following[0], 0, b""
        self._seen = seen

    def _forget_removed(self) -> Iterator[Piece]:
        """Leave out the files that retention has removed, or is about to delete."""
        removed = read_removed(self.folder, self.partition)
        if removed.next_offset <= self.removed.next_offset:
            return
        is_gone = self._path is not None and removed.covers(self._path)
        if is_gone and self.last_offset >= removed.next_offset:
            return  # these files are not the ones that were read: `_resume` starts again
        self.removed = removed
        self.last_offset = max(self.last_offset, removed.next_offset - 1)
        if is_gone:
            self._path, self._position, self._anchor = None, 0, b""
        yield Piece(b"", removed_below=removed.next_offset)

    def _resume(self, files: list[Path]) -> Iterator[Piece]:
        """Find the place where the last read ended, or begin at the first file."""
        self.problem = None
        if self._path is not None and (
            self._path not in files or not self._is_anchored(self._path)
        ):
            self.removed = read_removed(self.folder, self.partition)
            files = [path for path in files if not self.removed.covers(path)]
            self._path, self._position, self._anchor = None, 0, b""
            self.last_offset = self.removed.next_offset - 1
            yield Piece(b"", starts_over=True, removed_below=self.removed.next_offset)
        if self._path is None and files:
            self._path = files[0]

    def _is_anchored(self, path: Path) -> bool:
        with path.open("rb") as file:
            file.seek(self._position - len(self._anchor))
            return file.read(len(self._anchor)) == self._anchor

    def _read_file(self, path: Path) -> Iterator[Piece]:
        with path.open("rb") as file:
            if self._position == 0 and not self._skip_header(file, path):
                return
            yield from self._read_checkpointed(file, path)
            file.seek(self._position)
            rest = b""
            while piece := file.read(PIECE_BYTES):
                lines = rest + piece
                length = self._valid_bytes(lines)
                if length:
                    start = self._position
                    self._position += length
                    yield Piece(lines[:length], path=path, start=start)
                rest = lines[length:]
                if b"\n" in rest:  # a complete line, but not a valid row
                    self.problem = f"{path.name}: the row at byte {self._position} is not true"
                    return

    def _read_checkpointed(self, file: BinaryIO, path: Path) -> Iterator[Piece]:
        """Read the rows that the writer's last checkpoint covers, if the file still agrees with it.

        One checksum over all of them is many times faster than verifying row by row.
        """
        covered = _checkpointed_bytes(file, path, self.partition) if self._anchor == HEADER else 0
        while self._position < covered:
            file.seek(self._position)
            lines = file.read(min(covered - self._position, PIECE_BYTES))
            rows = lines[: lines.rfind(b"\n") + 1]
            if not rows:
                return
            self._anchor = rows[rows.rfind(b"\n", 0, -1) + 1 :]
            start = self._position
            self._position += len(rows)
            self.last_offset = int(self._anchor.split(b",")[1])
            yield Piece(rows, path=path, start=start)

    def _skip_header(self, file: BinaryIO, path: Path) -> bool:
        start = file.read(len(HEADER))
        if start == HEADER:
            self._position, self._anchor = len(HEADER), HEADER
            return True
        if not HEADER.startswith(start):
            self.problem = f"{path.name}: the first line is not the header of a lab CSV"
        return False

    def _valid_bytes(self, lines: bytes) -> int:
        """Return how many bytes are complete, valid rows, of this partition and in order."""
        length = 0
        for line in lines.split(b"\n")[:-1]:
            row = line + b"\n"
            place = verify_row(row)
            if place is None or place[0] != self.partition or place[1] <= self.last_offset:
                break
            length += len(row)
            self.last_offset = place[1]
            self._anchor = row
        return length


def _checkpointed_bytes(file: BinaryIO, path: Path, partition: int) -> int:
    """Return how far a file is as its writer's last checkpoint says; 0: not known."""
    try:
        checkpoint = VerifiedRows(
            **read_json(path.with_name(f"{partition}.json"))["checkpoints"][path.name]
        )
    except (TypeError, LookupError, ValueError):  # none, or not of this form: read row by row
        return 0
    file.seek(0)
    left, checksum = checkpoint.bytes, 0
    while left > 0 and (block := file.read(min(left, CHECKSUM_BYTES))):
        checksum = crc32(block, checksum)
        left -= len(block)
    return checkpoint.bytes if left == 0 and checksum == checkpoint.crc32 else 0


def _look_at(path: Path) -> tuple[Path, int, int]:
    facts = path.stat()
    return path, facts.st_size, facts.st_mtime_ns
