"""The reading: what one facility emitted over one interval, and which values are valid.

A record's value is bytes, and a consumer must expect any bytes at all. `Reading.from_json` alone
decides: it returns a valid CO2 reading, or raises `BadReading` with one sentence that names the
field and the wrong value. The same bytes with the same record timestamp always get the same
decision, on any day, so a restarted consumer repeats its decisions.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

import pydantic_core
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from labkit.core.errors import BadReading, LabError
from labkit.readings.emission_factors import Fuel, Sector
from labkit.readings.rejection_reasons import COUNTRY, FACTOR_ID, TEXT, UUID7, sentence, shorten

MAX_VALUE_BYTES = 8_192  # a reading is about 450 bytes; the longest legal one stays below
MAX_INTERVAL_S = 86_400.0
MAX_LOAD_MW = 20_000.0  # the largest fossil plants in the world are below 7,000 MW
MAX_KG_PER_S = 10_000.0  # Bełchatów, the largest emitter of Europe, made about 1,040 kg/s in 2019
CLOCK_SKEW_S = 60.0  # how far a facility's clock may run ahead
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # a Kafka timestamp cannot be negative
YEARS = range(EARLIEST.year, 9000)
LONGEST_FACTOR_ID = 60

Text = Annotated[str, Field(pattern=TEXT, max_length=120)]


class Reading(BaseModel):
    """One facility's CO2 over one interval; immutable and always valid.

    ``recorded_at`` is normalised to UTC and whole milliseconds. ``co2_kg`` is not rounded: with
    more than three decimals it is refused, so that any program that adds up the topic gets the
    same grams as the ledger. Round it where it is made.

    Parameters
    ----------
    reading_id : str
        UUIDv7 (RFC 9562): unique, and sortable by time.
    recorded_at : datetime
        End of the interval. `from_json` checks that it is not in the future, because it knows when
        the record was made.
    interval_s : float
        Seconds covered, up to a day.
    load_mw : float
        Mean load over the interval.
    co2_kg : float
        CO2 over the interval, at most 10,000 kg for each second of it.
    quality : {"measured", "substituted"}
        ``substituted``: the monitor failed, and a conservative value was reported instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    reading_id: str = Field(pattern=UUID7)
    recorded_at: datetime
    interval_s: float = Field(gt=0, le=MAX_INTERVAL_S)
    facility_id: Text
    facility: Text
    operator: Text
    country: str = Field(pattern=COUNTRY)
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    sector: Sector
    fuel: Fuel
    load_mw: float = Field(ge=0, le=MAX_LOAD_MW)
    co2_kg: float = Field(ge=0)
    factor_id: str = Field(pattern=FACTOR_ID, max_length=LONGEST_FACTOR_ID)
    quality: Literal["measured", "substituted"]

    @field_validator("recorded_at", mode="plain")
    @classmethod
    def _utc_in_milliseconds(cls, seen: Any) -> datetime:
        # pydantic's own parser would also take "2026" for 2,026 seconds after 1970.
        try:
            at = datetime.fromisoformat(seen) if isinstance(seen, str) else seen
        except ValueError as error:
            raise ValueError("is not an ISO 8601 time") from error
        if not isinstance(at, datetime):
            raise ValueError("is not a time")  # pydantic collects ValueError, not TypeError
        if at.tzinfo is None:
            raise ValueError("has no time zone")
        if at.year not in YEARS:
            raise ValueError("is before 1970 or after 8999; Kafka's timestamps begin in 1970")
        utc = at if at.tzinfo is UTC else at.astimezone(UTC)
        beyond_ms = utc.microsecond % 1000
        return utc - timedelta(microseconds=beyond_ms) if beyond_ms else utc

    @model_validator(mode="after")
    def _whole_grams_at_a_possible_rate(self) -> Self:
        if round(self.co2_kg, 3) != self.co2_kg:
            msg = f"co2_kg: {self.co2_kg} has more than 3 decimals; round to whole grams"
            raise ValueError(msg)
        if self.co2_kg > MAX_KG_PER_S * self.interval_s:
            raise ValueError(f"co2_kg: {self.co2_kg} in {self.interval_s} s is beyond any plant")
        return self

    @field_serializer("recorded_at")
    def _iso_milliseconds(self, recorded_at: datetime) -> str:
        return iso_milliseconds(recorded_at)

    @property
    def timestamp_ms(self) -> int:
        """``recorded_at`` as Kafka takes it: milliseconds since 1970."""
        return to_ms(self.recorded_at)

    def to_json(self) -> bytes:
        """Return the reading as the bytes of a record's value, fields in their order."""
        return pydantic_core.to_json(self)

    @classmethod
    def from_json(cls, value: bytes | None, timestamp_ms: int | None = None) -> Self:
        """Read a record's value.

        Parameters
        ----------
        value : bytes or None
            The record's value; None is a tombstone.
        timestamp_ms : int, optional
            The record's own Kafka timestamp. ``recorded_at`` may be at most 60 s later, because
            clocks differ. Without it, the present time is used.

        Returns
        -------
        Reading

        Raises
        ------
        BadReading
            The bytes are not a valid reading; the message has the field and the wrong value.
        LabError
            It is not bytes: a whole record, for example.

        See: RFC 8259, section 4 (names within an object should be unique) for why a duplicate name
        is refused: parsers differ in which of the two values they take.
        """
        if not isinstance(value, bytes | None):
            raise _not_a_value(value)
        if value is None:
            raise BadReading("the value is null: a tombstone, not a reading")
        if len(value) > MAX_VALUE_BYTES:
            raise BadReading(f"the value has {len(value)} bytes; the most is {MAX_VALUE_BYTES}")
        try:
            reading = cls.model_validate_json(value)
        except ValidationError as error:
            raise BadReading(sentence(error, value)) from error
        # A valid reading has 15 names and 10 texts, so 50 quotation marks. A duplicate name adds
        # more, and so does a quotation mark inside a text: only then look closer.
        if value.count(b'"') != _PLAIN_QUOTES:
            json.loads(value, object_pairs_hook=_refuse_doubles)
        made_ms = time.time_ns() // 1_000_000 if timestamp_ms is None else timestamp_ms
        if reading.timestamp_ms > made_ms + CLOCK_SKEW_S * 1000:
            seen, made = iso_milliseconds(reading.recorded_at), iso_milliseconds(from_ms(made_ms))
            raise BadReading(f"recorded_at: {seen} is in the future (the record is of {made})")
        return reading


