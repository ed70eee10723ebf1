"""Models of the API's parameters and answers; its OpenAPI description is made of them."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from labkit.readings.reading import Reading
from labkit.table.emission_series import LIMIT_BUCKETS, LINES
from labkit.table.paging import CURSOR_PATTERN
from labkit.table.snapshot import FILTERS, Filters
from labkit.table.source_totals import By
from labkit.table.summary import TOP

WEEK_S = 7 * 86_400


class NoQuery(BaseModel):
    """No parameters. An unknown one is refused, so that no misspelt one is overlooked."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def model_json_schema(cls, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the model's schema; without options it is made once.

        flask-openapi3 asks for it with every request, to know which parameters may be repeated.
        """
        return super().model_json_schema(**options) if options else _schema_of(cls)


@cache
def _schema_of(model: type[NoQuery]) -> dict[str, Any]:
    return super(NoQuery, model).model_json_schema()


def _filter(description: str, example: str) -> Any:
    return Field(
        [],
        description=f"{description} {example}; may be repeated.",
        json_schema_extra={"example": [example]},
    )


class Selection(NoQuery):
    """Filters. Each may be repeated, and then a reading matches any of its values."""

    sector: list[str] = _filter("For example", "power")
    country: list[str] = _filter("ISO 3166-1 alpha-2, for example", "PL")
    fuel: list[str] = _filter("For example", "coal")
    facility_id: list[str] = _filter("For example", "PL-COAL-001")

    @property
    def filters(self) -> Filters:
        """The filters that were given."""
        return {name: getattr(self, name) for name in FILTERS if getattr(self, name)}


class ReadingsQuery(Selection):
    """Which page of readings."""

    after: str | None = Field(
        None,
        description="The `next` of an earlier answer; empty: from the first reading.",
        # Described here, checked by `parse_cursor`.
        json_schema_extra={"pattern": CURSOR_PATTERN, "example": "0.41-1.97-2.63"},
    )
    limit: int = Field(500, ge=1, le=5000, description="Readings in one answer.")


class SeriesQuery(Selection):
    """Which lines, how far back, and in which steps."""

    by: By = Field("sector", description="One line per sector, country, fuel or facility.")
    window_s: int = Field(900, ge=10, le=WEEK_S, description="Seconds up to the newest reading.")
    bucket_s: int | None = Field(
        None,
        ge=1,
        le=86_400,
        description="Seconds of one point; default: at most 180 points. It is adjusted so that a "
        f"window has between one and {LIMIT_BUCKETS} points.",
    )

    @model_validator(mode="after")
    def _points_within_reason(self) -> Self:
        if self.bucket_s is not None:
            self.window_s = max(self.window_s, self.bucket_s)
            self.bucket_s = max(self.bucket_s, math.ceil(self.window_s / LIMIT_BUCKETS))
        return self


class SummaryQuery(Selection):
    """Which readings the figures cover."""

    top: int = Field(TOP, ge=1, le=100, description="How many facilities to list.")

    window_s: int | None = Field(
        None, ge=10, le=WEEK_S, description="Seconds up to the newest reading; default: all."
    )


class DashboardQuery(SeriesQuery):
    """All parameters of the page's one request."""

    heat_window_s: int | None = Field(
        None,
        ge=600,
        le=WEEK_S,
        description="How far back the heat strip goes; default: no heat strip.",
        json_schema_extra={"example": 21_600},
    )
    top: int = Field(TOP, ge=1, le=100, description="How many facilities to list.")
    limit: int = Field(20, ge=1, le=500, description="How many of the newest readings.")


class Clock(BaseModel):
    """The simulated time of the plants, while it runs faster than real time."""

    speed: float = Field(description="How many times as fast as real time.")
    simulated_at: str = Field(description="What time it is for the plants.")


class Health(BaseModel):
    """Whether data come in, and what prevents them."""

    status: Literal["ok", "empty", "degraded"]
    version: str
    topic: str
    rows: int
    newest_recorded_at: str | None
    age_s: float | None = Field(
        description="Seconds since the newest reading; where readings are of the past (a replay, a "
        "simulated time), since it came in."
    )
    clock: Clock | None = Field(
        description="The simulated time of a running producer; null in real time."
    )
    problems: list[str]
    next: str = Field(description="The next line to type; empty if nothing is wrong.")


class StoredReading(Reading):
    """A reading, and its place in the topic."""

    partition: int
    offset: int


class Readings(BaseModel):
    """A page of readings, oldest first."""

    readings: list[StoredReading]
    next: str = Field(description="The cursor for the next call's `after`.")
    more: bool = Field(description="Whether more readings follow already.")


class Line(BaseModel):
    """One line of the chart."""

    key: str = Field(description='Empty in the line of "others".')
    label: str
    values: list[float | None] = Field(description="Null where no reading covers the bucket.")
    co2_kg: float


class Series(BaseModel):
    """Lines over time."""

    by: By
    unit: Literal["t/h"]
    window_s: int
    bucket_s: int
    as_of: str | None
    times: list[str] = Field(description="The start of each bucket.")
    series: list[Line] = Field(
        description=f"At most {LINES} lines, of those that emitted most in the window, and one "
        "that is the sum of all others."
    )


class TopFacility(BaseModel):
    """The facility that emits most per hour."""

    facility_id: str
    facility: str
    rate_t_per_h: float


class Share(BaseModel):
    """What one sector, country, fuel or facility emitted."""

    key: str
    label: str
    co2_kg: float
    share: float
    rate_t_per_h: float = Field(description="The mean over the seconds that readings cover.")


class Summary(BaseModel):
    """The headline figures."""

    window_s: int | None
    as_of: str | None
    records: int
    co2_kg: float
    co2_g: int
    rate_t_per_h: float
    intensity_kg_per_mwh: float | None
    newest_recorded_at: str | None
    top_facility: TopFacility | None
    over_25kt_per_year: int
    facilities: int = Field(description="How many facilities sent these readings.")
    removed_records: int = Field(
        description="Readings that retention removed from the CSV. They are in no other figure."
    )
    removed_co2_g: int
    by_sector: list[Share]
    by_country: list[Share]
    by_fuel: list[Share]
    by_facility: list[Share] = Field(description="The largest ones, `top` of them.")


class FacilityNow(BaseModel):
    """A facility, its newest reading and its totals."""

    facility_id: str
    facility: str
    operator: str
    country: str
    latitude: float
    longitude: float
    sector: str
    fuel: str
    load_mw: float
    rate_t_per_h: float
    co2_kg: float
    records: int
    last_recorded_at: str


class Facilities(BaseModel):
    """Every facility that has sent a reading."""

    facilities: list[FacilityNow]


class ParameterError(BaseModel):
    """A parameter that was refused."""

    parameter: str
    detail: str


class Problem(BaseModel):
    """An error as in RFC 9457, with the next line to type."""

    type: str
    title: str
    status: int
    detail: str
    next: str
    errors: list[ParameterError] | None = None
