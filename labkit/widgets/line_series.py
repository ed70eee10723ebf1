"""Figures over time, as lines: the last minutes of what a chart shows, and what they say in words.

A point is None where nothing could be asked: a gap in the line, and no zero.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MOST_POINTS = 600
"""As many as a screen has room for; a longer window is looked at less often."""

Point = Mapping[str, float | None]


class LineSeries:
    """What was measured in the last ``window_s`` seconds, by the name of its line.

    Parameters
    ----------
    window_s : float
        How far back the lines reach.
    bucket_s : float
        How far apart the points are, about.
    """

    def __init__(self, window_s: float, bucket_s: float = 1.0) -> None:
        self.window_s, self.bucket_s = window_s, bucket_s
        self._points: deque[tuple[float, Point]] = deque(maxlen=MOST_POINTS)

    def add(self, at: float, point: Point) -> None:
        """Add what was measured at a time (seconds since 1970); an empty point is a gap."""
        self._points.append((at, dict(point)))
        while self._points[0][0] < at - self.window_s:
            self._points.popleft()

    def payload(self, keys: list[str]) -> dict[str, Any]:
        """Return the lines of these names as the chart takes them."""
        return {
            "window_s": self.window_s,
            "bucket_s": self.bucket_s,
            "times": [_iso(at) for at, _ in self._points],
            "series": [{"key": key, "label": key, "values": self.values(key)} for key in keys],
        }

    def values(self, key: str) -> list[float | None]:
        """Return one line's values, oldest first."""
        return [point.get(key) for _, point in self._points]

    def digest(self, key: str) -> tuple[float | None, float | None, float | None]:
        """Return a line in three numbers: now, lowest, highest."""
        values = self.values(key)
        known = [value for value in values if value is not None]
        if not known:
            return None, None, None
        return values[-1], min(known), max(known)


class Rates:
    """How fast counters grow: the mean of the last seconds, from counts of different moments.

    Parameters
    ----------
    over_s : float
        A consumer commits in steps; a mean over some of them is a rate, a single one a spike.
    """

    def __init__(self, over_s: float) -> None:
        self._over_s = over_s
        self._counts: deque[tuple[float, Mapping[int, int | None]]] = deque()

    def add(self, at: float, counts: Mapping[int, int | None]) -> dict[int, float | None]:
        """Add counters of a moment; return each one's rate per second, None where it has none.

        A counter that is lower than it was belongs to something else of the same name (a topic made
        anew, a group set back): its rate begins again.
        """
        self._counts.append((at, dict(counts)))
        while len(self._counts) > 2 and self._counts[1][0] <= at - self._over_s:
            self._counts.popleft()
        return {which: self._rate(which, at, count) for which, count in counts.items()}

    def _rate(self, which: int, at: float, count: int | None) -> float | None:
        if count is None:
            return None
        for then, counts in self._counts:
            before = counts.get(which)
            if before is not None and then < at:
                return (count - before) / (at - then) if count >= before else None
        return None


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
