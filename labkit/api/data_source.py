"""The data that the API answers from: the table, and files that producers and consumers write."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from labkit.api.ledger_from_files import CurrentState, LedgerFromFiles, total
from labkit.api.reading_latency import LatencyTracker
from labkit.api.recent_values import Recent, rate_per_s
from labkit.core.config import load_config
from labkit.core.run_files import runs_on
from labkit.readings.simulated_clock import running_clock
from labkit.sink.partition_status import PartitionStatus, read_progress
from labkit.sink.segment_files import partitions, segments, topic_dir
from labkit.table.csv_frames import iso_times
from labkit.table.snapshot import Snapshot
from labkit.table.table import Table

LOADING_WAIT_S = 2.0  # how long a request waits until the CSV has been read once
REFRESH_WAIT_S = 1.0  # how long it waits for another request that reads new rows
RATE_OVER_S = 10.0
OF_THE_PAST_S = 60.0  # a reading that was stored so late was made for a time of the past
NO_BROKER = "No broker of this lab is running"  # as `labkit.broker` says it
LOADING = "the CSV is being read for the first time"
VERSION = version("labkit")


class DataSource:
    """The table and the status files behind the API; the CSV is first read in the background."""

    def __init__(self, data_dir: Path, topic: str) -> None:
        self.data_dir = data_dir
        self.topic = topic
        config = load_config()
        self.table = Table(topic_dir(data_dir, topic), config.api_rows_in_memory)
        self._ledger = LedgerFromFiles(data_dir, topic)
        self._latency = LatencyTracker()
        self._positions: defaultdict[int, Recent[int]] = defaultdict(Recent)
        self._loaded = threading.Event()
        threading.Thread(target=self._load, name="labkit-api-load", daemon=True).start()

    def _load(self) -> None:
        try:
            self.table.refresh()
        finally:
            self._loaded.set()

    def snapshot(self) -> Snapshot:
        """Return the table, with the rows that were just appended.

        Raises
        ------
        ServiceUnavailable
            A large CSV has not been read once yet: a part would look like the whole.
        """
        if not self._loaded.wait(LOADING_WAIT_S):
            rows = self.table.snapshot.rows
            msg = f"The CSV is being read for the first time: {rows:,} readings so far."
            raise ServiceUnavailable(msg, retry_after=1)
        self.table.refresh(wait_s=REFRESH_WAIT_S)
        return self.table.snapshot

    def current(self, snapshot: Snapshot | None = None) -> CurrentState:
        """Return the current state; without a snapshot, with the rows read so far."""
        if snapshot is None:
            if self._loaded.is_set():
                self.table.refresh(wait_s=REFRESH_WAIT_S)
            snapshot = self.table.snapshot
        statuses = read_progress(self.data_dir, self.topic)
        return CurrentState(snapshot, statuses, runs_on(self.topic, "producer"))

    def health(self) -> dict[str, Any]:
        """Return whether there are data, how old the newest reading is, and what is wrong."""
        loading = [] if self._loaded.wait(LOADING_WAIT_S) else [LOADING]
        return self._health(self.current(), loading)

    def _health(self, state: CurrentState, problems: list[str]) -> dict[str, Any]:
        snapshot = state.snapshot
        problems = [*problems, *snapshot.problems]
        problems += _troubles(state.statuses)
        newest_ms = snapshot.newest_ms
        newest = age_s = None
        if newest_ms is not None:
            newest = iso_times([newest_ms])[0]
            came_in_s = self._came_in_at(newest_ms / 1000, state.statuses)
            age_s = round(max(time.time() - came_in_s, 0), 3)
        return {
            "status": "degraded" if problems else "ok" if newest else "empty",
            "version": VERSION,
            "topic": self.topic,
            "rows": snapshot.rows,
            "newest_recorded_at": newest,
            "age_s": age_s,
            "clock": running_clock(state.producers),
            "problems": problems,
            "next": _next_line(problems),
        }

    def _came_in_at(self, recorded_s: float, statuses: list[PartitionStatus]) -> float:
        """Return when the newest reading came in, in seconds since 1970.

        That is when it was recorded, unless it is of the past: readings of a replay, or of a
        simulated time, are as new as the file that holds them, and as late as its consumer is.
        """
        if time.time() - recorded_s <= OF_THE_PAST_S:  # nothing is stored later than now
            return recorded_s
        folder = topic_dir(self.data_dir, self.topic)
        written = [0.0]
        for partition in partitions(folder):
            with suppress(FileNotFoundError):  # it was removed just now
                written += [path.stat().st_mtime for path in segments(folder, partition)[-1:]]
        stored_s = max(written) - max((status.lag_s or 0.0 for status in statuses), default=0.0)
        return stored_s if stored_s - recorded_s > OF_THE_PAST_S else recorded_s

    def pipeline(self, state: CurrentState) -> dict[str, Any]:
        """Return the partitions' last status, and whether a consumer still writes it."""
        statuses = state.statuses
        newest = max(statuses, key=lambda status: status.updated_at, default=None)
        partitions = [self._partition(status) for status in statuses]
        rates = [one["rate_per_s"] for one in partitions]
        is_running = any(status.is_fresh for status in statuses)
        lags_s = [status.lag_s for status in statuses if status.lag_s is not None]
        return {
            "topic": self.topic,
            "group_id": newest.group_id if newest else None,
            "state": "running" if is_running else "stale" if statuses else "absent",
            "partitions": partitions,
            "producers": [
                {name: run.get(name) for name in ("name", "pid", "emitted", "acked")}
                for run in state.producers
            ],
            "totals": {
                "rows": sum(status.rows for status in statuses),
                "dead_letters": sum(status.dead_letters for status in statuses),
                "gap_records": sum(status.gap_records for status in statuses),
                "lag": total([status.lag for status in statuses]),
                "lag_s": max(lags_s, default=None),
                "co2_g": sum(status.grams for status in statuses),
                "rate_per_s": None if None in rates or not rates else round(sum(rates), 2),
                "acked_per_s": self._ledger.acked_per_s(RATE_OVER_S, bool(state.producers)),
            },
            "latency": self.latency(state),
        }

    def ledger(self, state: CurrentState) -> dict[str, Any]:
        """Return the carbon ledger, from files alone."""
        return self._ledger.read(state)

    def latency(self, state: CurrentState) -> dict[str, Any]:
        """Return how long readings take to each stage."""
        self._latency.update(state)
        return self._latency.to_dict(state.snapshot)

    def live(self, snapshot: Snapshot) -> dict[str, Any]:
        """Return everything that changes without new readings."""
        state = self.current(snapshot)
        ledger = self.ledger(state)  # first: it reads the tallies
        health, pipeline = self._health(state, []), self.pipeline(state)
        return {"health": health, "pipeline": pipeline, "ledger": ledger}

    def _partition(self, status: PartitionStatus) -> dict[str, Any]:
        positions = self._positions[status.partition]
        positions.add(status.updated_at.timestamp(), status.rows + status.dead_letters)
        rate = rate_per_s(positions, RATE_OVER_S)
        return {
            **status.model_dump(mode="json"),
            "age_s": status.silent_s,
            "rate_per_s": rate if status.is_fresh else 0.0,
        }


def _troubles(statuses: list[PartitionStatus]) -> list[str]:
    """Return what keeps partitions from being stored; said once, if it is the same for all."""
    troubles = {status.partition: status.troubles for status in statuses}
    same = {tuple(said.partition(": ")[2] for said in found) for found in troubles.values()}
    if len(statuses) > 1 and len(same) == 1 and any(troubles.values()):
        [reasons] = same
        return [f"No partition is being stored: {'; '.join(reasons)}"]
    return [trouble for found in troubles.values() for trouble in found]


def _next_line(problems: list[str]) -> str:
    """Return the next line to type; empty if nothing is wrong."""
    if not problems or problems == [LOADING]:
        return ""
    return "labkit broker start" if NO_BROKER in " ".join(problems) else "labkit doctor"
