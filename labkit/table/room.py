"""Room for rows: in memory, or in a file that the operating system reads where it is asked for.

A row takes 88 bytes, so a hundred million of them would fill a laptop's memory. Rows behind a
limit lie in a nameless file instead, which is mapped into memory: to whoever reads it is an array
as any other. Its pages are let go as soon as the rows on them are old, and come back, from the
system's own cache or from the disk, when someone asks for them.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import numpy as np

from labkit.table.columns import DTYPES, Columns

BLOCK_BYTES = 1024**2
_LET_GO = getattr(mmap, "MADV_DONTNEED", None)  # Windows trims what is mapped by itself


class Room:
    """Space in memory for a number of rows.

    Attributes
    ----------
    columns : Columns
        Arrays to write into.
    """

    def __init__(self, rows: int) -> None:
        self.columns = Columns(*(np.empty(rows, dtype) for dtype in DTYPES))

    def let_go(self, rows: int) -> None:
        """Keep the first rows out of memory, where that is possible: here it is not."""


class FileRoom(Room):
    """Space in a file, which is gone when nobody has its arrays any more.

    Parameters
    ----------
    rows : int
        How many rows it is for.
    folder : Path
        On which disk the file lies.

    Raises
    ------
    OSError
        The disk has no room for it, or the folder may not be written.
    """

    def __init__(self, rows: int, folder: Path) -> None:
        sizes = [_whole_pages(rows * dtype.itemsize) for dtype in DTYPES]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            _take(file.fileno(), sum(sizes))
            self._map = mmap.mmap(file.fileno(), sum(sizes))
        self._begins = [sum(sizes[:number]) for number in range(len(sizes))]
        self.columns = Columns(
            *(
                np.frombuffer(self._map, dtype, rows, begin)
                for dtype, begin in zip(DTYPES, self._begins, strict=True)
            )
        )

    def let_go(self, rows: int) -> None:
        """Give back the memory of the pages that hold nothing but the first rows."""
        if _LET_GO is None:
            return
        for dtype, begin in zip(DTYPES, self._begins, strict=True):
            length = rows * dtype.itemsize // mmap.PAGESIZE * mmap.PAGESIZE
            if length:
                self._map.madvise(_LET_GO, begin, length)


def _whole_pages(count: int) -> int:
    return -(-count // mmap.PAGESIZE) * mmap.PAGESIZE


def _take(descriptor: int, count: int) -> None:
    """Reserve bytes on the disk: a mapped page for which there is no room ends the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, count)
        return
    for _ in range(-(-count // BLOCK_BYTES)):
        os.write(descriptor, bytes(BLOCK_BYTES))
