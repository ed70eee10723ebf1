"""Valid readings for unit tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from labkit.readings.reading import Reading

AT = datetime(2026, 11, 23, 22, 13, 4, 123000, tzinfo=UTC)
GOOD = {
    "reading_id": "01a20a6c-4f00-7233-a225-71594720771f",
    "recorded_at": AT,
    "interval_s": 1.2,
    "facility_id": "PL-COAL-001",
    "facility": "Elektrownia Bełchatów",
    "operator": "Zięcik i syn s.c.",
    "country": "PL",
    "latitude": 51.26,
    "longitude": 19.33,
    "sector": "power",
    "fuel": "coal",
    "load_mw": 805.417,
    "co2_kg": 241.243,
    "factor_id": "ipcc2006-coal",
    "quality": "measured",
}


def make(**changes: Any) -> Reading:
    """Return a valid reading with some fields changed."""
    return Reading(**{**GOOD, **changes})


READING = Reading(
    reading_id="01932b1c-7a00-7000-8000-000000000001",
    recorded_at=datetime(2026, 11, 23, 22, 13, 4, 123_000, UTC),
    interval_s=1.0,
    facility_id="PL-COAL-001",
    facility="Kraftwerk Süd",
    operator="Nowak, Sons & Co",
    country="PL",
    latitude=-51.266,
    longitude=19.315,
    sector="power",
    fuel="coal",
    load_mw=312.5,
    co2_kg=81.944,
    factor_id="ipcc2006-coal",
    quality="measured",
)
