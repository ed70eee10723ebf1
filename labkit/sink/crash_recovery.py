"""What of a CSV can be trusted after whatever happened to it.

A process that is killed while it writes leaves a row without its end; a power cut can leave
zeros or noise behind the last row. Either is a *torn tail*: nothing true follows it, so it is cut
off and its records are read again from Kafka. A wrong row with a true row behind it is *damage*:
no crash of ours does that, so it is refused by row number and never repaired silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from labkit.core.errors import SinkDamaged
from labkit.sink.csv_row import HEADER, row_grams, verify_row
from labkit.sink.segment_files import segment_path

MAX_TAIL_BYTES = 64 * 1024**2  # more than was ever written between two fsyncs is not a torn tail
_CHUNK_BYTES = 1024**2


@dataclass(frozen=True)
class Extent:
    """How far the true rows of one file go, and what they hold.

    ``crc32`` is that of the first ``bytes`` bytes, so that the file can be proved unchanged at the
    speed of a checksum, and only the rows behind need to be looked at one by one.
    """

    bytes: int = 0
    crc32: int = 0
    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    next_offset: int | None = None


def recover_all(
    files: Sequence[Path],
    partition: int,
    checkpoints: Mapping[str, Extent],
) -> dict[str, Extent]:
    """Return how far the true rows of each file of a partition go, by the file's name.

    Parameters
    ----------
    files : sequence of Path
        In the order of their offsets. Only the last may have a torn tail.
    partition : int
        The partition that every row must name.
    checkpoints : mapping
        What the writer last said of each file, by its name.

    Raises
    ------
    SinkDamaged
        As `recover`; or a file between two others is torn or gone.
    """
    extents: dict[str, Extent] = {}
    first_offset = 0
    for path in files:
        if path != segment_path(path.parent, partition, first_offset):
            raise damaged(path, f"the rows before it end at offset {first_offset}")
        extent = recover(path, partition, first_offset, checkpoints.get(path.name))
        if path != files[-1]:
            if extent.bytes != path.stat().st_size or extent.next_offset is None:
                raise damaged(path, "it ends in a torn row, and another file follows it")
            first_offset = extent.next_offset
        extents[path.name] = extent
    return extents


def recover(path: Path, partition: int, first_offset: int, checkpoint: Extent | None) -> Extent:
    """Return how far the rows of a file are whole, true, of our partition and in order.

    Parameters
    ----------
    path : Path
        One CSV file of a partition.
    partition : int
        The partition that every row must name.
    first_offset : int
        The lowest offset that its first row may have.
    checkpoint : Extent or None
        What its writer last said of it. A shortcut only: where it disagrees, every row is read.

    Raises
    ------
    SinkDamaged
        There are true rows behind a wrong one, or rows were changed or taken out.
    """
    size = path.stat().st_size
    start = checkpoint
    if start is None or size < start.bytes or _crc32_of(path, start.bytes) != start.crc32:
        start = _after_header(path)
    extent = _scan(path, partition, first_offset, start) if start.bytes else start
    _refuse_damage(path, extent)
    if checkpoint is not None and start is not checkpoint and _reaches(extent, checkpoint):
        what = f"rows 2 to {checkpoint.rows + checkpoint.dead_letters + 1} are not as written"
        raise damaged(path, f"{what}: some were changed or taken out")
    return extent


def _reaches(extent: Extent, checkpoint: Extent) -> bool:
    """Tell whether true rows go as far as a checkpoint says that they once went."""
    by_offset = (extent.next_offset or 0) >= (checkpoint.next_offset or 0)
    return by_offset or extent.bytes >= checkpoint.bytes


def _crc32_of(path: Path, count: int) -> int:
    checksum = 0
    with path.open("rb") as file:
        while count > 0 and (chunk := file.read(min(count, _CHUNK_BYTES))):
            checksum = crc32(chunk, checksum)
            count -= len(chunk)
    return checksum


def _after_header(path: Path) -> Extent:
    """Return the extent of the header alone, or of nothing where even that was torn."""
    with path.open("rb") as file:
        start = file.read(len(HEADER))
    if start == HEADER:
        return Extent(len(HEADER), crc32(HEADER))
    if HEADER.startswith(start.rstrip(b"\0")):
        return Extent()
    raise damaged(path, "row 1 is not the header that the lab writes")


def _scan(path: Path, partition: int, first_offset: int, start: Extent) -> Extent:
    """Walk over the rows behind ``start`` until one is not whole, true, ours and in order."""
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
    return Extent(size, checksum, rows, dead_letters, grams, next_offset)


def _refuse_damage(path: Path, extent: Extent) -> None:
    """Raise if what lies behind the true rows is more than a torn tail."""
    number = extent.rows + extent.dead_letters + 2  # as a spreadsheet counts: the header is row 1
    with path.open("rb") as file:
        file.seek(extent.bytes)
        for line in file:
            if verify_row(line) is not None:
                what = f"row {number} is not as it was written, or out of order"
                raise damaged(path, f"{what}, and true rows follow it")
    if path.stat().st_size - extent.bytes > MAX_TAIL_BYTES:
        raise damaged(path, f"everything from row {number} on is not as it was written")


def damaged(path: Path, what: str) -> SinkDamaged:
    """Return the error for a file that is not as it was written."""
    folder = path.parent
    return SinkDamaged(
        f"{path}: {what}. Nothing was repaired. Set the folder aside, and the CSV is written "
        "anew from what the topic still retains",
        f'mv "{folder}" "{folder}.damaged"',
    )
