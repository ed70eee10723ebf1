"""The kinds of plant in a fleet: typical sizes, efficiencies and daily loads.

Sizes and efficiencies are ranges of real plants; the average US plants of `emission_factors` are
inside them. How the load changes over a day is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.readings.emission_factors import Fuel, Sector


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of plant."""

    name: str
    sector: Sector
    fuel: Fuel
    mw: tuple[float, float]
    """Smallest and largest capacity: electricity output (power, waste) or heat input (industry)."""
    efficiency: tuple[float, float] = (1.0, 1.0)
    """Energy output per energy input, net calorific value; 1 if the load is the heat itself."""
    base: float
    """Mean load, as a share of capacity."""
    swing: float
    """How far the daily shape moves the load, as a share of capacity."""
    countries: str = ""
    """The countries that have such plants; empty: any."""


COAL = Kind(
    name="Power Station",
    sector="power",
    fuel="coal",
    mw=(250, 1600),
    efficiency=(0.34, 0.44),
    base=0.6,
    swing=0.2,
    countries="AU CZ DE IN JP PL TR US ZA",
)
LIGNITE = Kind(
    name="Lignite Power Station",
    sector="power",
    fuel="lignite",
    mw=(400, 3000),
    efficiency=(0.33, 0.42),
    base=0.75,
    swing=0.1,
    countries="AU CZ DE PL TR",
)
GAS = Kind(
    name="Gas Power Station",
    sector="power",
    fuel="gas",
    mw=(200, 900),
    efficiency=(0.48, 0.60),
    base=0.55,
    swing=0.25,
)
PEAKER = Kind(
    name="Gas Turbines",
    sector="power",
    fuel="gas",
    mw=(40, 250),
    efficiency=(0.34, 0.40),
    base=0.2,
    swing=0.3,  # off at night
)
OIL = Kind(
    name="Oil Power Station",
    sector="power",
    fuel="oil",
    mw=(40, 300),
    efficiency=(0.33, 0.39),
    base=0.35,
    swing=0.2,
)
STEEL = Kind(name="Steelworks", sector="steel", fuel="coal", mw=(400, 2500), base=0.86, swing=0.03)
CEMENT = Kind(
    name="Cement Works", sector="cement", fuel="petcoke", mw=(50, 200), base=0.9, swing=0.02
)
CEMENT_COAL = Kind(
    name="Cement Works", sector="cement", fuel="coal", mw=(50, 200), base=0.9, swing=0.02
)
REFINERY = Kind(
    name="Refinery", sector="refining", fuel="oil", mw=(200, 1200), base=0.88, swing=0.02
)
CHEMICALS = Kind(
    name="Chemical Works", sector="chemicals", fuel="gas", mw=(100, 800), base=0.85, swing=0.03
)
PAPER = Kind(name="Paper Mill", sector="paper", fuel="gas", mw=(20, 150), base=0.8, swing=0.05)
WASTE = Kind(
    name="Waste-to-Energy Plant",
    sector="waste",
    fuel="waste",
    mw=(15, 80),
    efficiency=(0.18, 0.28),
    base=0.92,
    swing=0.02,
)

# Two dozen plants, a plausible mix for a continent; any twelve in a row cover every sector.
# fmt: off
MIX = (
    COAL, GAS, STEEL, CEMENT, LIGNITE, REFINERY, GAS, CHEMICALS, WASTE, PAPER, COAL, PEAKER,
    COAL, GAS, STEEL, CEMENT_COAL, LIGNITE, REFINERY, GAS, CHEMICALS, WASTE, OIL, COAL, PAPER,
)
# fmt: on
