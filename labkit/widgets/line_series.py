"""Time series for the line charts, with summaries in numbers.

A value is None if it could not be read: a gap in the line, not a zero.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MAX_POINTS = 600
"""About as many as a screen can show; a longer window has fewer points per second."""

Point = Mapping[str, float | None]


class LineSeries:
    """The values of the last ``window_s`` seconds, about every ``bucket_s``, by line."""

    def __init__(self, window_s: float, bucket_s: float = 1.0) -> None:
        self.window_s, self.bucket_s = window_s, bucket_s
        self._points: deque[tuple[float, Point]] = deque(maxlen=MAX_POINTS)

    def add(self, at: float, point: Point) -> None:
        """Add the values of one moment (seconds since 1970); an empty point is a gap."""
        self._points.append((at, dict(point)))
        while self._points[0][0] < at - self.window_s:
            self._points.popleft()

    def payload(self, keys: list[str]) -> dict[str, Any]:
        """Return the lines of these names in the chart's format."""
        return {
            "window_s": self.window_s,
            "bucket_s": self.bucket_s,
            "times": [
                datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
                for at, _ in self._points
            ],
            "series": [{"key": key, "label": key, "values": self.values(key)} for key in keys],
        }

    def values(self, key: str) -> list[float | None]:
        """Return one line's values, oldest first."""
        return [point.get(key) for _, point in self._points]

    def digest(self, key: str) -> tuple[float | None, float | None, float | None]:
        """Return a line's last, lowest and highest value."""
        values = self.values(key)
        known = [value for value in values if value is not None]
        if not known:
            return None, None, None
        return values[-1], min(known), max(known)
