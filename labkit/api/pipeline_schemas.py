"""Models of the answers about the lab itself: pipeline, latency, ledger, dashboard."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from labkit.api.response_schemas import Health, Series, StoredReading, Summary
from labkit.ledger.ledger_model import LedgerState
from labkit.sink.partition_status import PartitionStatus


class PartitionNow(PartitionStatus):
    """The last status of a partition, and its rate."""

    age_s: float = Field(description="Seconds since the consumer wrote this status.")
    rate_per_s: float | None = Field(
        description="Records stored per second, over about 10 s; null in the first answer."
    )


class ProducerNow(BaseModel):
    """A running producer; the counts are null until it has first written them."""

    name: str
    pid: int
    emitted: int | None
    acked: int | None


class PipelineTotals(BaseModel):
    """All partitions together; null where a consumer has not reported a figure."""

    rows: int
    dead_letters: int
    gap_records: int
    lag: int | None
    lag_s: float | None
    co2_g: int
    rate_per_s: float | None
    acked_per_s: float | None


class LatencyStage(BaseModel):
    """When a reading reached a stage."""

    stage: Literal["created", "acked", "polled", "stored", "served"]
    at: str
    after_ms: float = Field(description="Milliseconds since it was created.")


class FollowedReading(BaseModel):
    """One reading on its way; an unknown stage is left out."""

    reading_id: str
    partition: int
    offset: int
    stages: list[LatencyStage]


class StageLatency(BaseModel):
    """How long readings took to reach a stage, from their creation."""

    stage: Literal["acked", "polled", "stored", "served"]
    p50_ms: float
    p99_ms: float


class Latency(BaseModel):
    """How long readings take; about one reading a second is followed."""

    reading: FollowedReading | None
    last_minute: list[StageLatency]
    samples: int
    window_s: int


class Pipeline(BaseModel):
    """The last status of each partition, and totals."""

    topic: str
    group_id: str | None
    state: Literal["running", "stale", "absent"]
    partitions: list[PartitionNow]
    producers: list[ProducerNow]
    totals: PipelineTotals
    latency: Latency


class LedgerStage(BaseModel):
    """The CO2 at one stage; null where it is unknown, and then `note` says why."""

    stage: Literal["emitted", "acked", "topic", "csv", "served"]
    meaning: str
    records: int | None
    co2_g: int | None
    co2_kg: float | None
    note: str


class FileLedger(BaseModel):
    """The same tonnes at each stage, as read from files."""

    topic_name: str
    topic_id: str | None
    stages: list[LedgerStage]
    retained: int | None = Field(description="Records that the topic still holds.")
    dead_letters: int
    failed: int = Field(description="Readings that certainly never reached the topic.")
    unknown: int = Field(
        description="Readings of producers that are gone, whose acknowledgement never came."
    )
    lag: int | None
    gap_records: int
    state: LedgerState = Field(
        description="`on the way`: readings still move, or may. `unknown`: only reading the topic "
        "explains the difference. The last three are disagreements."
    )
    agrees: bool
    sentence: str


class Choice(BaseModel):
    """A value that readings can be filtered by."""

    key: str
    label: str


class Choices(BaseModel):
    """The values to filter by, independent of the current filters.

    If there are more than 500 facilities, those that emitted most, and those that are filtered by;
    `/api/facilities` has them all.
    """

    sector: list[Choice]
    country: list[Choice]
    fuel: list[Choice]
    facility_id: list[Choice]


class Thresholds(BaseModel):
    """Values that a line in a chart can be compared with, and their source."""

    large_emitter_t_per_year: float
    large_emitter_t_per_h: float
    source: str


class Dashboard(BaseModel):
    """Everything that the page shows, of one moment."""

    served_at: str
    health: Health
    pipeline: Pipeline
    ledger: FileLedger
    now: Summary = Field(description="The last minute.")
    window: Summary = Field(description="The last `window_s` seconds.")
    all: Summary = Field(description="All stored readings.")
    series: Series
    heat: Series | None
    readings: list[StoredReading]
    next: str = Field(description="The cursor for `after` of /api/readings.")
    choices: Choices
    thresholds: Thresholds
