"""What the API answers from: the table, and the consumers' status files."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from labkit.columns import iso_times
from labkit.progress import PartitionStatus, read_progress
from labkit.segments import topic_dir
from labkit.snapshot import Snapshot
from labkit.table import Table

LOADING_WAIT_S = 2.0  # how long a request waits for the first reading of the CSV
REFRESH_WAIT_S = 1.0  # how long it waits for another request that is reading what is new
STALE_AFTER_S = 5.0  # a status file is written about once a second


class ApiData:
    """The table behind the API, read for the first time in the background.

    Parameters
    ----------
    data_dir : Path
        The data folder.
    topic : str
        The topic whose CSV is shown.
    """

    def __init__(self, data_dir: Path, topic: str) -> None:
        self.data_dir = data_dir
        self.topic = topic
        self.table = Table(topic_dir(data_dir, topic))
        self._loaded = threading.Event()
        threading.Thread(target=self._load, name="labkit-api-load", daemon=True).start()

    def _load(self) -> None:
        try:
            self.table.refresh()
        finally:
            self._loaded.set()

    def snapshot(self) -> Snapshot:
        """Return the table with what has just been appended.

        Raises
        ------
        ServiceUnavailable
            The first reading of a large CSV is not done yet: a part would look like the whole.
        """
        if not self._loaded.wait(LOADING_WAIT_S):
            rows = self.table.snapshot.rows
            msg = f"The CSV is being read for the first time: {rows:,} readings so far."
            raise ServiceUnavailable(msg, retry_after=1)
        self.table.refresh(wait_s=REFRESH_WAIT_S)
        return self.table.snapshot

    def health(self) -> dict[str, Any]:
        """Return whether there are data, how old the newest is, and what is wrong."""
        problems: list[str] = []
        if self._loaded.wait(LOADING_WAIT_S):
            self.table.refresh(wait_s=REFRESH_WAIT_S)
        else:
            problems.append("the CSV is being read for the first time")
        snapshot = self.table.snapshot
        problems += snapshot.problems
        problems += [
            trouble
            for status in read_progress(self.data_dir, self.topic)
            for trouble in status.troubles
        ]
        newest_ms = snapshot.newest_ms
        newest = age_s = None
        if newest_ms is not None:
            newest = iso_times([newest_ms])[0]
            age_s = round(max(time.time() - newest_ms / 1000, 0), 3)
        return {
            "status": "degraded" if problems else "ok" if newest else "empty",
            "topic": self.topic,
            "rows": snapshot.rows,
            "newest_recorded_at": newest,
            "age_s": age_s,
            "problems": problems,
        }

    def pipeline(self) -> dict[str, Any]:
        """Return what the consumers last said, and whether they still say anything."""
        statuses = read_progress(self.data_dir, self.topic)
        newest = max(statuses, key=lambda status: status.updated_at, default=None)
        lags = [status.lag for status in statuses if status.lag is not None]
        lags_s = [status.lag_s for status in statuses if status.lag_s is not None]
        return {
            "topic": self.topic,
            "group_id": newest.group_id if newest else None,
            "state": _state(statuses),
            "partitions": [status.model_dump(mode="json") for status in statuses],
            "totals": {
                "rows": sum(status.rows for status in statuses),
                "dead_letters": sum(status.dead_letters for status in statuses),
                "lag": sum(lags) if lags else None,
                "lag_s": max(lags_s, default=None),
                "co2_g": sum(status.grams for status in statuses),
            },
        }


def _state(statuses: list[PartitionStatus]) -> str:
    """Return whether somebody writes now, has written once, or never has."""
    now = datetime.now(UTC)
    at_work = (
        status.state in ("running", "paused")
        and (now - status.updated_at).total_seconds() < STALE_AFTER_S
        for status in statuses
    )
    return "running" if any(at_work) else "stale" if statuses else "absent"
