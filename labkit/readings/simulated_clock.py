"""The fleet's clock: the present, or a simulated time that runs faster and never passes it.

At real time a plant's load hardly changes while one watches. With ``clock=144`` a simulated day
takes ten minutes: plants start in the morning, follow the evening peak and stop at night. The
simulated time begins in the past, so that no reading is of the future, as a replay's are not
either. When it has caught up with the present it goes on in real time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from labkit.core.errors import LabError
from labkit.readings.reading import iso_milliseconds

LASTS = timedelta(hours=5)  # of real time, until a clock that starts without a past catches up
BEGINS_AT_HOUR = 3  # UTC: before the morning's ramps in Europe
FASTEST = 86_400.0  # a simulated day in a second: a reading covers a day at most


def utc_now() -> datetime:
    """Return the present time, UTC."""
    return datetime.now(UTC)


class SimulatedClock:
    """A clock that runs ``speed`` times as fast as real time, until it reaches the present.

    Parameters
    ----------
    speed : float or None
        1 or None: the present time. 144: a day in ten minutes.
    utc, monotonic : callable
        The real clocks; tests bring their own.

    Attributes
    ----------
    started_at : datetime or None
        The simulated time at which it was started; None before `start`.

    Raises
    ------
    LabError
        The speed is below 1 or above 86,400.
    """

    def __init__(
        self,
        speed: float | None = None,
        utc: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.speed = 1.0 if speed is None else float(speed)
        if not 1 <= self.speed <= FASTEST:
            msg = f"clock must be between 1 (real time) and {FASTEST:,.0f}, not {speed!r}"
            raise LabError(msg, "lab.start_producer(clock=144)   (a simulated day in ten minutes)")
        self.started_at: datetime | None = None
        self._utc, self._monotonic = utc, monotonic
        self._began = 0.0
        self._is_real = self.speed == 1

    @property
    def is_simulated(self) -> bool:
        """Whether it runs faster than real time now: it has not caught up with the present."""
        return not self._is_real

    def start(self, after: datetime | None = None) -> None:
        """Start it.

        Parameters
        ----------
        after : datetime, optional
            Where an earlier run ended: it goes on from there. None: as far in the past as it runs
            through in 5 hours, at 03:00 UTC.
        """
        present = self._utc()
        if after is None and not self._is_real:
            past = present - LASTS * (self.speed - 1)
            after = past.replace(hour=BEGINS_AT_HOUR, minute=0, second=0, microsecond=0)
            if after > past:
                after -= timedelta(days=1)
        self.started_at = present if after is None else min(after, present)
        self._began = self._monotonic()

    def now(self) -> datetime:
        """Return the time: simulated, or the present once that is reached."""
        present = self._utc()
        if self._is_real:
            return present
        if self.started_at is None:
            self.start()
        assert self.started_at is not None  # `start` has set it
        ran = timedelta(seconds=(self._monotonic() - self._began) * self.speed)
        simulated = self.started_at + ran
        if simulated < present:
            return simulated
        self._is_real = True
        return present

    def to_dict(self) -> dict[str, Any]:
        """Return what a run file says of it: nothing in real time."""
        if not self.is_simulated or self.started_at is None:
            return {"clock": None}
        at = iso_milliseconds(self.now())
        return {"clock": {"speed": self.speed, "at": at, "read_at": time.time()}}

    def __str__(self) -> str:
        if self.speed == 1:
            return "real time"
        if self._is_real:
            return "the simulated time has reached the present, and goes on in real time"
        return f"simulated time {self.now():%Y-%m-%d %H:%M} UTC, {self.speed:g} times real time"


def running_clock(producers: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return what time it is for the plants of running producers, from their run files.

    Returns
    -------
    dict or None
        ``speed``, and the time as ``simulated_at``. None while all of them live in real time.
    """
    for run in producers:
        if clock := run.get("clock"):
            since_s = max(time.time() - clock["read_at"], 0.0) * clock["speed"]
            at = datetime.fromisoformat(clock["at"]) + timedelta(seconds=since_s)
            simulated_at = iso_milliseconds(min(at, utc_now()))
            return {"speed": clock["speed"], "simulated_at": simulated_at}
    return None


def clock_like(producers: Iterable[Mapping[str, Any]]) -> SimulatedClock:
    """Return a clock that shows the same time as that of running producers, and started."""
    running = running_clock(producers)
    clock = SimulatedClock(running["speed"] if running else None)
    clock.start(datetime.fromisoformat(running["simulated_at"]) if running else None)
    return clock
