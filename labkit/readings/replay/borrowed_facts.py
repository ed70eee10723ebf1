"""What a table lacks of a facility, borrowed from a plant of the simulated fleet, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from labkit.readings.emission_factors import COUNTRIES, FUELS, SECTORS, factor_for
from labkit.readings.facility import Facility
from labkit.readings.fleet import Fleet
from labkit.readings.reading import READING_FIELDS

STAND_INS = 96  # plants to borrow from: enough for most countries, sectors and fuels
PLANT_FIELDS = tuple(field for field in Facility.model_fields if field in READING_FIELDS)
COUNTRY_CODES = {name.casefold(): code for code, name in COUNTRIES.items()}


class PlantFacts(NamedTuple):
    """The fields of a reading that are the facility's own, and the CO2 of its load."""

    plant: dict[str, Any]
    kg_per_mwh: float


class FacilityFacts:
    """The facilities of a table, each with all fields of a reading that are its own.

    Parameters
    ----------
    seed : int
        The seed of the fleet to borrow from.
    """

    def __init__(self, seed: int) -> None:
        self._stand_ins = _stand_ins(seed)
        self._facilities: dict[tuple[Any, ...], PlantFacts] = {}
        self.borrowed: dict[str, Any] = {}
        """By field: what the first facility borrowed."""

    def facts(self, known: Mapping[str, Any]) -> PlantFacts:
        """Return a facility's fields, and what its load emits."""
        key = tuple(known.get(field) for field in PLANT_FIELDS)
        return self._facilities.get(key) or self._complete(known)

    def keep(self, known: Mapping[str, Any], facts: PlantFacts) -> None:
        """Remember a facility of which a row has become a reading."""
        key = tuple(known.get(field) for field in PLANT_FIELDS)
        if key not in self._facilities:
            self._facilities[key] = facts
            for field in PLANT_FIELDS:
                if field not in known:
                    self.borrowed.setdefault(field, facts.plant[field])

    @property
    def ids(self) -> list[str]:
        """The facilities' ids."""
        return sorted({facts.plant["facility_id"] for facts in self._facilities.values()})

    def _complete(self, known: Mapping[str, Any]) -> PlantFacts:
        """Borrow unknown fields from the next plant that agrees with the known ones."""
        agreeing = (
            self._agreeing(known, "country", "sector", "fuel")
            or self._agreeing(known, "country")
            or self._agreeing(known, "fuel")
            or self._stand_ins
        )
        stand_in = agreeing[len(self._facilities) % len(agreeing)]
        plant = {**{field: getattr(stand_in, field) for field in PLANT_FIELDS}, **known}
        if plant["fuel"] in FUELS and plant["sector"] in SECTORS:  # else the reading refuses them
            factor = factor_for(plant["sector"], plant["fuel"])
            plant["factor_id"] = known.get("factor_id", factor.factor_id)
            borrowed = stand_in.model_copy(update={"factor_id": factor.factor_id})
            return PlantFacts(plant, borrowed.kg_per_mwh)
        return PlantFacts(plant, stand_in.kg_per_mwh)

    def _agreeing(self, known: Mapping[str, Any], *fields: str) -> list[Facility]:
        said = [field for field in fields if field in known]
        return [
            plant
            for plant in self._stand_ins
            if said and all(getattr(plant, field) == known[field] for field in said)
        ]


@cache
def _stand_ins(seed: int) -> tuple[Facility, ...]:
    """Return the plants to borrow from; made once, because loading their languages is slow."""
    return Fleet(seed, STAND_INS).facilities
