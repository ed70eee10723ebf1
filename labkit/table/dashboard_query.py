"""All that a dashboard shows of the readings, in one answer: one question per poll, one snapshot.

Asked for one by one, the parts could be of different moments: between two of them new readings
come in. Here every figure is of the same rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.table.emission_series import emission_series, interval_s
from labkit.table.paging import page_after
from labkit.table.snapshot import FILTERS, Filters, Snapshot
from labkit.table.source_totals import By
from labkit.table.summary import HOURS_PER_YEAR, LARGE_EMITTER_T_PER_YEAR, summary

NOW_S = 60  # what "now" is a mean of at least: one reading alone may be a plant's odd minute
HEAT_BUCKETS = 60
CHOICES = 500  # of one field; a fleet of 36,000 facilities would be 1.4 MB of names in each poll
MINUTE_S = 60

THRESHOLDS = {
    "large_emitter_t_per_year": LARGE_EMITTER_T_PER_YEAR,
    "large_emitter_t_per_h": round(LARGE_EMITTER_T_PER_YEAR / HOURS_PER_YEAR, 3),
    "source": "40 CFR 98.2(a)(2): who emits this much in a year reports it in the United States",
}


def dashboard(
    snapshot: Snapshot,
    by: By,
    window_s: int,
    bucket_s: int | None,
    filters: Filters,
    *,
    heat_window_s: int | None,
    top: int,
    limit: int,
) -> dict[str, Any]:
    """Return summaries, lines, heat strip and newest readings, and what can be chosen.

    Parameters
    ----------
    heat_window_s : int or None
        How far back the heat strip goes; None: no strip. Its buckets are whole minutes, so that it
        is drawn from sums and not from each row.
    top, limit : int
        How many facilities, and how many of the newest readings.
    """
    heat = None
    if heat_window_s is not None:
        minutes = max(heat_window_s // HEAT_BUCKETS // MINUTE_S, 1)
        heat = emission_series(snapshot, by, heat_window_s, minutes * MINUTE_S, filters)
    page = page_after(snapshot, None, limit, filters)
    return {
        "now": summary(snapshot, _now_s(snapshot, filters), filters, top),
        "window": summary(snapshot, window_s, filters, top),
        "all": summary(snapshot, None, filters, top),
        "series": emission_series(snapshot, by, window_s, bucket_s, filters),
        "heat": heat,
        "readings": page.readings,
        "next": page.next,
        "choices": {name: _choices(snapshot, name, filters) for name in FILTERS},
        "thresholds": THRESHOLDS,
    }


def _now_s(snapshot: Snapshot, filters: Filters) -> int:
    """Return how many seconds are "now": so many that every facility has reported in them."""
    return max(NOW_S, int(interval_s(snapshot.totals, snapshot.chosen(filters))))


def _choices(snapshot: Snapshot, name: str, filters: Filters) -> list[dict[str, str]]:
    """Return what readings can be filtered by, also what a filter hides now."""
    groups, stored = snapshot.sources.by(FILTERS[name]), snapshot.chosen({})
    present = np.unique(groups.of_source[stored])
    if len(present) > CHOICES:
        grams = groups.sum(np.where(stored, snapshot.totals.grams, 0))
        wanted = frozenset(filters.get(name, ()))
        is_wanted = np.array([groups.keys[group] in wanted for group in present.tolist()])
        first = np.lexsort((-grams[present], ~is_wanted))[:CHOICES]
        present = np.sort(present[first])
    return [
        {"key": groups.keys[group], "label": groups.labels[group]} for group in present.tolist()
    ]
