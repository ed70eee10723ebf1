"""The paths of a topic's CSV: one folder for each topic, one or more files for each partition."""

from __future__ import annotations

import re
from pathlib import Path

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


def segment_path(folder: Path, partition: int, first_offset: int) -> Path:
    """Return the file of a partition that starts at an offset.

    ``0.csv`` is the first. The next one is named after its first offset, as Kafka names the
    segments of its own log: ``0.00000000000000500000.csv``.
    """
    base = f".{first_offset:020d}" if first_offset else ""
    return folder / f"{partition}{base}.csv"


def segments(folder: Path, partition: int) -> list[Path]:
    """Return the CSV files of a partition, in the order of their offsets."""
    name = re.compile(rf"{partition}(\.\d{{20}})?\.csv")
    found = (path for path in folder.glob(f"{partition}.*csv") if name.fullmatch(path.name))
    return sorted(found, key=lambda path: (len(path.name), path.name))
