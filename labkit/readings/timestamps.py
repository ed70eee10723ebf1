"""A reading's time as text, and as Kafka's timestamp: milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # a Kafka timestamp cannot be negative


def iso_milliseconds(at: datetime) -> str:
    """Return a UTC time as the lab writes it: ``2026-11-23T22:13:04.123Z``."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def to_ms(at: datetime) -> int:
    """Return a time as Kafka takes it: milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def from_ms(timestamp_ms: float) -> datetime:
    """Return the time, UTC, of a record's timestamp."""
    return EARLIEST + timedelta(milliseconds=timestamp_ms)
