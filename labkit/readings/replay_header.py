"""What the columns of a user's own CSV mean, by the names people give them."""

from __future__ import annotations

import re

from labkit.core.errors import ReplayError
from labkit.readings.bad_reading_reasons import shorten

# Capitals, blanks, signs and brackets do not matter: "CO2 (kg)" is co2_kg.
ALIASES: dict[str, tuple[str, ...]] = {
    "recorded_at": ("timestamp", "time", "datetime", "date_time", "date", "utc", "time_utc"),
    "co2_kg": ("co2", "kg_co2", "emissions_kg", "co2_emissions_kg", "emission_kg", "kg"),
    "co2_t": ("co2_tonnes", "t_co2", "tco2", "emissions_t", "co2_emissions_t", "tonnes", "t"),
    "co2_short_tons": ("co2_mass_short_tons", "co2_mass", "co2_tons"),
    "load_mw": ("mw", "load", "gross_load_mw", "gross_load", "power_mw"),
    "interval_s": ("interval", "seconds", "duration_s"),
    "facility_id": ("plant_id", "site_id", "installation_id", "orispl_code", "id"),
    "facility": ("facility_name", "plant", "plant_name", "site", "installation", "name"),
    "operator": ("company", "owner", "owner_operator"),
    "country": ("country_code", "iso2"),
    "latitude": ("lat",),
    "longitude": ("lon", "lng", "long"),
    "sector": (),
    "fuel": ("fuel_type", "primary_fuel_type"),
}
KG_PER = {"co2_kg": 1.0, "co2_t": 1000.0, "co2_short_tons": 907.18474}


def map_columns(header: list[str], file_name: str) -> dict[str, int]:
    """Find which column holds which field.

    Returns
    -------
    dict
        Position of the column, by a key of `ALIASES`; columns of other names are left alone.

    Raises
    ------
    ReplayError
        Two columns mean the same, or none says when or how much.
    """
    meanings = {alias: field for field, names in ALIASES.items() for alias in (field, *names)}
    columns: dict[str, int] = {}
    why = ""
    for number, title in enumerate(header):
        field = meanings.get(re.sub(r"\W+", "_", title.casefold()).strip("_"))
        if field in columns:
            why = f"the columns {header[columns[field]]!r} and {title!r} both mean {field}"
        elif field is not None:
            columns[field] = number
    if "recorded_at" not in columns:
        why = "no column says when: expected one such as recorded_at or time"
    elif not columns.keys() & {*KG_PER, "load_mw"}:
        why = "no column says how much: expected co2_kg, co2_t or load_mw"
    if why:
        names = shorten(", ".join(header) or "none")
        msg = f"{file_name} line 1: {why}; its columns are {names}"
        raise ReplayError(
            msg, "rename its columns; labkit.readings.replay_header.ALIASES has the names"
        )
    return columns
