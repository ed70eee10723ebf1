"""The status file beside each partition's CSV: how far its consumer is.

The API and the page read these files, so that they can show offsets, lag and dead letters without
asking Kafka. If a file is older than a few seconds, no consumer writes this partition now.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labkit.core.json_files import write_json
from labkit.core.run_files import read_run_files
from labkit.readings.tracing_record_header import Followed
from labkit.sink.segment_files import topic_dir

STALE_AFTER_S = 5.0  # a status file is written about once a second


class LastDeadLetter(BaseModel):
    """The newest dead letter of a partition."""

    offset: int
    reason: str


class PartitionStatus(BaseModel):
    """The last status that the writer of a partition wrote: ``<p>.status.json``.

    ``rows``, ``dead_letters`` and ``grams`` count the whole CSV, including earlier writers' rows,
    and those that retention removed.
    """

    model_config = ConfigDict(extra="ignore")

    partition: int
    topic: str
    group_id: str
    member_id: str
    pid: int
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    state: Literal["running", "paused", "stopped", "failed"]
    reason: str | None = Field(None, description="Why it is paused or failed, or what it met.")
    position: int | None = Field(None, description="The offset that is stored next.")
    start_offset: int | None = Field(None, description="The oldest offset that Kafka retains.")
    end_offset: int | None = Field(None, description="The offset that the next record will get.")
    lag: int | None = Field(None, description="Records in the topic that are not stored yet.")
    lag_s: float | None = Field(
        None,
        description="0 without lag; else how long ago the newest stored record was made, in "
        "seconds; None where this consumer has not stored one yet.",
    )
    waiting: str | None = Field(
        None, description="Which member of the group waits for this partition's CSV, and why."
    )
    gap_records: int = Field(
        0, description="Records that the topic's retention deleted before they could be stored."
    )
    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    removed_rows: int = Field(0, description="Readings that retention removed from the CSV.")
    removed_grams: int = 0
    last_dead_letter: LastDeadLetter | None = None
    followed: Followed | None = Field(
        None, description="The newest record that its producer had marked, and when it was stored."
    )

    @property
    def silent_s(self) -> float:
        """Seconds since it was written."""
        return round(max(time.time() - self.updated_at.timestamp(), 0.0), 3)

    @property
    def is_fresh(self) -> bool:
        """Whether a consumer writes this partition now."""
        return self.state in ("running", "paused") and self.silent_s < STALE_AFTER_S

    @property
    def troubles(self) -> list[str]:
        """Sentences that say what keeps the partition from being stored; empty if nothing does."""
        name = f"partition {self.partition}"
        found = []
        # What paused it is over when its consumer was killed.
        if self.state == "failed" or (self.state == "paused" and self.is_fresh):
            found.append(f"{name} is {self.state}: {self.reason or 'no reason given'}")
        if self.waiting is not None:
            found.append(f"{name}: {self.waiting}")
        return found

    def write(self, data_dir: Path) -> None:
        """Replace the partition's status file."""
        path = topic_dir(data_dir, self.topic) / f"{self.partition}.status.json"
        write_json(path, self.model_dump(mode="json", exclude={"waiting"}))


def read_progress(data_dir: Path, topic: str) -> list[PartitionStatus]:
    """Return the last status of each partition of a topic.

    Parameters
    ----------
    data_dir : Path
        The data folder.
    topic : str
        The topic's name.

    Returns
    -------
    list of PartitionStatus
        By partition; empty if there was no consumer yet. A file that a power cut emptied is left
        out: its writer replaces it within a second. A member that waits for a partition cannot
        write its status file, because another holds it, or because nothing can be written there;
        what it waits for comes from its run file.
    """
    found, waiting = [], _waiting(data_dir, topic)
    for path in topic_dir(data_dir, topic).glob("*.status.json"):
        try:
            status = PartitionStatus.model_validate_json(path.read_bytes())
        except (ValidationError, FileNotFoundError):
            continue
        run, reason = waiting.pop(status.partition, ({}, ""))
        if run and run["pid"] != status.pid:
            status.waiting = f"process {run['pid']} waits: {reason}"
        found.append(status)
    for partition, (run, reason) in waiting.items():
        about = {name: run[name] for name in ("topic", "group_id", "pid")}
        found.append(
            PartitionStatus(
                partition=partition, member_id="", state="paused", reason=reason, **about
            )
        )
    return sorted(found, key=lambda status: status.partition)


def _waiting(data_dir: Path, topic: str) -> dict[int, tuple[dict[str, Any], str]]:
    """Return the run file of the process that waits for each partition, and why it waits."""
    return {
        int(number): (run, reason)
        for run in read_run_files("consumer")
        if (run.get("data_dir"), run.get("topic")) == (str(data_dir), topic)
        for number, reason in run.get("waiting", {}).items()
    }


def say_failed(data_dir: Path, topic: str, reason: str) -> None:
    """Set the status of each partition that this process writes to failed."""
    for status in read_progress(data_dir, topic):
        if status.pid == os.getpid():
            changes = {"state": "failed", "reason": reason, "updated_at": datetime.now(UTC)}
            with contextlib.suppress(OSError):  # a full disk must not keep us from ending
                status.model_copy(update=changes).write(data_dir)
