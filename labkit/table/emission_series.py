"""What the charts and headline figures show, worked out from a table's rows.

Every answer ends at the newest reading, and says so (``as_of``): a replay of last year's data
draws the same chart as live data. A reading tells what was emitted over the ``interval_s`` before
its ``recorded_at``, so its kilograms are spread evenly over those seconds. Counting them at one
instant would let the lines jump whenever two readings fall into one bucket and one into the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.table.csv_frames import Array, iso_times
from labkit.table.minute_totals import MINUTE_MS, spread
from labkit.table.snapshot import Filters, Snapshot
from labkit.table.source_totals import By, Groups, Totals

BUCKETS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MAX_BUCKETS = 180  # of a bucket chosen here; a request may ask for `LIMIT_BUCKETS`
LIMIT_BUCKETS = 5000
LINES = 100  # more could not be told apart, and 36,000 would be an answer of 100 MB
COVERED = 0.5  # of a bucket; below that a line has a gap
SILENT_AFTER = 3  # intervals without a reading, and a facility is not waited for any more
SELDOM = 2.0  # times the usual interval: a facility that reports less often is not waited for
FIRST_ROUND = 10  # intervals at most, in which a fleet's facilities start one after another


def emission_series(
    snapshot: Snapshot,
    by: By = "sector",
    window_s: int = 900,
    bucket_s: int | None = None,
    filters: Filters | None = None,
    lines: int = LINES,
) -> dict[str, Any]:
    """Return CO2 in tonnes per hour over time, one line per sector, country, fuel or facility.

    Parameters
    ----------
    window_s : int
        How far back, in seconds, from the newest reading.
    bucket_s : int, optional
        Seconds of one point; default: the smallest of `BUCKETS_S` that makes at most 180 points
        and is no shorter than the facilities' reporting interval.
    filters : mapping, optional
        Such as ``{"country": ["PL"]}``.
    lines : int
        How many lines. If there are more, those that emitted most in the window get a line each,
        and one line, with the key ``""``, is the sum of all others.

    Returns
    -------
    dict
        ``times`` are the beginnings of the buckets. A value is None where no reading covers the
        bucket, which is not the same as 0. Buckets that are still being filled are left out.
    """
    filters = filters or {}
    chosen = snapshot.chosen(filters)
    usual_s = interval_s(snapshot.totals, chosen)
    bucket_s = bucket_s or default_bucket_s(window_s, usual_s)
    answer = {"by": by, "unit": "t/h", "window_s": window_s, "bucket_s": bucket_s}
    newest_ms = snapshot.newest_ms
    if newest_ms is None:
        return {**answer, "as_of": None, "times": [], "series": []}
    bucket_ms = bucket_s * 1000
    count = max(window_s // bucket_s, 1)
    end_ms = _complete_until_ms(snapshot, chosen, bucket_s, usual_s) // bucket_ms * bucket_ms
    start_ms = end_ms - count * bucket_ms
    names, line_of_source = _lines(snapshot, snapshot.sources.by(by), chosen, start_ms, lines)
    found = snapshot.intervals_since(start_ms, by_minute=bucket_ms % MINUTE_MS == 0)
    kg, share = spread(found, line_of_source, len(names), start_ms, bucket_ms, count)
    covered = share >= COVERED
    covered &= start_ms + bucket_ms * np.arange(count) >= _first_whole_ms(
        snapshot.totals.first_ms[chosen], usual_s
    )
    rates = np.round(kg / bucket_s * 3.6, 6)
    series = [
        {
            "key": key,
            "label": label,
            "values": [
                rate if known else None
                for rate, known in zip(rates[line].tolist(), covered[line].tolist(), strict=True)
            ],
            "co2_kg": round(float(kg[line].sum()), 3),
        }
        for line, (key, label) in enumerate(names)
    ]
    times = iso_times(start_ms + bucket_ms * np.arange(count))
    return {**answer, "as_of": iso_times([newest_ms])[0], "times": times, "series": series}


def _lines(
    snapshot: Snapshot, groups: Groups, chosen: Array, start_ms: int, most: int
) -> tuple[list[tuple[str, str]], Array]:
    """Return the key and label of each line, and which line each source adds to (-1: none)."""
    present = np.unique(groups.of_source[chosen])
    others = present[:0]
    if len(present) > most:
        grams = np.where(chosen, snapshot.totals_since(start_ms).grams, 0)
        largest_first = np.argsort(-groups.sum(grams)[present], kind="stable")
        others = present[largest_first[most:]]
        present = np.sort(present[largest_first[:most]])
    names = [(groups.keys[group], groups.labels[group]) for group in present.tolist()]
    line_of_group = np.full(len(groups.keys), -1)
    line_of_group[present] = np.arange(len(present))
    if len(others):
        line_of_group[others] = len(names)
        names.append(("", f"{len(others):,} others"))
    return names, np.where(chosen, line_of_group[groups.of_source], -1)


def default_bucket_s(window_s: int, interval_s: float) -> int:
    """Return the seconds of one point: few enough points, and none without a reading."""
    for bucket_s in BUCKETS_S:
        if window_s / bucket_s <= MAX_BUCKETS and bucket_s >= interval_s:
            return bucket_s
    return BUCKETS_S[-1]


def interval_s(totals: Totals, chosen: Array) -> float:
    """Return the usual seconds between two readings of one facility: half of them wait longer."""
    seconds = totals.last_interval_s[chosen]
    return float(np.quantile(seconds, 0.5, method="lower")) if len(seconds) else 0.0


def _complete_until_ms(snapshot: Snapshot, chosen: Array, bucket_s: int, usual_s: float) -> int:
    """Return up to when every facility has told what it emitted.

    Facilities that report less often than the others and than once a bucket, or have gone silent,
    are not waited for.
    """
    newest_ms = snapshot.newest_ms or 0
    totals = snapshot.totals
    facilities = snapshot.sources.by("facility")
    last_ms = np.zeros(len(facilities.keys), np.int64)
    np.maximum.at(last_ms, facilities.of_source, totals.last_ms)
    patience_ms = SILENT_AFTER * 1000 * totals.last_interval_s
    often_s = max(bucket_s, SELDOM * usual_s)
    waited_for = chosen & (totals.last_interval_s <= often_s)
    waited_for &= totals.last_ms >= newest_ms - patience_ms
    return int(last_ms[facilities.of_source[waited_for]].min(initial=newest_ms))


def _first_whole_ms(starts_ms: Array, usual_s: float) -> float:
    """Return from when on the whole fleet reports: its plants start one after another."""
    if not len(starts_ms):
        return 0
    usual_ms = usual_s * 1000
    soon = np.sort(starts_ms[starts_ms <= starts_ms.min() + FIRST_ROUND * usual_ms])
    # Each soon after the one before: the interval may have been longer then than it is now.
    gaps = np.flatnonzero(np.diff(soon) > usual_ms)
    return float(soon[gaps[0] if len(gaps) else -1])
