"""The kinds of plant in a fleet: typical sizes, efficiencies and daily loads.

Sizes and efficiencies are ranges of real plants. How the load changes over a day is an assumption.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labkit.readings.emission_factors import Fuel, Sector, read_csv


class Kind(BaseModel):
    """A kind of plant: a row of ``plant_kinds.csv``."""

    model_config = ConfigDict(frozen=True)

    name: str
    sector: Sector
    fuel: Fuel
    mw_min: float
    """Capacity: electricity output (power, waste) or heat input (industry)."""
    mw_max: float
    efficiency_min: float
    """Energy output per energy input, net calorific value; 1 if the load is the heat itself."""
    efficiency_max: float
    base: float
    """Mean load, as a share of capacity."""
    swing: float
    """How far the daily shape moves the load; a swing above the base means off at night."""
    countries: str
    """The countries that have such plants; empty: any."""


_KINDS = {row["kind"]: Kind.model_validate(row) for row in read_csv("plant_kinds.csv")}

# Two dozen plants, a plausible mix for a continent; any twelve in a row cover every sector.
# fmt: off
MIX = [_KINDS[kind] for kind in (
    "coal", "gas", "steel", "cement", "lignite", "refinery",
    "gas", "chemicals", "waste", "paper", "coal", "peaker",
    "coal", "gas", "steel", "cement-coal", "lignite", "refinery",
    "gas", "chemicals", "waste", "oil", "coal", "paper",
)]
# fmt: on
