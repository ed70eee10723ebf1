"""A figure's values of the last minute, each with its time, and the rate of a count."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, NamedTuple, TypeVar

KEEP_S = 60.0

T = TypeVar("T")


class Past(NamedTuple, Generic[T]):
    """A value and its time, in seconds since 1970."""

    at: float
    value: T


class Recent(Generic[T]):
    """The values of the last minute; safe to use from several threads."""

    def __init__(self) -> None:
        self._values: deque[Past[T]] = deque()
        self._lock = threading.Lock()

    def add(self, at: float, value: T) -> None:
        """Add a value, unless one of that time or a later one is known."""
        with self._lock:
            if self._values and at <= self._values[-1].at:
                return
            self._values.append(Past(at, value))
            while self._values[0].at < at - KEEP_S:
                self._values.popleft()

    def since(self, at: float) -> list[Past[T]]:
        """Return the values since a time, oldest first."""
        with self._lock:
            return [past for past in self._values if past.at >= at]


def rate_per_s(counts: Recent[int], over_s: float) -> float | None:
    """Return how fast a count has grown; None before it has two values."""
    found = counts.since(0)
    if not found:
        return None
    last = found[-1]
    first = next(past for past in found if past.at >= last.at - over_s)
    if first.at == last.at or last.value < first.value:  # the CSV was started again
        return None
    return round((last.value - first.value) / (last.at - first.at), 2)
