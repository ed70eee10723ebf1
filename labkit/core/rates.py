"""Rates of counters, as means of the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Rates(Generic[Key]):
    """Rates of counters: the mean growth of the last seconds.

    Parameters
    ----------
    over_s : float
        The seconds to average over. A consumer commits in steps, so a short time gives spikes.
    """

    def __init__(self, over_s: float) -> None:
        self._over_s = over_s
        self._counts: deque[tuple[float, Mapping[Key, int | None]]] = deque()

    def add(self, at: float, counts: Mapping[Key, int | None]) -> dict[Key, float | None]:
        """Add the counts of one moment; return each rate per second, None if there is none.

        A count that is lower than before belongs to something new (a topic created again, a group
        that was reset): its rate starts again.
        """
        self._counts.append((at, dict(counts)))
        while len(self._counts) > 2 and self._counts[1][0] <= at - self._over_s:
            self._counts.popleft()
        return {which: self._rate(which, at, count) for which, count in counts.items()}

    def _rate(self, which: Key, at: float, count: int | None) -> float | None:
        if count is None:
            return None
        for then, counts in self._counts:
            before = counts.get(which)
            if before is not None and then < at:
                return (count - before) / (at - then) if count >= before else None
        return None
