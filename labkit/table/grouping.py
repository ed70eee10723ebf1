"""The ways to add up: by sector, country, fuel or facility."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
