"""Crash recovery: find how much of a CSV is valid, and cut off a torn row.

A process that is killed while it writes leaves a row without its end; a power cut can leave
zeros or noise after the last row. Both are a *torn tail*: no valid row follows it, so it is cut
off and its records are read again from Kafka. A wrong row with a valid row after it is *damage*:
no crash does that, so it is refused with its row number, and never repaired silently.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from zlib import crc32

from labkit.core.errors import SinkDamaged
from labkit.sink.csv_row import HEADER, row_grams, verify_row
from labkit.sink.segment_files import segment_path, set_aside_line

MAX_TAIL_BYTES = 64 * 1024**2  # longer is not a torn tail: so much is never between two fsyncs
_CHUNK_BYTES = 1024**2


@dataclass(frozen=True)
class VerifiedRows:
    """How far the valid rows of one file go, and what they hold.

    ``crc32`` is the checksum of the first ``bytes`` bytes: it proves quickly that they are
    unchanged, so that only the rows after them have to be verified one by one.
    """

    bytes: int = 0
    crc32: int = 0
    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    next_offset: int | None = None


def cut_torn_tail(file: FileIO, valid: VerifiedRows) -> int:
    """Cut off what follows the last valid row of an open file; return how many bytes that was."""
    torn_bytes = os.fstat(file.fileno()).st_size - valid.bytes
    file.truncate(valid.bytes)
    return torn_bytes


def recover_all(
    files: Sequence[Path],
    partition: int,
    checkpoints: Mapping[str, VerifiedRows],
    first_offset: int = 0,
) -> dict[str, VerifiedRows]:
    """Return how far the valid rows of each file of a partition go, by the file's name.

    Parameters
    ----------
    files : sequence of Path
        In the order of their offsets. Only the last may have a torn tail.
    partition : int
        The partition that every row must name.
    checkpoints : mapping
        What the writer last saved of each file, by its name.
    first_offset : int
        The lowest offset that the first file may hold; all before it were removed.

    Raises
    ------
    SinkDamaged
        As in `recover`; or a file between two others is torn or missing.
    """
    found: dict[str, VerifiedRows] = {}
    for path in files:
        if path != segment_path(path.parent, partition, first_offset):
            raise damaged(path, f"the rows before it end at offset {first_offset}")
        valid = recover(path, partition, first_offset, checkpoints.get(path.name))
        if path != files[-1]:
            if valid.bytes != path.stat().st_size or valid.next_offset is None:
                raise damaged(path, "it ends in a torn row, and another file follows it")
            first_offset = valid.next_offset
        found[path.name] = valid
    return found


def recover(
    path: Path, partition: int, first_offset: int, checkpoint: VerifiedRows | None
) -> VerifiedRows:
    """Return how far the rows of a file are complete, valid, of this partition and in order.

    Parameters
    ----------
    path : Path
        One CSV file of a partition.
    partition : int
        The partition that every row must name.
    first_offset : int
        The lowest offset that its first row may have.
    checkpoint : VerifiedRows or None
        What its writer last saved of it. A shortcut only: if it disagrees, every row is read.

    Raises
    ------
    SinkDamaged
        There are valid rows after a wrong one, or rows were changed or removed.
    """
    size = path.stat().st_size
    start = checkpoint
    if start is None or size < start.bytes or _crc32_of(path, start.bytes) != start.crc32:
        start = _after_header(path)
    valid = _scan(path, partition, first_offset, start) if start.bytes else start
    _refuse_damage(path, valid)
    if checkpoint is not None and start is not checkpoint and _reaches(valid, checkpoint):
        what = f"rows 2 to {checkpoint.rows + checkpoint.dead_letters + 1} are not as written"
        raise damaged(path, f"{what}: some were changed or taken out")
    return valid


def _reaches(valid: VerifiedRows, checkpoint: VerifiedRows) -> bool:
    """Tell whether the valid rows go as far as the checkpoint says that they once went."""
    by_offset = (valid.next_offset or 0) >= (checkpoint.next_offset or 0)
    return by_offset or valid.bytes >= checkpoint.bytes


def _crc32_of(path: Path, count: int) -> int:
    checksum = 0
    with path.open("rb") as file:
        while count > 0 and (chunk := file.read(min(count, _CHUNK_BYTES))):
            checksum = crc32(chunk, checksum)
            count -= len(chunk)
    return checksum


def _after_header(path: Path) -> VerifiedRows:
    """Return the header as valid, or nothing if the header itself was torn."""
    with path.open("rb") as file:
        start = file.read(len(HEADER))
    if start == HEADER:
        return VerifiedRows(len(HEADER), crc32(HEADER))
    if HEADER.startswith(start.rstrip(b"\0")):
        return VerifiedRows()
    raise damaged(path, "row 1 is not the header that the lab writes")


def _scan(path: Path, partition: int, first_offset: int, start: VerifiedRows) -> VerifiedRows:
    """Read the rows after ``start`` until one is incomplete, invalid, foreign or out of order."""
    size, checksum, rows, dead_letters = start.bytes, start.crc32, start.rows, start.dead_letters
    grams, next_offset = start.grams, start.next_offset
    lowest = first_offset if next_offset is None else next_offset
    with path.open("rb") as file:
        file.seek(size)
        for line in file:
            place = verify_row(line)
            if place is None or place[0] != partition or place[1] < lowest:
                break
            co2_g = row_grams(line)
            if co2_g is None:
                dead_letters += 1
            else:
                rows += 1
                grams += co2_g
            size += len(line)
            checksum = crc32(line, checksum)
            next_offset = lowest = place[1] + 1
    return VerifiedRows(size, checksum, rows, dead_letters, grams, next_offset)


def _refuse_damage(path: Path, valid: VerifiedRows) -> None:
    """Raise if what follows the valid rows is more than a torn tail."""
    number = valid.rows + valid.dead_letters + 2  # as a spreadsheet counts: the header is row 1
    with path.open("rb") as file:
        file.seek(valid.bytes)
        for line in file:
            if verify_row(line) is not None:
                what = f"row {number} is not as it was written, or out of order"
                raise damaged(path, f"{what}, and intact rows follow it")
    if path.stat().st_size - valid.bytes > MAX_TAIL_BYTES:
        raise damaged(path, f"everything from row {number} on is not as it was written")


def damaged(path: Path, what: str) -> SinkDamaged:
    """Return the error for a file that is not as it was written."""
    folder = path.parent
    return SinkDamaged(
        f"{path}: {what}. Nothing was repaired. Set the folder aside, and the CSV is written "
        "again from what the topic still retains",
        set_aside_line(folder, "damaged"),
    )
