"""A set of offsets, kept as ranges: offsets that follow each other take no memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class OffsetSet:
    """The offsets of a partition that were acknowledged to the producers of the lab."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges, as first offset and the offset after the last."""
        return list(zip(self._starts, self._stops, strict=True))

    def add(self, start: int, stop: int | None = None) -> None:
        """Add an offset, or all from one up to before another."""
        stop = start + 1 if stop is None else stop
        # The ranges that these offsets touch or overlap become one with them.
        first, last = bisect_left(self._stops, start), bisect_right(self._starts, stop)
        if first < last:
            start = min(start, self._starts[first])
            stop = max(stop, self._stops[last - 1])
        self._starts[first:last] = [start]
        self._stops[first:last] = [stop]

    def __contains__(self, offset: int) -> bool:
        after = bisect_right(self._starts, offset)
        return after > 0 and offset < self._stops[after - 1]
