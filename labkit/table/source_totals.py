"""What the rows of each source add up to, and the groups that sources are added up by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from labkit.readings.emission_factors import COUNTRIES, FUELS, SECTORS
from labkit.table.csv_frames import Array, Source

By = Literal["sector", "country", "fuel", "facility"]

_KEYS: dict[By, Callable[[Source], str]] = {
    "sector": lambda source: source.sector,
    "country": lambda source: source.country,
    "fuel": lambda source: source.fuel,
    "facility": lambda source: source.facility_id,
}
_LABELS: dict[By, Mapping[str, str]] = {
    "sector": SECTORS,
    "country": COUNTRIES,
    "fuel": FUELS,
}


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

    def add(self, rows: pd.DataFrame, by: Array | None = None) -> None:
        """Count rows; ``by`` is the place of each in the arrays, by default its source's number."""
        names = ("recorded_ms", "interval_s", "load_mw", "co2_kg")
        recorded_ms, interval_s, load_mw, co2_kg = (rows[name].to_numpy() for name in names)
        by = rows["source"].to_numpy() if by is None else by
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

    def merge(self, other: ChunkTotals) -> None:
        """Add the totals of other rows; what that costs depends on their sources alone."""
        at, theirs = other
        self.grow(int(at.max(initial=-1)) + 1)
        is_earlier = (self.records[at] == 0) | (theirs.first_ms < self.first_ms[at])
        self.first_ms[at] = np.where(is_earlier, theirs.first_ms, self.first_ms[at])
        for name in ("records", "grams", "covered_s", "mwh"):
            getattr(self, name)[at] += getattr(theirs, name)
        is_newer = theirs.last_ms >= self.last_ms[at]
        for name in ("last_ms", "last_load_mw", "last_interval_s", "last_t_per_h"):
            ours = getattr(self, name)
            ours[at] = np.where(is_newer, getattr(theirs, name), ours[at])

    def copy(self) -> Totals:
        """Return totals that stay as they are now."""
        other = Totals()
        vars(other).update({name: values.copy() for name, values in vars(self).items()})
        return other


class ChunkTotals(NamedTuple):
    """What some rows add up to, for the sources that occur among them only.

    With an entry for every source, the chunks of a large fleet would take more memory than its
    rows.

    Attributes
    ----------
    sources : array of int
        The sources' numbers, each once.
    totals : Totals
        Of these sources, in the same order.
    """

    sources: Array
    totals: Totals


def total(rows: pd.DataFrame) -> ChunkTotals:
    """Add up rows."""
    places, sources = pd.factorize(rows["source"].to_numpy(), sort=True)
    totals = Totals()
    totals.add(rows, places)
    return ChunkTotals(sources, totals)


class Groups(NamedTuple):
    """The sources by some field: the keys in order, their labels, and each source's key."""

    keys: list[str]
    labels: list[str]
    of_source: Array

    @classmethod
    def of(cls, sources: Sequence[Source], by: By) -> Groups:
        """Group sources; a facility goes by its latest name, everything else by a known one."""
        key = _KEYS[by]
        labels = _LABELS.get(by) or {source.facility_id: source.facility for source in sources}
        keys = sorted({key(source) for source in sources})
        place = {name: number for number, name in enumerate(keys)}
        of_source = np.array([place[key(source)] for source in sources], np.int64)
        return cls(keys, [labels.get(name, name) for name in keys], of_source)

    def sum(self, per_source: Array) -> Array:
        """Add up what is known of each source."""
        return np.bincount(self.of_source, per_source, len(self.keys))


class SourceList(tuple[Source, ...]):
    """The sources, by their numbers; each way to group them is worked out once.

    One answer asks for the same groups some twenty times, and a fleet may have 36,000 facilities.
    """

    def __init__(self, _sources: Iterable[Source] = ()) -> None:
        self._groups: dict[By, Groups] = {}

    def by(self, by: By) -> Groups:
        """Return the sources by a field."""
        groups = self._groups.get(by)
        if groups is None:
            groups = self._groups[by] = Groups.of(self, by)
        return groups
