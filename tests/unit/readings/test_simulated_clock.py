import time
from datetime import UTC, datetime, timedelta

import pytest

from labkit.core.errors import LabError
from labkit.readings.simulated_clock import LASTS, SimulatedClock, clock_like

PRESENT = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)


class RealTime:
    """A real clock that a test moves."""

    def __init__(self) -> None:
        self.s = 0.0

    def utc(self) -> datetime:
        return PRESENT + timedelta(seconds=self.s)

    def clock(self, speed: float | None) -> SimulatedClock:
        return SimulatedClock(speed, self.utc, lambda: self.s)


@pytest.mark.parametrize("speed", [None, 1])
def test_without_a_speed_it_is_the_present(speed):
    real = RealTime()
    clock = real.clock(speed)
    clock.start(PRESENT - timedelta(days=3))
    assert clock.now() == PRESENT
    real.s = 7.0
    assert clock.now() == PRESENT + timedelta(seconds=7)
    assert not clock.is_simulated
    assert clock.to_dict() == {"clock": None}
    assert str(clock) == "real time"


def test_a_day_takes_ten_minutes_and_begins_before_the_morning():
    real = RealTime()
    clock = real.clock(144)
    clock.start()
    begin = clock.now()
    assert (begin.hour, begin.minute, begin.second) == (3, 0, 0)
    real.s = 600.0
    assert clock.now() - begin == timedelta(days=1)
    assert f"simulated time {begin + timedelta(days=1):%Y-%m-%d %H:%M} UTC" in str(clock)
    assert clock.to_dict()["clock"]["speed"] == 144


@pytest.mark.parametrize("speed", [2, 144, 3600])
def test_it_never_passes_the_present_and_then_runs_in_real_time(speed):
    real = RealTime()
    clock = real.clock(speed)
    clock.start()
    last = clock.now()
    while clock.is_simulated:
        real.s += 600.0
        assert last < clock.now() <= real.utc()
        last = clock.now()
    assert LASTS <= timedelta(seconds=real.s) < 2 * LASTS + timedelta(days=1)
    assert last == real.utc()
    real.s += 10.0
    assert clock.now() == real.utc()
    assert "reached the present" in str(clock)


def test_it_goes_on_where_the_last_run_ended():
    real = RealTime()
    clock = real.clock(144)
    clock.start(PRESENT - timedelta(days=2))
    assert clock.now() == PRESENT - timedelta(days=2)
    late = real.clock(144)
    late.start(PRESENT + timedelta(hours=1))  # another clock was ahead
    assert late.now() == PRESENT


@pytest.mark.parametrize("speed", [0, -1, 0.5, 86_401, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(speed):
    with pytest.raises(LabError, match="between 1") as refused:
        SimulatedClock(speed)
    assert "clock=144" in refused.value.next_line


def test_another_program_lives_in_the_time_of_a_running_producer():
    at = datetime.now(UTC) - timedelta(days=20)
    told = {"speed": 144.0, "at": at.isoformat(), "read_at": time.time()}
    clock = clock_like([{"clock": None}, {}, {"clock": told}])
    assert clock.speed == 144
    assert timedelta() <= clock.now() - at < timedelta(hours=1)
    assert not clock_like([{"clock": None}]).is_simulated
    assert abs(clock_like([]).now() - datetime.now(UTC)) < timedelta(seconds=5)
