"""The trend of a lag: whether a group catches up, and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

OVER_S = 20.0
"""The seconds that a trend is the mean of: short, so that it turns soon after a fault."""
AT_LEAST_S = 4.0
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Lag:
    """A group's lag in a topic: in records, and as the age of the oldest unread one in seconds."""

    records: int | None
    seconds: float | None


@dataclass(frozen=True)
class Trend:
    """How fast a lag grows; negative where it shrinks, None where it is not known yet."""

    records_per_s: float | None = None
    seconds_per_s: float | None = None


class LagTrends(Generic[Key]):
    """The lags of the last seconds, by group and topic."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Mapping[Key, Lag]]] = deque()

    def add(self, at_s: float, lags: Mapping[Key, Lag]) -> dict[Key, Trend]:
        """Add the lags of one moment, and return the trend of each."""
        self._seen.append((at_s, dict(lags)))
        while self._seen[0][0] < at_s - OVER_S:
            self._seen.popleft()
        return {key: self._trend(key, at_s, lag) for key, lag in lags.items()}

    def forget(self) -> None:
        """Forget all: what comes next is not a continuation."""
        self._seen.clear()

    def _trend(self, key: Key, at_s: float, now: Lag) -> Trend:
        for then_s, lags in self._seen:
            before = lags.get(key)
            if before is not None and before.records is not None:
                if at_s - then_s < AT_LEAST_S:
                    break
                return Trend(
                    _slope(before.records, now.records, at_s - then_s),
                    _slope(before.seconds, now.seconds, at_s - then_s),
                )
        return Trend()


def _slope(before: float | None, now: float | None, over_s: float) -> float | None:
    return None if before is None or now is None else (now - before) / over_s
