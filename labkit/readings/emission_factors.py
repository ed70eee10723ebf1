"""Emission factors: how much CO2 a unit of energy makes, each with its published source.

A reading carries the id of its factor (``factor_id``), because sources differ: with the factor,
the load and the interval, anyone can compute the tonnes again. Factors are in kilograms of CO2
per gigajoule of fuel, on the *net* calorific value, as the IPCC gives them. US figures use the
gross value. A gross heat rate with a net factor would be about 5 % (coal, oil) or 10 % (gas)
wrong, so `net_efficiency` converts heat rates first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fuel = Literal["coal", "lignite", "peat", "coke", "petcoke", "oil", "diesel", "gas", "waste"]
Sector = Literal["power", "steel", "cement", "refining", "chemicals", "paper", "waste"]

GJ_PER_MWH = 3.6
BTU_PER_KWH = 3412.14

IPCC_ENERGY = "IPCC 2006 Guidelines, vol. 2, table 1.4 (net calorific value)"
IPCC_CLINKER = "IPCC 2006 Guidelines, vol. 3, ch. 2, Tier 1 without the dust correction"
GCCA_HEAT = "GCCA, Getting the Numbers Right, 2017: 3,472 MJ of heat per tonne of clinker"
WORLDSTEEL = "worldsteel, Sustainability Indicators 2022 report (year 2021)"

CLINKER_KG_PER_T = 507.0  # from the limestone itself, whatever fuel is burnt
CLINKER_GJ_PER_T = 3.472
STEEL_KG_PER_T = 1910.0  # the whole works, world average
STEEL_GJ_PER_T = 21.31


@dataclass(frozen=True, slots=True)
class Factor:
    """CO2 per gigajoule of heat input, and its source."""

    factor_id: str
    kg_per_gj: float
    source: str


FUELS: dict[Fuel, str] = {
    "coal": "Hard coal",
    "lignite": "Lignite",
    "peat": "Peat",
    "coke": "Coke",
    "petcoke": "Petroleum coke",
    "oil": "Fuel oil",
    "diesel": "Diesel",
    "gas": "Natural gas",
    "waste": "Municipal waste (fossil part)",
}

SECTORS: dict[Sector, str] = {
    "power": "Power",
    "steel": "Steel",
    "cement": "Cement",
    "refining": "Refining",
    "chemicals": "Chemicals",
    "paper": "Paper",
    "waste": "Waste",
}

# The names of the fleet's countries. Any two-letter code of ISO 3166-1 is valid in a reading.
COUNTRIES: dict[str, str] = {
    "AU": "Australia",
    "BE": "Belgium",
    "BR": "Brazil",
    "CZ": "Czechia",
    "DE": "Germany",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "GB": "United Kingdom",
    "IN": "India",
    "IT": "Italy",
    "JP": "Japan",
    "NL": "Netherlands",
    "PL": "Poland",
    "PT": "Portugal",
    "SE": "Sweden",
    "TR": "Türkiye",
    "US": "United States",
    "ZA": "South Africa",
}

_FUEL_KG_PER_GJ: dict[Fuel, float] = {
    "coal": 94.6,  # other bituminous
    "lignite": 101.0,
    "peat": 106.0,
    "coke": 107.0,
    "petcoke": 97.5,
    "oil": 77.4,  # residual fuel oil
    "diesel": 74.1,
    "gas": 56.1,
    "waste": 91.7,  # the part that is not biomass
}


def _factors() -> dict[str, Factor]:
    """Build the table: each fuel burnt, each fuel in a cement kiln, and a steelworks."""
    clinker = CLINKER_KG_PER_T / CLINKER_GJ_PER_T  # limestone's CO2, per GJ of kiln heat
    factors = [
        Factor("worldsteel2021-steel", STEEL_KG_PER_T / STEEL_GJ_PER_T, WORLDSTEEL),
    ]
    for fuel, kg_per_gj in _FUEL_KG_PER_GJ.items():
        kiln_source = f"{IPCC_ENERGY} + {IPCC_CLINKER}; {GCCA_HEAT}"
        factors += [
            Factor(f"ipcc2006-{fuel}", kg_per_gj, IPCC_ENERGY),
            Factor(f"ipcc2006-{fuel}+clinker", kg_per_gj + clinker, kiln_source),
        ]
    return {factor.factor_id: factor for factor in factors}


FACTORS: dict[str, Factor] = _factors()


def factor_for(sector: Sector, fuel: Fuel) -> Factor:
    """Return the factor of a facility: steelworks and cement kilns emit more than their fuel.

    Parameters
    ----------
    sector : str
        A key of `SECTORS`.
    fuel : str
        A key of `FUELS`.

    Returns
    -------
    Factor
        For steel the world average of whole works; for cement the fuel's factor plus the
        limestone's; otherwise the fuel's.
    """
    if sector == "steel":
        return FACTORS["worldsteel2021-steel"]
    suffix = "+clinker" if sector == "cement" else ""
    return FACTORS[f"ipcc2006-{fuel}{suffix}"]


def kg_per_mwh(factor: Factor, efficiency: float) -> float:
    """Return the CO2 of one megawatt hour of output.

    Parameters
    ----------
    factor : Factor
        CO2 per GJ of heat input.
    efficiency : float
        Energy output per energy input, net calorific value; 1 if the load is the heat itself, as
        in kilns, furnaces and boilers.

    Returns
    -------
    float
        Kilograms of CO2 per MWh: about 391 for a combined-cycle gas plant, 995 for coal.
    """
    return factor.kg_per_gj * GJ_PER_MWH / efficiency


def net_efficiency(heat_rate_btu_per_kwh: float, fuel: Fuel) -> float:
    """Convert a US heat rate (gross) to an efficiency on the net calorific value.

    Parameters
    ----------
    heat_rate_btu_per_kwh : float
        Heat of the fuel for one kWh of electricity, gross calorific value.
    fuel : str
        A key of `FUELS`: the net value is 10 % below the gross one for gas, 5 % for the others.

    Returns
    -------
    float
        Electricity output per heat input, between 0 and 1.

    See: IPCC 2006 Guidelines, vol. 2, section 1.4.1.2 (net and gross calorific values).
    """
    net_per_gross = 0.90 if fuel == "gas" else 0.95
    return BTU_PER_KWH / heat_rate_btu_per_kwh / net_per_gross


# Average US plants, EIA: coal 2015; gas combined cycle and simple cycle.
US_HEAT_RATES_BTU_PER_KWH = {"coal": 10_495.0, "gas combined": 7_340.0, "gas simple": 9_788.0}
