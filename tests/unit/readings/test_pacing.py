import re
from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.readings.fleet import Fleet
from labkit.readings.pacing import BATCH, MAX_BEHIND_S, Pace, at_rate, at_speed
from labkit.readings.reading import Reading

START = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


class Clock:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(source, clock: Clock, until: float) -> list[float]:
    """Drive a paced source as the producer does; return when each reading was given."""
    given_at = []
    for item in source:
        if isinstance(item, float):
            clock.now += max(item, 0.005)
        else:
            given_at.append(clock.now)
        if clock.now >= until:
            break
    return given_at


def endless():
    return Fleet(size=1).readings(START, 1)


@given(st.floats(0.5, 5_000), st.lists(st.floats(0.0001, 0.9), min_size=1, max_size=200))
def test_a_pace_does_not_drift(per_s, waits):
    """However irregularly it is asked, the n-th reading is neither early nor forgotten."""
    pace, now, given_so_far = Pace(per_s, 0.0), 0.0, 0
    for wait in waits:
        now += wait
        while due := pace.take(now):
            given_so_far += due
        if 1 / per_s < 1:
            assert given_so_far == pytest.approx(now * per_s + 0.5, abs=0.51)


@given(st.floats(1, 5_000), st.floats(MAX_BEHIND_S * 1.1, 1e6))
def test_no_burst_after_a_stall(per_s, stall_s):
    pace, given_so_far = Pace(per_s, 0.0), 0
    while due := pace.take(0.0):
        given_so_far += due
    while due := pace.take(1 / per_s + stall_s):
        given_so_far += due
    assert given_so_far == 2
    assert pace.wait_s(1 / per_s + stall_s) == pytest.approx(1 / per_s, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("per_s", [1, 7.5, 20, 200, 3_000])
def test_a_steady_rate(per_s):
    clock = Clock()
    given_at = run(at_rate(endless(), Pace(per_s, clock.now), clock), clock, until=110.0)
    assert len(given_at) == pytest.approx(10 * per_s, abs=per_s * 0.006 + 1)


def test_the_rate_may_change():
    clock = Clock()
    pace = Pace(10, clock.now)
    source = at_rate(endless(), pace, clock)
    assert len(run(source, clock, until=110.0)) == pytest.approx(100, abs=1)
    pace.readings_per_s = 100
    assert len(run(source, clock, until=120.0)) == pytest.approx(1_000, abs=2)
    pace.readings_per_s = 2
    assert len(run(source, clock, until=130.0)) == pytest.approx(20, abs=2)


def test_flat_out_pauses_to_look_around():
    clock = Clock()
    items = list(islice(at_rate(endless(), Pace(0, clock.now), clock), 5 * (BATCH + 1)))
    assert [item for item in items if isinstance(item, float)] == [0.0] * 5
    assert Pace(None, 0.0).readings_per_s == 0


@pytest.mark.parametrize("wrong", [-1, float("inf"), float("nan")])
def test_impossible_rates_are_refused(wrong):
    with pytest.raises(ValueError, match="readings_per_s must be 0"):
        Pace(wrong, 0.0)


@pytest.mark.parametrize("wrong", ["50", [50], True])
def test_a_rate_that_is_not_a_number_is_refused_with_what_it_is(wrong):
    pace = Pace(20, 0.0)
    with pytest.raises(ValueError, match=rf"and a number, not {re.escape(repr(wrong))}"):
        pace.readings_per_s = wrong
    assert pace.readings_per_s == 20


def test_a_source_that_ends():
    clock = Clock()
    given_at = run(at_rate(islice(endless(), 5), Pace(10, clock.now), clock), clock, until=200.0)
    assert len(given_at) == 5


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_a_replay_keeps_its_gaps(speed):
    clock = Clock()
    readings = [r for r in islice(endless(), 10) if isinstance(r, Reading)]
    given_at = run(at_speed(iter(readings), speed, clock), clock, until=200.0)
    assert given_at == pytest.approx([100 + n / speed for n in range(10)], abs=0.006)


def test_a_replay_flat_out():
    clock = Clock()
    readings = [r for r in islice(endless(), 250) if isinstance(r, Reading)]
    given_at = run(at_speed(iter(readings), 0, clock), clock, until=200.0)
    assert len(given_at) == 250
    assert clock.now < 101
