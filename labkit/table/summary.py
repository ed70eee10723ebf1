"""The headline figures and the list of facilities.

A rate here is the mean over the seconds that readings cover: kilograms / seconds × 3.6 is tonnes
per hour. So a producer that was stopped for lunch does not make the plants look cleaner.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from labkit.table.csv_frames import Array, iso_times
from labkit.table.snapshot import Filters, Snapshot
from labkit.table.source_totals import By, Groups, Totals

LARGE_EMITTER_T_PER_YEAR = 25_000.0
HOURS_PER_YEAR = 8760
TOP = 10


def summary(
    snapshot: Snapshot,
    window_s: int | None = None,
    filters: Filters | None = None,
    top: int = TOP,
) -> dict[str, Any]:
    """Return totals, rates and shares of all readings, or of those in a window.

    Parameters
    ----------
    window_s : int, optional
        Only the readings of this many seconds up to the newest one. Without it all readings count,
        from running totals: the answer costs the same for a thousand rows and for ten million.
    top : int
        How many facilities to name, the largest first.

    Returns
    -------
    dict
        ``co2_g`` is the exact sum in whole grams. ``over_25kt_per_year`` is how many facilities
        would emit more than 25,000 tonnes in a year at their mean rate.

    See: 40 CFR 98.2(a)(2), the United States' threshold for reporting greenhouse gases.
    """
    filters = filters or {}
    newest_ms = snapshot.newest_ms
    totals, chosen = snapshot.totals, snapshot.chosen(filters)
    if window_s is not None and newest_ms is not None:
        totals = snapshot.totals_since(newest_ms - window_s * 1000)
    facilities = snapshot.sources.by("facility")
    per_source = _rates(facilities, totals, chosen)
    rates = facilities.sum(per_source)
    grams = np.where(chosen, totals.grams, 0)
    co2_g, mwh = int(grams.sum()), float(totals.mwh[chosen].sum())
    last_ms = int(totals.last_ms[chosen].max(initial=0))
    return {
        "window_s": window_s,
        "as_of": _iso(newest_ms),
        "records": int(totals.records[chosen].sum()),
        "co2_kg": co2_g / 1000,
        "co2_g": co2_g,
        "rate_t_per_h": round(float(rates.sum()), 3),
        "intensity_kg_per_mwh": round(co2_g / 1000 / mwh, 3) if mwh > 0 else None,
        "newest_recorded_at": _iso(last_ms or None),
        "top_facility": _top(facilities, rates),
        "over_25kt_per_year": int((rates * HOURS_PER_YEAR > LARGE_EMITTER_T_PER_YEAR).sum()),
        "facilities": len(np.unique(facilities.of_source[totals.records * chosen > 0])),
        "removed_records": snapshot.removed_rows,
        "removed_co2_g": snapshot.removed_grams,
        "by_sector": _shares(snapshot, "sector", grams, per_source, chosen),
        "by_country": _shares(snapshot, "country", grams, per_source, chosen),
        "by_fuel": _shares(snapshot, "fuel", grams, per_source, chosen),
        "by_facility": _shares(snapshot, "facility", grams, per_source, chosen, top),
    }


def facilities(snapshot: Snapshot, filters: Filters | None = None) -> list[dict[str, Any]]:
    """Return each facility with its newest load and rate and its totals, by ``facility_id``."""
    totals = snapshot.totals
    groups = snapshot.sources.by("facility")
    grams, records = groups.sum(totals.grams), groups.sum(totals.records)
    chosen = snapshot.chosen(filters or {})
    in_time = np.argsort(totals.last_ms, kind="stable")
    last_recorded_at = iso_times(totals.last_ms)
    answer = {}
    # The newest source of a facility comes last and stays: it has the facts that hold now.
    for number in in_time[chosen[in_time]].tolist():
        facts = snapshot.sources[number]._asdict()
        del facts["factor_id"], facts["quality"]
        group = groups.of_source[number]
        answer[facts["facility_id"]] = facts | {
            "load_mw": float(totals.last_load_mw[number]),
            "rate_t_per_h": round(float(totals.last_t_per_h[number]), 3),
            "co2_kg": int(grams[group]) / 1000,
            "records": int(records[group]),
            "last_recorded_at": last_recorded_at[number],
        }
    return [answer[facility_id] for facility_id in sorted(answer)]


def _rates(facilities: Groups, totals: Totals, chosen: Array) -> Array:
    """Return what each source adds to the mean rate of its facility, in tonnes per hour.

    The seconds are the facility's: with two fuels in turns it does not emit twice as much.
    """
    grams = np.where(chosen, totals.grams, 0)
    covered_s = facilities.sum(np.where(chosen, totals.covered_s, 0))[facilities.of_source]
    g_per_s = np.divide(grams, covered_s, out=np.zeros(len(grams)), where=covered_s > 0)
    rates: Array = g_per_s * 0.0036
    return rates


def _top(facilities: Groups, rates: Array) -> dict[str, Any] | None:
    if not rates.any():
        return None
    top = int(rates.argmax())
    return {
        "facility_id": facilities.keys[top],
        "facility": facilities.labels[top],
        "rate_t_per_h": round(float(rates[top]), 3),
    }


def _shares(
    snapshot: Snapshot,
    by: By,
    grams: Array,
    per_source: Array,
    chosen: Array,
    top: int | None = None,
) -> list[dict[str, Any]]:
    """Return what each group emitted, its share of all and its rate, the largest first."""
    groups = snapshot.sources.by(by)
    sums, rates = groups.sum(grams), groups.sum(per_source)
    total = sums.sum()
    present = np.unique(groups.of_source[chosen])
    return [
        {
            "key": groups.keys[group],
            "label": groups.labels[group],
            "co2_kg": int(sums[group]) / 1000,
            "share": round(float(sums[group] / total), 6) if total > 0 else 0.0,
            "rate_t_per_h": round(float(rates[group]), 3),
        }
        for group in present[np.argsort(-sums[present], kind="stable")][:top].tolist()
    ]


def _iso(time_ms: int | None) -> str | None:
    return None if time_ms is None else iso_times([time_ms])[0]
