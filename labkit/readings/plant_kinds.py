"""The kinds of plant in a fleet: typical sizes, efficiencies, and how each kind is run.

Sizes and efficiencies are ranges of real plants. For power stations, minimum load, ramp rate and
starting time lie within the published ranges:

====================  ============  ==================  ====================
plant                 minimum load  ramp, % per minute  start, hot to cold
====================  ============  ==================  ====================
hard coal             25 to 40 %    1.5 to 4            2.5 to 10 hours
lignite               50 to 60 %    1 to 2              4 to 10 hours
gas, combined cycle   40 to 50 %    2 to 4              1 to 4 hours
gas turbine           40 to 50 %    8 to 12             5 to 11 minutes
====================  ============  ==================  ====================

All else about how plants are run is an **assumption**, chosen to look plausible: the daily levels,
when peakers run, how often plants trip and how long that lasts, and everything of industry.

See: Agora Energiewende (2017), *Flexibility in thermal power plants*; IRENA (2019), *Flexibility in
conventional power plants*, for the table ("most commonly used power plants").
"""

from __future__ import annotations

from typing import Literal

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
    pattern: Literal["daily", "peaks", "steps", "heats"]
    """How it is run; see `plant_operation`."""
    low: float
    """Load, as a share of capacity, when little is wanted: at night, or between two heats."""
    high: float
    """Load, as a share of capacity, when much is wanted."""
    min_load: float
    """Share of capacity below which it cannot run: a start leads there, and a stop begins there."""
    ramp_per_min: float
    """How fast the load changes, as a share of capacity per minute."""
    start_min: float
    """Minutes from standstill to the minimum load."""
    night_stops: float
    """In which share of nights it is shut down."""
    trips_per_year: float
    """How often it fails, and stops within a minute or two."""
    down_h: float
    """Mean hours from a trip to the next start."""
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
