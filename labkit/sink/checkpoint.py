"""The checkpoint file beside a partition's CSV: which topic the rows are from, how far they go.

An offset means something only in one topic of one cluster. A topic that is deleted and created
again under its name starts at offset 0, so a CSV remembers Kafka's ids, not only the name.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from labkit.core.config import find_lab_dir, load_config
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
        # The cluster goes first: the topics of another cluster always have other ids.
        cluster = {"cluster_id": ids["cluster_id"]}
        self._identity: dict[str, Any] = {
            "format": FORMAT,
            **cluster,
            **ids,
            "partition": partition,
        }
        # Keyed by the offset that was next: a gap that is met again after a crash counts once.
        self._gaps: dict[str, int] = {}
        self.removed = Removed()

    def take_lock(self) -> FileLock:
        """Take the partition's lock and return it; the operating system frees it with the process.

        Raises
        ------
        SinkLocked
            Another process holds it; the message names the one that opened the CSV last.
        SinkForeign
            That process writes the records of another cluster: waiting for it would not help.
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
            theirs = content and content.get("cluster_id")
            if theirs and theirs != self._identity["cluster_id"]:
                msg = (
                    f"partition {number} is being written by {holder}, with the records of another "
                    f"cluster, {theirs}: another lab uses {self._path.parent}, or a consumer of an "
                    "earlier cluster still runs. Nothing was changed"
                )
                raise SinkForeign(msg, own_folder_line(self._path.parent)) from error
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
                said = f"their {key} is {theirs!r}, and it is {ours!r} now"
                if key == "cluster_id":
                    said += ", so another lab wrote them, or this lab with an earlier cluster"
                raise self._foreign(said)
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
            "(A topic that is deleted and created again has another topic_id.) "
            f"{_advice(folder)}"
        )
        return SinkForeign(msg, other_rows_line(folder))


def other_rows_line(folder: Path) -> str:
    """Return the line to type where a topic's folder holds rows that are not of this topic.

    A folder of another lab, which may be running, is never moved.
    """
    return own_folder_line(folder) if other_lab(folder) else set_aside_line(folder)


def own_folder_line(folder: Path) -> str:
    """Return the line that gives this lab a data folder of its own."""
    lab_dir = load_config().lab_dir
    names = ("data", *(f"data{number}" for number in range(2, 1_000)))
    own = next(lab_dir / name for name in names if lab_dir / name != folder.parent)
    return f"export LABKIT_DATA_DIR={shlex.quote(str(own))}   (or another --data)"


def other_lab(folder: Path) -> Path | None:
    """Return the lab that a folder lies in, if that is not this lab."""
    lab_dir = find_lab_dir(folder)  # the folder itself, if it lies in none
    return lab_dir if lab_dir not in (folder.resolve(), load_config().lab_dir) else None


def _advice(folder: Path) -> str:
    lab_dir = other_lab(folder)
    return f"The folder is of the lab in {lab_dir}" if lab_dir else "Set the folder aside"


def csv_topic_id(data_dir: Path, topic: str) -> str | None:
    """Return the id of the topic that a CSV was written from, or None if there is no CSV."""
    paths = sorted(topic_dir(data_dir, topic).glob("*.json"))
    contents = (read_json(path) for path in paths if path.stem.isdecimal())
    return next((str(content["topic_id"]) for content in contents if content), None)
