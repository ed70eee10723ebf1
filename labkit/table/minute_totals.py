"""Emissions as intervals of time, and how they spread over the buckets of a chart.

A chart of a day over a million rows does not need a million rows: rows are added up by minute and
source, once. A minute of a source is an interval with kilograms, exactly as a reading is, so
`spread` takes either.

Intervals are a DataFrame with the columns ``end_ms``, ``length_ms``, ``source``, ``kg`` and
``weight``: how much of the interval readings cover, which is 1 for a reading.

The minutes of a partition are some frames, each at least twice as long as the next one and in the
order of time. So a row is copied only a few times while the CSV grows, and a chart of the last hour
does not read the minutes of the last month.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from labkit.table.csv_frames import Array

MINUTE_MS = 60_000


def intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what each row says was emitted, and when."""
    # 1.1 * 1000 is a little more than 1100; and no length may be zero.
    length_ms = np.round(rows["interval_s"].to_numpy() * 1000, 3).clip(0.001)
    return pd.DataFrame(
        {
            "end_ms": rows["recorded_ms"].to_numpy(),
            "length_ms": length_ms,
            "source": rows["source"].to_numpy(),
            "kg": rows["co2_kg"].to_numpy(),
            "weight": 1.0,
        }
    )


def by_minute(rows: pd.DataFrame) -> pd.DataFrame:
    """Add up rows by minute and source; an interval longer than a minute stays as it is."""
    found = intervals(rows)
    is_long = found["length_ms"].to_numpy() > MINUTE_MS
    short = found[~is_long] if is_long.any() else found
    # In NumPy: for a few thousand rows, pandas' `groupby` of two columns takes three times as long.
    end_ms, length_ms, source, kg, _ = (short[name].to_numpy() for name in short)
    minute = ((end_ms - length_ms) // MINUTE_MS).astype(np.int64)
    # An interval that begins in one minute can reach into the next.
    behind_ms = (end_ms - (minute + 1) * MINUTE_MS).clip(0)
    in_next = behind_ms > 0
    part_ms = np.concatenate([length_ms - behind_ms, behind_ms[in_next]])
    minute = np.concatenate([minute, minute[in_next] + 1])
    source = np.concatenate([source, source[in_next]])
    kg_per_ms = np.concatenate([kg / length_ms, (kg / length_ms)[in_next]])
    sources = int(source.max(initial=0)) + 1
    place, cells = pd.factorize(minute * sources + source)  # one number for minute and source
    minutes = pd.DataFrame(
        {
            "end_ms": (cells // sources + 1) * MINUTE_MS,
            "length_ms": float(MINUTE_MS),
            "source": (cells % sources).astype(source.dtype),
            "kg": np.bincount(place, part_ms * kg_per_ms, len(cells)),
            "weight": np.bincount(place, part_ms, len(cells)) / MINUTE_MS,
        }
    )
    return pd.concat([minutes, found[is_long]], ignore_index=True)


Minutes = tuple[pd.DataFrame, ...]


def with_more(minutes: Minutes, more: pd.DataFrame) -> Minutes:
    """Return a partition's minutes with those of more rows, as frames of which each is long."""
    frames = [*minutes]
    while frames and len(frames[-1]) < 2 * len(more):
        more = pd.concat([frames.pop(), more])
    # Nearly in order already, which a stable sort makes use of.
    return (*frames, more.sort_values("end_ms", kind="stable", ignore_index=True))


def minutes_since(minutes: Minutes, start_ms: int) -> Iterator[pd.DataFrame]:
    """Yield what was emitted after a moment."""
    for frame in minutes:
        first = int(frame["end_ms"].to_numpy().searchsorted(start_ms, side="right"))
        if first < len(frame):
            yield frame.iloc[first:]


def spread(
    frames: Iterable[pd.DataFrame],
    line_of_source: Array,
    lines: int,
    start_ms: int,
    bucket_ms: int,
    count: int,
) -> tuple[Array, Array]:
    """Spread kilograms evenly over the buckets that each interval touches.

    Parameters
    ----------
    frames : iterable of DataFrame
        The intervals.
    line_of_source : array of int
        To which of the ``lines`` each source adds; negative: to none.
    start_ms, bucket_ms, count : int
        The buckets: where the first begins, how long each is, how many there are.

    Returns
    -------
    kg : array of float, shape (lines, count)
    covered : array of float, shape (lines, count)
        How much of each bucket readings cover: 1 for one facility all the time.
    """
    shape = (2, lines, count + 1)  # kilograms and weights
    # What falls into each bucket, and how much more of each whole bucket than of the one before.
    parts, steps = np.zeros(shape), np.zeros(shape)
    for frame in frames:
        _add(frame, line_of_source, start_ms, bucket_ms, parts, steps)
    table = parts + steps.cumsum(axis=2)
    kg, covered = table[:, :, :count].clip(0)
    return kg, covered


def _add(
    intervals: pd.DataFrame,
    line_of_source: Array,
    start_ms: int,
    bucket_ms: int,
    parts: Array,
    steps: Array,
) -> None:
    """Add intervals to sums by line and bucket, in place; the last bucket lies behind the end."""
    count = parts.shape[2] - 1
    line = line_of_source[intervals["source"].to_numpy()]
    # Where each interval begins and ends, in buckets since the start of the first.
    ends = (intervals["end_ms"].to_numpy() - start_ms) / bucket_ms
    lengths = intervals["length_ms"].to_numpy() / bucket_ms
    begins = ends - lengths
    inside = (ends > 0) & (begins < count) & (line >= 0)
    line, lengths = line[inside], lengths[inside]
    begins, ends = begins[inside].clip(0, count), ends[inside].clip(0, count)
    first = begins.astype(np.int64)
    last = np.maximum(np.ceil(ends).astype(np.int64) - 1, first)
    in_first = np.minimum(ends, first + 1) - begins
    row = line * (count + 1)
    across = last > first
    in_last, row_across = (ends - last)[across], row[across]
    first_bucket, last_bucket = row + first, row_across + last[across]
    after_first = row_across + first[across] + 1
    kg, weight = intervals["kg"].to_numpy()[inside], intervals["weight"].to_numpy()[inside]
    for number, per_bucket in enumerate((kg / lengths, weight)):
        part, step, across_bucket = parts[number].ravel(), steps[number].ravel(), per_bucket[across]
        _add_at(part, first_bucket, in_first * per_bucket)
        _add_at(part, last_bucket, in_last * across_bucket)
        # The whole buckets between: up by the weight where they begin, down where they end.
        _add_at(step, after_first, across_bucket)
        _add_at(step, last_bucket, -across_bucket)


def _add_at(sums: Array, places: Array, values: Array) -> None:
    """Add values to the sums at their places; what it costs depends on the values alone."""
    if len(sums) <= 4 * len(places):  # then it is faster to add up all the sums
        sums += np.bincount(places, values, len(sums))
    else:
        np.add.at(sums, places, values)
