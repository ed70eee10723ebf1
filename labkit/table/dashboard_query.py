"""All that a dashboard shows of the readings, in one answer: one question per poll, one snapshot.

Asked for one by one, the parts could be of different moments: between two of them new readings
come in. Here every figure is of the same rows.
"""

from __future__ import annotations

from typing import Any

from labkit.table.emission_series import emission_series
from labkit.table.grouping import By, Groups
from labkit.table.paging import page_after
from labkit.table.snapshot import Filters, Snapshot
from labkit.table.summary import HOURS_PER_YEAR, LARGE_EMITTER_T_PER_YEAR, summary

NOW_S = 60  # what "now" is a mean of: one reading alone may be a plant's odd minute
HEAT_BUCKETS = 60
MINUTE_S = 60

THRESHOLDS = {
    "large_emitter_t_per_year": LARGE_EMITTER_T_PER_YEAR,
    "large_emitter_t_per_h": round(LARGE_EMITTER_T_PER_YEAR / HOURS_PER_YEAR, 3),
    "source": "40 CFR 98.2(a)(2): who emits this much in a year reports it in the United States",
}
_CHOICES: dict[str, By] = {
    "sector": "sector",
    "country": "country",
    "fuel": "fuel",
    "facility_id": "facility",
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
        "now": summary(snapshot, NOW_S, filters, top),
        "window": summary(snapshot, window_s, filters, top),
        "all": summary(snapshot, None, filters, top),
        "series": emission_series(snapshot, by, window_s, bucket_s, filters),
        "heat": heat,
        "readings": page.readings,
        "next": page.next,
        "choices": {name: _choices(snapshot, field) for name, field in _CHOICES.items()},
        "thresholds": THRESHOLDS,
    }


def _choices(snapshot: Snapshot, by: By) -> list[dict[str, str]]:
    """Return all that readings can be filtered by, also what a filter hides now."""
    groups = Groups.of(snapshot.sources, by)
    return [
        {"key": key, "label": label} for key, label in zip(groups.keys, groups.labels, strict=True)
    ]
