"""The files of a topic's CSV: one folder for each topic, one or more files for each partition."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from labkit.core.errors import TopicRefused

_TOPIC_NAME = re.compile(r"(?!\.{1,2}\Z)[a-zA-Z0-9._-]{1,249}")


def topic_dir(data_dir: Path, topic: str) -> Path:
    """Return the folder of a topic's CSV files.

    Raises
    ------
    TopicRefused
        It is not a topic name: ``../other`` would lead out of the data folder.
    """
    if _TOPIC_NAME.fullmatch(topic) is None:
        takes = "Kafka takes letters, digits, '.', '_', '-', at most 249"
        msg = f"{topic!r} is not a topic name: {takes}"
        raise TopicRefused(msg, "labkit topics list")
    return data_dir / topic


def set_aside_line(folder: Path, why: str = "old") -> str:
    """Return the line that keeps a topic's folder under a name that is free.

    The next consumer finds no CSV then, and writes it again from what the topic retains.
    """
    names = (f"{folder}.{why}{number}" for number in ("", *range(2, 1_000)))
    aside = next(name for name in names if not Path(name).exists())
    return f"mv {shlex.quote(str(folder))} {shlex.quote(aside)}"


def segment_path(folder: Path, partition: int, first_offset: int) -> Path:
    """Return the file of a partition that starts at an offset.

    ``0.csv`` is the first. The next one is named after its first offset, as Kafka names the
    segments of its own log: ``0.00000000000000500000.csv``.
    """
    base = f".{first_offset:020d}" if first_offset else ""
    return folder / f"{partition}{base}.csv"


def first_offset(path: Path) -> int:
    """Return the offset that a file of a partition starts at: the opposite of `segment_path`."""
    base = path.name.split(".")[1]
    return int(base) if base.isdecimal() else 0


def segments(folder: Path, partition: int) -> list[Path]:
    """Return the CSV files of a partition, in the order of their offsets."""
    is_segment = re.compile(rf"{partition}(\.\d{{20}})?\.csv").fullmatch
    names = sorted(filter(is_segment, _names(folder)), key=lambda name: (len(name), name))
    return [folder / name for name in names]


def partitions(folder: Path) -> list[int]:
    """Return the partitions that have a CSV in a topic's folder."""
    numbers = (name.partition(".")[0] for name in _names(folder) if name.endswith(".csv"))
    return sorted({int(number) for number in numbers if number.isdecimal()})


class OpenedFile(NamedTuple):
    """A file as it was opened: its path, and what `os.stat` said of it.

    On Unix a file that is open can be deleted, moved away or overwritten. What is then written to
    it is lost, and a lock on it keeps nobody away.
    """

    path: Path
    opened: os.stat_result

    def is_in_place(self, length: int | None = None) -> bool:
        """Tell whether the file is still at its path, and of this length in bytes, if given."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        return os.path.samestat(found, self.opened) and length in (None, found.st_size)


def _names(folder: Path) -> list[str]:
    """Return the names in a folder; `Path.glob` takes three times as long, and every poll asks."""
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