READING_FIELDS: tuple[str, ...] = tuple(Reading.model_fields)
_TEXT_FIELDS = 10
_PLAIN_QUOTES = 2 * (len(READING_FIELDS) + _TEXT_FIELDS)


def reading_id_of(value: bytes | None) -> str:
    """Return the id of the reading in a record, or an empty string."""
    try:
        fields = json.loads(value or b"")
    except (ValueError, RecursionError):
        return ""
    found = fields.get("reading_id", "") if isinstance(fields, dict) else ""
    return found if isinstance(found, str) else ""


def grams(co2_kg: float) -> int:
    """Return whole grams: integers add up exactly, kilograms in floating point do not."""
    return round(co2_kg * 1000)


def iso_milliseconds(at: datetime) -> str:
    """Return a UTC time as the lab writes it: ``2026-11-23T22:13:04.123Z``."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def to_ms(at: datetime) -> int:
    """Return a time as Kafka takes it: milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def from_ms(timestamp_ms: float) -> datetime:
    """Return the time, UTC, of a record's timestamp."""
    return EARLIEST + timedelta(milliseconds=timestamp_ms)


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Turn JSON's pairs into a dict, unless a name is there twice."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise BadReading(f"{shorten(double)} stands twice")
    return fields


def _not_a_value(given: Any) -> LabError:
    """Return the error about what is not the value of a record."""
    if isinstance(given, str):
        return LabError("This is text, and the value of a record is bytes", "....encode()")
    what = f"This is a {type(given).__name__}, and not the value of a record, which is bytes"
    return LabError(what, "lab.Reading.from_json(record.value, record.timestamp)")
