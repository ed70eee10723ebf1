"""The checkpoint file beside a partition's CSV: which topic the rows are from, how far they go.

An offset means something only in one topic of one cluster. A topic that is deleted and created
again under its name starts at offset 0, so a CSV remembers Kafka's ids, not only the name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from labkit.core.errors import SinkForeign, SinkLocked
from labkit.core.json_files import read_json, write_json
from labkit.sink.crash_recovery import VerifiedRows, damaged
from labkit.sink.retention import Removed, persist
from labkit.sink.segment_files import set_aside_line, topic_dir

FORMAT = 1


class CheckpointFile:
    """``0.json`` beside ``0.csv``, and the partition's lock.

    Parameters
    ----------
    folder : Path
        The topic's folder.
    partition : int
        The partition's number.
    ids : mapping
        The topic that the rows have to be from: ``topic``, ``topic_id`` and ``cluster_id``.
    """

    def __init__(self, folder: Path, partition: int, ids: Mapping[str, str]) -> None:
        self._path = folder / f"{partition}.json"
        self._identity: dict[str, Any] = {"format": FORMAT, **ids, "partition": partition}
        # Keyed by the offset that was next: a gap that is met again after a crash counts once.
        self._gaps: dict[str, int] = {}
        self.removed = Removed()

    def take_lock(self) -> FileLock:
        """Take the partition's lock and return it; the operating system frees it with the process.

        Raises
        ------
        SinkLocked
            Another process holds it; the message names the one that opened the CSV last.
        """
        lock = FileLock(
            self._path.with_suffix(".lock"),
            timeout=0,
            thread_local=False,  # a rebalance releases it from the client's network thread
            preserve_lock_file=True,  # a lock on a file that was unlinked locks nothing
            fallback_to_soft=False,  # such a lock would outlive a killed process
        )
        try:
            lock.acquire()
        except Timeout as error:
            content = self._read()
            holder = f"process {content['writer_pid']}" if content else "another process"
            number = self._identity["partition"]
            msg = f"partition {number} is being written by {holder}: {lock.lock_file}"
            raise SinkLocked(msg, "labkit status") from error
        return lock

    def read(self) -> dict[str, VerifiedRows]:
        """Return how far each CSV file of the partition went when this was last written.

        Raises
        ------
        SinkForeign
            The rows are from another topic or cluster, or from an unknown one.
        SinkDamaged
            This file is not the JSON that was written.
        """
        content = self._read()
        if content is None:
            raise self._foreign(f"{self._path.name}, which says what they are from, is gone")
        for key, ours in self._identity.items():
            theirs = content.get(key)
            if theirs != ours:
                raise self._foreign(f"their {key} is {theirs!r}, and it is {ours!r} now")
        self._gaps = content.get("gaps", {})
        self.removed = Removed.from_checkpoint(content)
        return {name: VerifiedRows(**known) for name, known in content["checkpoints"].items()}

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    @property
    def gap_records(self) -> int:
        """Records that were deleted from the topic before they could be stored."""
        return sum(until - int(begin) for begin, until in self._gaps.items())

    def add_gap(self, begin: int, until: int) -> None:
        """Record that the records from ``begin`` up to ``until`` are gone; `write` saves it."""
        self._gaps[str(begin)] = until

    def write(self, files: Mapping[str, VerifiedRows]) -> None:
        """Save how far each file goes, and that this process writes them."""
        checkpoints = {name: asdict(known) for name, known in files.items() if known.bytes}
        own = {"writer_pid": os.getpid(), "checkpoints": checkpoints, "gaps": self._gaps}
        removed = {"removed": self.removed.to_dict()} if self.removed.next_offset else {}
        write_json(self._path, self._identity | own | removed)
        if removed:  # these counts are nowhere else: a power cut must not take them back
            persist(self._path)

    def write_removed(self, removed: Removed, files: Mapping[str, VerifiedRows]) -> None:
        """Save what was removed, for good: now the files may be deleted."""
        known, self.removed = self.removed, removed
        try:
            self.write(files)
        except OSError:
            self.removed = known
            raise

    def _read(self) -> Any:
        what = "it is not the JSON that the lab wrote"
        try:
            content = read_json(self._path)
        except ValueError as error:
            raise damaged(self._path, what) from error
        if content is None and self.exists:
            raise damaged(self._path, what)
        return content

    def _foreign(self, why: str) -> SinkForeign:
        folder = self._path.parent
        msg = (
            f"the rows in {folder} are not from this {self._identity['topic']}: {why}. "
            "(A topic that is deleted and created again has another topic_id.) Set the folder aside"
        )
        return SinkForeign(msg, set_aside_line(folder))


def csv_topic_id(data_dir: Path, topic: str) -> str | None:
    """Return the id of the topic that a CSV was written from, or None if there is no CSV."""
    paths = sorted(topic_dir(data_dir, topic).glob("*.json"))
    contents = (read_json(path) for path in paths if path.stem.isdecimal())
    return next((str(content["topic_id"]) for content in contents if content), None)
