"""Deliberately malformed values, by name: each is a mistake that real programs have made.

A monitor that is switched off sends NaN; a program from another country writes its own date
format; a serializer is called twice. `BAD_RECORDS` turns a good reading into each of these. The
fleet sends them on request (``faults=``); `Reading.from_json` must refuse each with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from labkit.readings.reading import (
    MAX_INTERVAL_S,
    MAX_KG_PER_S,
    READING_FIELDS,
    Reading,
    iso_milliseconds,
)

MEGABYTE = 1_000_000  # about the largest record: Kafka's own limit is 1,048,588 bytes


class BadRecord(NamedTuple):
    """A record with a deliberately malformed value, as the fleet sends it."""

    name: str
    """The key in `BAD_RECORDS`."""
    facility_id: str
    """The record's key: a malformed value still comes from a known plant."""
    timestamp_ms: int
    """The record's timestamp."""
    value: bytes | None
    sector: str
    country: str
    """Of its plant, for a producer that uses them as the key."""


def spoil(name: str, reading: Reading) -> BadRecord:
    """Return the record that ``reading`` becomes when this mistake is made."""
    value = BAD_RECORDS[name](reading)
    return BadRecord(
        name, reading.facility_id, reading.timestamp_ms, value, reading.sector, reading.country
    )


def _with(**changes: Any) -> Callable[[Reading], bytes]:
    """Return a function that makes a value with some fields changed or added.

    A change may be a function of the reading.
    """

    def value(reading: Reading) -> bytes:
        new = {key: one(reading) if callable(one) else one for key, one in changes.items()}
        return _dumps({**_fields(reading), **new})

    return value


def _without(field: str) -> Callable[[Reading], bytes]:
    return lambda reading: _dumps({k: v for k, v in _fields(reading).items() if k != field})


def _fields(reading: Reading) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(reading.to_json())
    return fields


def _dumps(content: Any) -> bytes:
    # Python's json writes NaN and Infinity, which are not JSON: one more mistake.
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


BAD_RECORDS: Mapping[str, Callable[[Reading], bytes | None]] = {
    # not JSON
    "tombstone": lambda _: None,
    "empty": lambda _: b"",
    "blank": lambda _: b"  \n",
    "plain_text": lambda _: b"monitor offline, call maintenance",
    "csv_line": lambda r: ",".join(map(str, _fields(r).values())).encode(),
    "python_repr": lambda reading: str(_fields(reading)).encode(),
    "truncated": lambda reading: reading.to_json()[:100],
    "trailing_text": lambda reading: reading.to_json() + b" ok",
    "two_readings": lambda reading: reading.to_json() + b"\n" + reading.to_json(),
    "latin_1": lambda r: r.to_json().replace(b'"facility":"', b'"facility":"Usine fran\xe7aise '),
    "utf_16": lambda reading: reading.to_json().decode().encode("utf-16"),
    "byte_order_mark": lambda reading: b"\xef\xbb\xbf" + reading.to_json(),
    "binary": lambda _: bytes(range(256)),
    "deeply_nested": lambda _: b"[" * 4_000,
    "lone_surrogate": lambda r: r.to_json().replace(b'"facility":"', b'"facility":"\\ud800'),
    # JSON, but not a reading
    "a_megabyte": _with(facility="x" * MEGABYTE),
    "json_null": lambda _: b"null",
    "json_true": lambda _: b"true",
    "number": lambda _: b"42.5",
    "array": lambda reading: b"[" + reading.to_json() + b"]",
    "encoded_twice": lambda reading: _dumps(reading.to_json().decode()),
    "empty_object": lambda _: b"{}",
    "name_twice": lambda reading: reading.to_json()[:-1] + b',"co2_kg":0.0}',
    "name_misspelt": lambda r: r.to_json().replace(b'"co2_kg"', b'"CO2_kg"'),
    "extra_field": _with(temperature_c=851.5),
    **{f"missing_{field}": _without(field) for field in READING_FIELDS},
    # numbers
    "co2_nan": _with(co2_kg=float("nan")),
    "co2_infinite": _with(co2_kg=float("inf")),
    "co2_negative": _with(co2_kg=-1.5),
    "co2_text": _with(co2_kg="12.5"),
    "co2_decimal_comma": _with(co2_kg="12,5"),
    "co2_true": _with(co2_kg=True),
    "co2_null": _with(co2_kg=None),
    "co2_object": _with(co2_kg={"value": 12.5, "unit": "kg"}),
    "co2_below_grams": _with(co2_kg=12.3456789),
    "co2_beyond_any_plant": _with(co2_kg=lambda r: round(2 * MAX_KG_PER_S * r.interval_s, 3) + 1),
    "load_negative": _with(load_mw=-0.1),
    "load_infinite": _with(load_mw=float("-inf")),
    "load_beyond_any_plant": _with(load_mw=1e6),
    "interval_zero": _with(interval_s=0.0),
    "interval_over_a_day": _with(interval_s=MAX_INTERVAL_S + 1),
    "latitude_off_the_globe": _with(latitude=90.1),
    "longitude_off_the_globe": _with(longitude=-180.1),
    # time
    "in_the_future": _with(
        # Of any present: the plants may live in a simulated time of the past.
        recorded_at=lambda r: iso_milliseconds(r.recorded_at + timedelta(days=36_525))
    ),
    "time_without_zone": _with(recorded_at=lambda r: iso_milliseconds(r.recorded_at).rstrip("Z")),
    "unix_seconds": _with(recorded_at=1_700_000_000),
    "unix_seconds_text": _with(recorded_at="1700000000"),
    "day_month_year": _with(recorded_at="23/11/2026 22:13"),
    "before_1970": _with(recorded_at="1899-12-30T00:00:00.000Z"),
    # text
    "line_break": _with(facility="Nord\nSüd"),
    "carriage_return": _with(operator="Nord\rSüd"),
    "nul": _with(operator="Nord\0"),
    "tab": _with(facility="\tNord"),
    "escape_sequence": _with(facility="\x1b[31mNord"),
    "line_separator": _with(facility="Nord\u2028Süd"),
    "blank_name": _with(facility="   "),
    "long_name": _with(facility="x" * 121),
    "name_is_a_number": _with(facility=7),
    # words the lab does not know
    "unknown_fuel": _with(fuel="phlogiston"),
    "unknown_sector": _with(sector="aviation"),
    "unknown_quality": _with(quality="guessed"),
    "country_name": _with(country="Poland"),
    "country_lower_case": _with(country="pl"),
    "id_not_uuid7": _with(reading_id="6f1ed002-ab5f-4dd1-8a4c-0b1b8b9ac3e1"),
    "factor_unnamed": _with(factor_id="?"),
}
