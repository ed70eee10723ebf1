"""When the next reading is due: at an even rate for the fleet, at recorded times for a replay.

A paced source yields readings, and between them *pauses*: the seconds until the next one. The
caller can use a pause for other work, and may come back early: then the source yields the rest of
the pause.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from numbers import Real

from labkit.readings.malformed_values import BadRecord
from labkit.readings.reading import Reading

Item = Reading | BadRecord
MAX_BEHIND_S = 1.0
BATCH = 500  # how many readings may come without a pause


class Pace:
    """An even rate that does not drift, and does not catch up in a burst.

    The n-th reading is due at a fixed time after the first, so late wake-ups do not add up. After
    a stall of more than a second (a laptop that slept, a broker that was gone) the schedule starts
    again: readings that were missed are not made up for.

    Parameters
    ----------
    readings_per_s : float or None
        0 or None: as fast as possible. May be changed while it runs.
    now : float
        The time on a monotonic clock, in seconds.
    """

    def __init__(self, readings_per_s: float | None, now: float) -> None:
        self.readings_per_s = readings_per_s or 0.0
        self._per_s = self._wanted
        self._start = now
        self._given = 0

    @property
    def readings_per_s(self) -> float:
        """The requested rate; 0: as fast as possible."""
        return self._wanted

    @readings_per_s.setter
    def readings_per_s(self, rate: float) -> None:
        is_number = isinstance(rate, Real) and not isinstance(rate, bool)
        if not (is_number and 0 <= rate < float("inf")):
            msg = "readings_per_s must be 0 (as fast as it goes) or more, "
            msg += f"not {rate!r}" if is_number else f"and a number, not {rate!r}"
            raise ValueError(msg)
        self._wanted = float(rate)  # another thread may set it; `take` alone acts on it

    def take(self, now: float) -> int:
        """Return how many readings are due, at most `BATCH`, and count them as given."""
        if self._per_s != self._wanted:
            self._per_s = self._wanted
            self._start, self._given = now, 0
        if not self._per_s:
            return BATCH
        if now - self._next_due() > MAX_BEHIND_S:
            self._start, self._given = now, 0
        due = int((now - self._start) * self._per_s) + 1 - self._given
        due = min(max(0, due), BATCH)
        self._given += due
        return due

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next reading is due; 0 if one is due now."""
        return max(0.0, self._next_due() - now) if self._per_s and self._wanted else 0.0

    def _next_due(self) -> float:
        return self._start + self._given / self._per_s


def at_rate(
    readings: Iterator[Item], pace: Pace, clock: Callable[[], float] = time.monotonic
) -> Iterator[Item | float]:
    """Yield readings at a rate, and pauses in seconds between them."""
    while True:
        due = pace.take(clock())
        given = 0
        for reading in islice(readings, due):
            given += 1
            yield reading
        if given < due:
            return
        yield pace.wait_s(clock())


def at_speed(
    readings: Iterator[Reading], speed: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[Item | float]:
    """Yield readings at the distance in which they were recorded, divided by ``speed``.

    Parameters
    ----------
    speed : float
        1: as recorded; 3600: an hour in a second; 0: as fast as possible.
    """
    began = first_s = 0.0
    for number, reading in enumerate(readings):
        recorded_s = reading.timestamp_ms / 1000
        if number == 0:
            began, first_s = clock(), recorded_s
        due = began + (recorded_s - first_s) / speed if speed else began
        while (wait_s := due - clock()) > 0:
            yield wait_s
        if number % BATCH == 0:
            yield 0.0
        yield reading
