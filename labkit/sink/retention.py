"""Retention: remove the oldest closed files of a partition's CSV, and count what they held.

The counts are saved in the checkpoint file before a file is deleted. So a file that starts below
`Removed.next_offset` is counted already, whether it is still there or not: readers skip it, and
the next opening deletes it. A process that is killed between the two steps neither loses a count
nor counts anything twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from labkit.core.config import load_config
from labkit.core.json_files import read_json
from labkit.sink.crash_recovery import VerifiedRows
from labkit.sink.segment_files import first_offset

DAY_S = 86_400


class Retention(NamedTuple):
    """How long, and how much of each partition's CSV, is kept; None: without limit.

    Attributes
    ----------
    days : float or None
        Days since a file was last written to.
    bytes : int or None
        Bytes of all files of a partition, the one that is being written included.
    """

    days: float | None = None
    bytes: int | None = None

    @classmethod
    def from_settings(cls) -> Retention:
        """Return what ``LABKIT_RETENTION_DAYS`` and ``LABKIT_RETENTION_BYTES`` say."""
        config = load_config()
        return cls(config.retention_days, config.retention_bytes)

    def expired(self, closed: Sequence[Path], others_bytes: int) -> list[Path]:
        """Return which of the closed files to remove: the oldest, without a gap.

        Parameters
        ----------
        closed : sequence of Path
            The oldest first.
        others_bytes : int
            What is kept in any case, and counts towards the limit.
        """
        if self == Retention():
            return []
        files = [path.stat() for path in closed]
        left = others_bytes + sum(file.st_size for file in files)
        oldest_s = None if self.days is None else time.time() - self.days * DAY_S
        found = []
        for path, file in zip(closed, files, strict=True):
            is_old = oldest_s is not None and file.st_mtime < oldest_s
            if not is_old and (self.bytes is None or left <= self.bytes):
                break
            found.append(path)
            left -= file.st_size
        return found


@dataclass(frozen=True)
class Removed:
    """What a partition's removed files held.

    ``next_offset`` is the offset after their last row: files that start below it are removed.
    """

    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    next_offset: int = 0

    def with_files(self, files: Sequence[VerifiedRows]) -> Removed:
        """Return the counts with those of the files that follow."""
        return Removed(
            self.rows + sum(file.rows for file in files),
            self.dead_letters + sum(file.dead_letters for file in files),
            self.grams + sum(file.grams for file in files),
            max((file.next_offset or 0 for file in files), default=self.next_offset),
        )

    def covers(self, path: Path) -> bool:
        """Tell whether a file is one of the removed ones."""
        return first_offset(path) < self.next_offset

    @classmethod
    def from_checkpoint(cls, content: Mapping[str, Any] | None) -> Removed:
        """Read what a checkpoint file says; nothing is removed if it does not say so."""
        return cls(**(content or {}).get("removed", {}))

    def to_dict(self) -> dict[str, int]:
        """Return what `from_checkpoint` reads."""
        return asdict(self)


def read_removed(folder: Path, partition: int) -> Removed:
    """Return what was removed of a partition's CSV, for those who read it."""
    try:
        return Removed.from_checkpoint(read_json(folder / f"{partition}.json"))
    except (TypeError, ValueError):  # not the file that the lab wrote: the sink refuses it
        return Removed()


def persist(path: Path) -> None:
    """Let a file and its name outlive a power cut, before something depends on it."""
    for place, flags in ((path, os.O_RDWR), (path.parent, os.O_RDONLY)):
        if os.name == "nt" and place.is_dir():  # Windows cannot sync a folder
            continue
        handle = os.open(place, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
