"""How far a consumer is, as it says itself in a small file beside each partition's CSV.

The API and the page read these files, so that they can show offsets, lag and dead letters without
asking Kafka. A file that is older than a few seconds means that nobody writes this partition now.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labkit.segments import topic_dir
from labkit.state import write_json


class LastDeadLetter(BaseModel):
    """The newest dead letter of a partition."""

    offset: int
    reason: str


class PartitionStatus(BaseModel):
    """What the writer of a partition last said of it: ``<p>.status.json``.

    ``rows``, ``dead_letters`` and ``grams`` count the whole CSV, whoever wrote it.
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
    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    last_dead_letter: LastDeadLetter | None = None

    def write(self, data_dir: Path) -> None:
        """Replace the partition's status file."""
        path = topic_dir(data_dir, self.topic) / f"{self.partition}.status.json"
        write_json(path, self.model_dump(mode="json"))


def read_progress(data_dir: Path, topic: str) -> list[PartitionStatus]:
    """Return what the consumers of a topic last said, one status for each partition.

    Parameters
    ----------
    data_dir : Path
        The data folder.
    topic : str
        The topic's name.

    Returns
    -------
    list of PartitionStatus
        By partition; empty where no consumer has been yet. A file that a power cut emptied says
        nothing and is left out: its writer replaces it within a second.
    """
    found = []
    for path in topic_dir(data_dir, topic).glob("*.status.json"):
        try:
            found.append(PartitionStatus.model_validate_json(path.read_bytes()))
        except (ValidationError, FileNotFoundError):
            continue
    return sorted(found, key=lambda status: status.partition)
