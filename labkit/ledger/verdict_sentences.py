"""The sentences that the ledger and `labkit check` share, so that both say the same."""

from __future__ import annotations

from pathlib import Path

from labkit.core.text_tables import many
from labkit.sink.checkpoint import csv_topic_id, other_rows_line
from labkit.sink.segment_files import topic_dir

UNARRIVED = "with acks=0 nobody was asked whether they arrived, and they did not"
NO_LOG = "No producer of this lab has a delivery log of this topic, so nobody knows who sent them."


def deleted_unstored(records: int) -> str:
    """Say what retention deleted before a consumer had stored it."""
    return f"Retention deleted {many(records, 'record')} before they were stored."


def in_no_log(readings: str) -> str:
    """Say that the topic holds readings that no delivery log has."""
    return (
        f"In no delivery log of this lab: {readings}. Another program sent them, or their log is "
        "lost."
    )


def earlier_topic(data_dir: Path, topic: str, topic_id: str | None) -> str:
    """Say that the CSV is of another topic, so that nothing of this one can be stored.

    The sentence is empty if it is not, or if an id is unknown.
    """
    folder, theirs = topic_dir(data_dir, topic), csv_topic_id(data_dir, topic)
    if topic_id is None or theirs in (None, topic_id):
        return ""
    return (
        f"The rows in {folder} are of an earlier topic of this name, or of another lab that writes "
        "there (then set LABKIT_DATA_DIR to a folder of this lab), so nothing of this topic is "
        f"stored. Next: {other_rows_line(folder)}"
    )
