"""What the rows of each source add up to: sums, and the newest reading."""

from __future__ import annotations

import numpy as np
import pandas as pd


class Totals:
    """Running totals of every source; a source's number is its place in each array.

    They are arrays and not a DataFrame because every poll adds some rows to them: NumPy takes a
    tenth of a millisecond for that, and `DataFrame.groupby` several milliseconds.

    Attributes
    ----------
    records, grams : array of int
        Readings, and whole grams of CO2: integers, whose sums are exact.
    covered_s, mwh : array of float
        Seconds that the readings cover, and the energy of their load.
    first_ms : array of int
        When the interval of the first reading began.
    last_ms, last_load_mw, last_interval_s, last_t_per_h : array
        The newest reading: when, its load, the seconds it covers, its rate.
    """

    def __init__(self) -> None:
        self.records = np.zeros(0, np.int64)
        self.grams = np.zeros(0, np.int64)
        self.covered_s = np.zeros(0)
        self.mwh = np.zeros(0)
        self.first_ms = np.zeros(0, np.int64)
        self.last_ms = np.zeros(0, np.int64)
        self.last_load_mw = np.zeros(0)
        self.last_interval_s = np.zeros(0)
        self.last_t_per_h = np.zeros(0)

    def grow(self, sources: int) -> None:
        """Make room for so many sources; a new source has zeros."""
        if len(self.records) < sources:
            for name, values in vars(self).items():
                setattr(self, name, np.pad(values, (0, sources - len(values))))

    def add(self, rows: pd.DataFrame) -> None:
        """Count rows."""
        names = ("source", "recorded_ms", "interval_s", "load_mw", "co2_kg")
        by, recorded_ms, interval_s, load_mw, co2_kg = (rows[name].to_numpy() for name in names)
        self.grow(int(by.max(initial=-1)) + 1)
        is_new = self.records[by] == 0
        self.first_ms[by[is_new]] = np.iinfo(np.int64).max
        began_ms = recorded_ms - (interval_s * 1000).astype(np.int64)
        np.minimum.at(self.first_ms, by[is_new], began_ms[is_new])
        np.add.at(self.records, by, 1)
        np.add.at(self.grams, by, np.rint(co2_kg * 1000).astype(np.int64))
        np.add.at(self.covered_s, by, interval_s)
        np.add.at(self.mwh, by, load_mw * interval_s / 3600)
        np.maximum.at(self.last_ms, by, recorded_ms)
        newest = np.flatnonzero(recorded_ms == self.last_ms[by])
        self.last_load_mw[by[newest]] = load_mw[newest]
        self.last_interval_s[by[newest]] = interval_s[newest]
        self.last_t_per_h[by[newest]] = co2_kg[newest] / interval_s[newest] * 3.6

    def merge(self, other: Totals) -> None:
        """Add the totals of other rows."""
        theirs = other.copy()
        theirs.grow(len(self.records))
        self.grow(len(theirs.records))
        is_earlier = (self.records == 0) | (theirs.first_ms < self.first_ms)
        is_earlier &= theirs.records > 0
        self.first_ms = np.where(is_earlier, theirs.first_ms, self.first_ms)
        for name in ("records", "grams", "covered_s", "mwh"):
            setattr(self, name, getattr(self, name) + getattr(theirs, name))
        is_newer = theirs.last_ms >= self.last_ms
        for name in ("last_ms", "last_load_mw", "last_interval_s", "last_t_per_h"):
            setattr(self, name, np.where(is_newer, getattr(theirs, name), getattr(self, name)))

    def copy(self) -> Totals:
        """Return totals that stay as they are now."""
        other = Totals()
        vars(other).update({name: values.copy() for name, values in vars(self).items()})
        return other


def total(rows: pd.DataFrame) -> Totals:
    """Add up rows."""
    totals = Totals()
    totals.add(rows)
    return totals
