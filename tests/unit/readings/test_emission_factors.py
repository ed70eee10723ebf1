from typing import get_args

import pytest

from labkit.readings.emission_factors import (
    COUNTRIES,
    FACTORS,
    FUELS,
    SECTORS,
    Fuel,
    Sector,
    factor_for,
    kg_per_mwh,
)
from labkit.readings.fleet import LOCALES

BTU_PER_KWH = 3412.14
# Average US plants, EIA: coal 2015; gas combined cycle and simple cycle.
US_HEAT_RATES_BTU_PER_KWH = {"coal": 10_495.0, "gas combined": 7_340.0, "gas simple": 9_788.0}


def net_efficiency(heat_rate_btu_per_kwh: float, fuel: str) -> float:
    """Convert a US heat rate (gross) to an efficiency on the net calorific value.

    The net value is 10 % below the gross one for gas, and 5 % for the others.

    See: IPCC 2006 Guidelines, vol. 2, section 1.4.1.2 (net and gross calorific values).
    """
    net_per_gross = 0.90 if fuel == "gas" else 0.95
    return BTU_PER_KWH / heat_rate_btu_per_kwh / net_per_gross


def test_every_fuel_and_sector_has_a_label_and_a_factor():
    assert set(FUELS) == set(get_args(Fuel))
    assert set(SECTORS) == set(get_args(Sector))
    for sector in SECTORS:
        for fuel in FUELS:
            factor = factor_for(sector, fuel)
            assert FACTORS[factor.factor_id] is factor
            assert factor.source


def test_every_country_of_the_fleet_has_a_name():
    assert set(COUNTRIES) == set(LOCALES)


@pytest.mark.parametrize(
    ("fuel", "plant", "gross_kg_per_mmbtu"),
    [
        ("coal", "coal", 93.28),
        ("gas", "gas combined", 53.06),
        ("gas", "gas simple", 53.06),
    ],
)
def test_net_and_gross_agree(fuel, plant, gross_kg_per_mmbtu):
    """The IPCC's net factors must lead where the US EPA's gross ones do (40 CFR 98, table C-1)."""
    heat_rate = US_HEAT_RATES_BTU_PER_KWH[plant]
    gross = gross_kg_per_mmbtu * heat_rate / 1000  # kg/MWh, all on the gross value
    net = kg_per_mwh(factor_for("power", fuel), net_efficiency(heat_rate, fuel))
    assert net == pytest.approx(gross, rel=0.02)


def test_well_known_intensities():
    coal, gas = factor_for("power", "coal"), factor_for("power", "gas")
    rates = US_HEAT_RATES_BTU_PER_KWH
    assert kg_per_mwh(coal, net_efficiency(rates["coal"], "coal")) == pytest.approx(979, rel=0.03)
    combined = net_efficiency(rates["gas combined"], "gas")
    assert kg_per_mwh(gas, combined) == pytest.approx(389, rel=0.03)


def test_clinker_adds_what_the_limestone_gives_off():
    """A kiln of a million tonnes a year emits 58 t/h from the limestone alone."""
    plain, kiln = FACTORS["ipcc2006-petcoke"], FACTORS["ipcc2006-petcoke+clinker"]
    gj_per_h = 1_000_000 * 3.472 / 8760
    assert (kiln.kg_per_gj - plain.kg_per_gj) * gj_per_h / 1000 == pytest.approx(58, abs=0.5)


def test_a_steelworks_emits_as_much_as_the_world_average():
    """Two million tonnes of steel a year make 436 t/h (1.91 t/t)."""
    gj_per_h = 2_000_000 * 21.31 / 8760
    factor = factor_for("steel", "coal")
    assert factor.kg_per_gj * gj_per_h / 1000 == pytest.approx(436, abs=1)
