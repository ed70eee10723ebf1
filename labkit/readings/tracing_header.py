"""How long one reading is on its way: a header that the producer gives to one record a second.

A consumer that meets the header notes when the record was polled and when its row was stored; the
producer notes when the broker's answer came. All of it by the clock of the machine they share.
Marking every record would tell no more, and would make each of them longer.
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
KEEP = 8  # marked records of which a producer remembers the answer


class Acked(BaseModel):
    """A marked record, and when its producer saw the broker's answer."""

    partition: int
    offset: int
    acked_at: datetime


class Followed(BaseModel):
    """A marked record, and when its consumer had it and had stored it."""

    offset: int
    created_at: datetime
    polled_at: datetime
    stored_at: datetime


class Marker:
    """The producer's side: marks a record now and then, and notes when it was acknowledged."""

    def __init__(self) -> None:
        self.acked: deque[Acked] = deque(maxlen=KEEP)
        self._waiting: set[int] = set()
        self._next_at = 0.0

    def headers(self, number: int) -> list[tuple[str, bytes]]:
        """Return what to send with the record of this number: mostly nothing."""
        if time.monotonic() < self._next_at:
            return []
        self._next_at = time.monotonic() + MARK_EVERY_S
        if len(self._waiting) >= KEEP:  # of records that were never acknowledged
            self._waiting.clear()
        self._waiting.add(number)
        return [(HEADER, f"{time.time():.6f}".encode())]

    def settle(self, number: int, partition: int, offset: int) -> None:
        """Note that a record was acknowledged, if it is a marked one."""
        if number in self._waiting:
            self._waiting.remove(number)
            acked_at = datetime.now(UTC)
            self.acked.append(Acked(partition=partition, offset=offset, acked_at=acked_at))

    def to_json(self) -> list[dict[str, Any]]:
        """Return what the producer's run file tells."""
        return [one.model_dump(mode="json") for one in self.acked]


def newest_followed(
    records: Sequence[Any], next_offset: int, polled_at: datetime
) -> Followed | None:
    """Return the last marked one of the records that are stored now, below ``next_offset``."""
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
    """Read the header; anybody may have written it, so whatever is no time is not there."""
    try:
        return datetime.fromtimestamp(float(dict(headers)[HEADER]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
