"""The ways to add up: by sector, country, fuel or facility."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np

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


class Groups(NamedTuple):
    """The sources by some field: the keys in order, their labels, and each source's key."""

    keys: list[str]
    labels: list[str]
    of_source: Array

    @classmethod
    def of(cls, sources: tuple[Source, ...], by: By) -> Groups:
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
