"""Emission factors: how much CO2 a unit of energy makes, each with its published source.

A reading carries the id of its factor (``factor_id``), because sources differ: with the factor,
the load and the interval, anyone can compute the tonnes again. Factors are in kilograms of CO2
per gigajoule of fuel, on the *net* calorific value, as the IPCC gives them. US figures use the
gross value: a US heat rate with such a factor would be about 5 % (coal, oil) or 10 % (gas) wrong.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Fuel = Literal["coal", "lignite", "peat", "coke", "petcoke", "oil", "diesel", "gas", "waste"]
Sector = Literal["power", "steel", "cement", "refining", "chemicals", "paper", "waste"]

GJ_PER_MWH = 3.6

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


def read_csv(name: str) -> list[dict[str, str]]:
    """Return the rows of one of this package's tables."""
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


_FUEL_ROWS = read_csv("fuels.csv")  # factors: IPCC_ENERGY
FUELS = {row["fuel"]: row["label"] for row in _FUEL_ROWS}
SECTORS = {sector: sector.capitalize() for sector in get_args(Sector)}
# The names of the fleet's countries. Any two-letter code of ISO 3166-1 is valid in a reading.
COUNTRIES = {row["country"]: row["name"] for row in read_csv("countries.csv")}


def _factors() -> dict[str, Factor]:
    """Build the table: each fuel burnt, each fuel in a cement kiln, and a steelworks."""
    clinker = CLINKER_KG_PER_T / CLINKER_GJ_PER_T  # limestone's CO2, per GJ of kiln heat
    factors = [
        Factor("worldsteel2021-steel", STEEL_KG_PER_T / STEEL_GJ_PER_T, WORLDSTEEL),
    ]
    kiln_source = f"{IPCC_ENERGY} + {IPCC_CLINKER}; {GCCA_HEAT}"
    for row in _FUEL_ROWS:
        fuel, kg_per_gj = row["fuel"], float(row["kg_co2_per_gj"])
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
