"""A set of offsets, kept as ranges: offsets that follow each other take no memory."""

from __future__ import annotations

from bisect import bisect_right


class OffsetSet:
    """The offsets of a partition that were acknowledged to the producers of the lab."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges, as first offset and the offset after the last."""
        return list(zip(self._starts, self._stops, strict=True))

    def add(self, offset: int) -> None:
        """Add an offset."""
        after = bisect_right(self._starts, offset)
        if after and offset < self._stops[after - 1]:
            return
        extends = after > 0 and self._stops[after - 1] == offset
        is_followed = after < len(self._starts) and self._starts[after] == offset + 1
        if extends and is_followed:
            self._stops[after - 1] = self._stops.pop(after)
            del self._starts[after]
        elif extends:
            self._stops[after - 1] = offset + 1
        elif is_followed:
            self._starts[after] = offset
        else:
            self._starts.insert(after, offset)
            self._stops.insert(after, offset + 1)

    def __contains__(self, offset: int) -> bool:
        after = bisect_right(self._starts, offset)
        return after > 0 and offset < self._stops[after - 1]
