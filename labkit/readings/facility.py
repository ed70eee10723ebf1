"""The facility: one source of CO2, and what its readings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from labkit.readings.emission_factors import FACTORS, Fuel, Sector, kg_per_mwh
from labkit.readings.reading import MAX_LOAD_MW, Text
from labkit.readings.rejection_reasons import COUNTRY


class Facility(BaseModel):
    """The fields that all readings of a plant share, and the plant's physical properties.

    Parameters
    ----------
    facility_id : str
        Such as ``PL-COAL-001``: the record's key, so that one plant's readings keep their order.
    capacity_mw : float
        Maximum load: electricity output for power and waste, heat input for industry.
    efficiency : float
        Energy output per energy input (net calorific value); 1 if the load is the heat itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    facility_id: Text
    facility: Text
    operator: Text
    country: str = Field(pattern=COUNTRY)
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    sector: Sector
    fuel: Fuel
    factor_id: str
    capacity_mw: float = Field(gt=0, le=MAX_LOAD_MW)
    efficiency: float = Field(gt=0, le=1)

    @property
    def kg_per_mwh(self) -> float:
        """Kilograms of CO2 for each megawatt hour of load."""
        return kg_per_mwh(FACTORS[self.factor_id], self.efficiency)
