"""Emissions as stretches of time, and how they spread over buckets.

A chart of a day over a million rows needs no million rows: rows that are there to stay are added
up by minute and source, once. A minute of a source is a stretch of time with kilograms, exactly as
a reading is, so whatever draws a chart takes either.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MINUTE_MS = 60_000
MOST_GAPS = 4  # for each number that is there


class Intervals(NamedTuple):
    """Stretches of time, each with what a source emitted in it.

    ``weight`` is how much of the stretch readings cover: 1 for a reading, and for a minute
    whatever its readings came to.
    """

    end_ms: Array
    length_ms: Array
    source: Array
    kg: Array
    weight: Array

    def take(self, wanted: Array) -> Intervals:
        """Return some of them."""
        return Intervals(*(column[wanted] for column in self))

    def by_minute(self) -> Intervals:
        """Add up what lies in the same minute; what is longer than a minute stays as it is."""
        short = self.length_ms <= MINUTE_MS
        begin, end = (self.end_ms - self.length_ms)[short], self.end_ms[short]
        length, weight = self.length_ms[short], self.weight[short]
        minute = (begin // MINUTE_MS).astype(np.int64)
        border = (minute + 1) * MINUTE_MS
        behind = (end - border).clip(0)  # a reading can reach into a second minute
        two = behind > 0
        part = np.concatenate((length - behind, behind[two]))
        minute = np.concatenate((minute, minute[two] + 1))
        source = np.concatenate((self.source[short], self.source[short][two]))
        rate = self.kg[short] / length
        kg = part * np.concatenate((rate, rate[two]))
        covered = part * np.concatenate((weight, weight[two]))
        sources = int(source.max(initial=0)) + 1
        cells, place = _distinct(minute * sources + source)
        minutes = Intervals(
            end_ms=(cells // sources + 1) * MINUTE_MS,
            length_ms=np.full(len(cells), float(MINUTE_MS)),
            source=(cells % sources).astype(np.int32),
            kg=np.bincount(place, kg, len(cells)),
            weight=np.bincount(place, covered, len(cells)) / MINUTE_MS,
        )
        return joined([minutes, self.take(~short)])


def _distinct(numbers: Array) -> tuple[Array, Array]:
    """Return the numbers there are, in order, and the place of each among them.

    As `numpy.unique` does; but numbers that lie close together need not be sorted for that.
    """
    if not len(numbers) or np.ptp(numbers) >= MOST_GAPS * len(numbers):
        cells, place = np.unique(numbers, return_inverse=True)
        return cells, place
    lowest = numbers.min()
    near = numbers - lowest
    there = np.bincount(near) > 0
    return np.flatnonzero(there) + lowest, (np.cumsum(there) - 1)[near]


NO_INTERVALS = Intervals(*(np.empty(0, dtype) for dtype in ("i8", "f8", "i4", "f8", "f8")))


def joined(parts: list[Intervals]) -> Intervals:
    """Return several lots as one."""
    return Intervals(*map(np.concatenate, zip(*parts, strict=True))) if parts else NO_INTERVALS


def spread(
    intervals: Intervals,
    line_of_source: Array,
    lines: int,
    start_ms: int,
    bucket_ms: int,
    count: int,
) -> tuple[Array, Array]:
    """Spread kilograms evenly over the buckets that each interval touches.

    Parameters
    ----------
    line_of_source : array of int
        To which of the ``lines`` each source adds.
    start_ms, bucket_ms, count : int
        The buckets: where the first begins, how long each is, how many there are.

    Returns
    -------
    kg : array of float, shape (lines, count)
    covered : array of float, shape (lines, count)
        How much of each bucket readings cover: 1 for one facility all the time.
    """
    # Where each interval begins and ends, in buckets since the start of the first.
    ends = (intervals.end_ms - start_ms) / bucket_ms
    lengths = intervals.length_ms / bucket_ms
    begins = ends - lengths
    inside = (ends > 0) & (begins < count)
    if not inside.all():
        intervals = intervals.take(inside)
        ends, lengths, begins = ends[inside], lengths[inside], begins[inside]
    begins, ends = begins.clip(0, count), ends.clip(0, count)
    first = begins.astype(np.int64)
    last = np.maximum(np.ceil(ends).astype(np.int64) - 1, first)
    in_first = np.minimum(ends, first + 1) - begins
    row = line_of_source[intervals.source] * (count + 1)
    across = last > first
    in_last, row_across = (ends - last)[across], row[across]
    after_first, last_across = first[across] + 1, last[across]
    size = lines * (count + 1)

    def add_up(per_bucket: Array) -> Array:
        total = np.bincount(row + first, in_first * per_bucket, size)
        weight = per_bucket[across]
        total += np.bincount(row_across + last_across, in_last * weight, size)
        # The whole buckets between: up by the weight where they begin, down where they end.
        steps = np.bincount(row_across + after_first, weight, size)
        steps -= np.bincount(row_across + last_across, weight, size)
        table: Array = total.reshape(lines, -1) + steps.reshape(lines, -1).cumsum(axis=1)
        return table[:, :count].clip(0)

    return add_up(intervals.kg / lengths), add_up(intervals.weight)
