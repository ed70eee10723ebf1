"""How long single readings take to each stage, from what each stage wrote down.

acked comes from the producer's run file, polled and stored from the partition's status file, served
from this API. The broker's append lies between created and acked: a topic that keeps the producer's
timestamps does not record it.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np

from labkit.api.ledger_from_files import CurrentState
from labkit.api.recent_values import KEEP_S, Recent
from labkit.readings.tracing_record_header import Acked
from labkit.table.paging import ends, reading_id_at
from labkit.table.snapshot import Snapshot

STAGES = ("created", "acked", "polled", "stored", "served")
Place = tuple[int, int]  # partition, offset


class LatencyTracker:
    """The times of the readings that were followed in the last minute."""

    def __init__(self) -> None:
        self._seen: dict[Place, dict[str, datetime]] = {}
        self._answers: Recent[dict[int, int]] = Recent()
        self._lock = threading.Lock()

    def update(self, state: CurrentState) -> None:
        """Read what the stages report now; its snapshot is the table that is served."""
        snapshot, statuses, producers = state
        now = time.time()
        self._answers.add(now, ends(snapshot))
        acked = {
            (one.partition, one.offset): one.acked_at
            for run in producers
            for one in map(Acked.model_validate, run.get("marked", []))
        }
        with self._lock:
            for status in statuses:
                if (followed := status.followed) is not None:
                    stages = ("created", "polled", "stored")
                    times = {stage: getattr(followed, f"{stage}_at") for stage in stages}
                    self._seen.setdefault((status.partition, followed.offset), times)
            for place, times in self._seen.items():
                if place in acked:
                    times["acked"] = acked[place]
                if "served" not in times and (served_at := self._served_at(place)) is not None:
                    times["served"] = served_at
            old = datetime.fromtimestamp(now - KEEP_S, UTC)
            last = {(one.partition, one.followed.offset) for one in statuses if one.followed}
            self._seen = {
                place: times
                for place, times in self._seen.items()
                if times["stored"] >= old or place in last
            }

    def _served_at(self, place: Place) -> datetime | None:
        """Return when an answer was first made from a table that holds the row.

        None if the first remembered answer held it already: nobody had asked before.
        """
        partition, offset = place
        answers = self._answers.since(0)
        held = [last.get(partition, -1) >= offset for _, last in answers]
        if not any(held) or held[0]:
            return None
        return datetime.fromtimestamp(answers[held.index(True)].at, UTC)

    def to_dict(self, snapshot: Snapshot) -> dict[str, Any]:
        """Return the newest followed reading, and the latency of each stage in the last minute."""
        with self._lock:
            seen = {place: dict(times) for place, times in self._seen.items()}
        newest = max(seen, key=lambda place: seen[place]["stored"], default=None)
        old = datetime.fromtimestamp(time.time() - KEEP_S, UTC)
        lately = [times for times in seen.values() if times["stored"] >= old]
        return {
            "reading": None if newest is None else _reading(snapshot, newest, seen[newest]),
            "last_minute": [
                {
                    "stage": stage,
                    "p50_ms": round(float(np.percentile(took, 50)), 1),
                    "p99_ms": round(float(np.percentile(took, 99)), 1),
                }
                for stage in STAGES[1:]
                if (took := [_after_ms(times, stage) for times in lately if stage in times])
            ],
            "samples": len(lately),
            "window_s": int(KEEP_S),
        }


def _reading(snapshot: Snapshot, place: Place, times: dict[str, datetime]) -> dict[str, Any] | None:
    """Return one followed reading; None if its row is not in the table."""
    partition, offset = place
    reading_id = reading_id_at(snapshot, partition, offset)
    if reading_id is None:
        return None
    return {
        "reading_id": reading_id,
        "partition": partition,
        "offset": offset,
        "stages": [
            {"stage": stage, "at": iso(times[stage]), "after_ms": _after_ms(times, stage)}
            for stage in STAGES
            if stage in times
        ],
    }


def _after_ms(times: dict[str, datetime], stage: str) -> float:
    return round((times[stage] - times["created"]).total_seconds() * 1000, 1)


def iso(at: datetime) -> str:
    """Return a time in UTC as the API writes it, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
