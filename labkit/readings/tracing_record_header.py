"""The tracing header: the producer marks one record a second, to measure the time on the way.

A consumer that reads a marked record notes when it was polled and when its row was stored; the
producer notes when the broker acknowledged it. All times are by the clock of the machine that they
share. To mark every record would tell no more, and would make each of them longer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

HEADER = "labkit.created_at"
MARK_EVERY_S = 1.0
KEEP = 8  # how many acknowledged records a producer remembers


class Acked(BaseModel):
    """A marked record, and when its producer received the acknowledgement."""

    partition: int
    offset: int
    acked_at: datetime


class Followed(BaseModel):
    """A marked record, and when its consumer polled and stored it."""

    offset: int
    created_at: datetime
    polled_at: datetime
    stored_at: datetime


class Marker:
    """The producer's side: marks one record a second, and notes when it was acknowledged."""

    def __init__(self) -> None:
        self.acked: deque[Acked] = deque(maxlen=KEEP)
        self._waiting: set[int] = set()
        self._next_at = 0.0

    def headers(self, number: int) -> list[tuple[str, bytes]]:
        """Return the headers of the record with this number; mostly none."""
        if time.monotonic() < self._next_at:
            return []
        self._next_at = time.monotonic() + MARK_EVERY_S
        if len(self._waiting) >= KEEP:  # these were never acknowledged
            self._waiting.clear()
        self._waiting.add(number)
        return [(HEADER, f"{time.time():.6f}".encode())]

    def settle(self, number: int, partition: int, offset: int) -> None:
        """Note that a record was acknowledged, if it is marked."""
        if number in self._waiting:
            self._waiting.remove(number)
            acked_at = datetime.now(UTC)
            self.acked.append(Acked(partition=partition, offset=offset, acked_at=acked_at))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the acknowledged records for the producer's run file."""
        return [one.model_dump(mode="json") for one in self.acked]


def newest_followed(
    records: Sequence[Any], next_offset: int, polled_at: datetime
) -> Followed | None:
    """Return the last marked record that is stored now, below ``next_offset``."""
    for record in reversed(records):
        if record.headers and record.offset < next_offset:
            created_at = _created_at(record.headers)
            if created_at is not None:
                return Followed(
                    offset=record.offset,
                    created_at=created_at,
                    polled_at=polled_at,
                    stored_at=datetime.now(UTC),
                )
    return None


def _created_at(headers: Sequence[tuple[str, bytes]]) -> datetime | None:
    """Read the header; any program may have written it, so an invalid time counts as none."""
    try:
        return datetime.fromtimestamp(float(dict(headers)[HEADER]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
