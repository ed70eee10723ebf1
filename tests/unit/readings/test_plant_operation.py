import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.readings.plant_kinds import MIX, Kind
from labkit.readings.plant_operation import DAY_MIN, PlantOperation

MONDAY = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp() // 60)
KINDS = {kind.model_dump_json(): kind for kind in MIX}.values()
BY_PATTERN = {kind.pattern: kind for kind in reversed(MIX)}
WEEKS = 8


def levels(kind: Kind, days: int = 7 * WEEKS, seed: str = "7:plant") -> list[float]:
    operation = PlantOperation(kind, seed, 0.0)
    return [operation.level(MONDAY + minute) for minute in range(days * DAY_MIN)]


def hour(found: list[float], of_day: int) -> float:
    """Return the mean load of one hour of the day."""
    chosen = [one for minute, one in enumerate(found) if minute % DAY_MIN // 60 == of_day]
    return sum(chosen) / len(chosen)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}-{kind.fuel}")
def test_no_plant_is_faster_than_its_ramp_rate(kind):
    """Only a trip is, and the last step of a stop: both end at standstill, minutes later."""
    found = levels(kind)
    for minute, (before, after) in enumerate(itertools.pairwise(found)):
        assert 0 <= after <= 1
        change = after - before
        falls = change < 0 and 0.0 in found[minute + 1 : minute + 5]
        assert abs(change) <= kind.ramp_per_min or falls


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}-{kind.fuel}")
def test_a_plant_runs_stands_still_or_is_on_its_way(kind):
    """Below its minimum load a plant is starting, or stopping: it does not stay there."""
    longest = max(kind.start_min, 20) + 2

    def state(level: float) -> str:
        return "off" if level == 0 else "low" if level < kind.min_load * 0.98 else "running"

    lengths = [
        len(list(minutes))
        for state, minutes in itertools.groupby(
            levels(kind),
            lambda one: "off" if one == 0 else "low" if one < kind.min_load * 0.98 else "",
        )
        if state == "low"
    ]
    assert all(length <= longest for length in lengths)


def test_a_peaker_runs_in_the_morning_and_evening_and_never_at_night():
    found = levels(BY_PATTERN["peaks"])
    assert hour(found, 2) == hour(found, 12) == 0
    assert hour(found, 8) > 0.3
    assert hour(found, 19) > 0.5


def test_a_daily_plant_is_low_at_night_and_high_by_day():
    found = levels(BY_PATTERN["daily"])
    assert hour(found, 2) < 0.6 * hour(found, 18)
    assert hour(found, 13) < hour(found, 18)


def test_a_steelworks_blows_for_some_18_of_every_40_minutes():
    kind = BY_PATTERN["heats"]
    found = levels(kind, 7)
    blowing = sum(one > (kind.low + kind.high) / 2 for one in found) / len(found)
    assert 0.40 < blowing < 0.52


def test_plants_trip_about_as_often_as_their_kind_says():
    kind = BY_PATTERN["heats"].model_copy(update={"trips_per_year": 40.0, "down_h": 3.0})
    found = levels(kind, 364)
    trips = sum(after == 0 < before for before, after in itertools.pairwise(found))
    assert 24 <= trips <= 56
    assert (
        any(levels(kind.model_copy(update={"trips_per_year": 1e-9}), 364)[n] == 0 for n in (0,))
        is False
    )


def test_a_restart_is_slow():
    kind = next(kind for kind in MIX if kind.fuel == "lignite")
    found = levels(kind.model_copy(update={"trips_per_year": 40.0}))
    starts = [n for n in range(1, len(found)) if found[n - 1] == 0 < found[n]]
    assert starts
    for begin in starts:
        assert found[begin + int(kind.start_min / 2)] < kind.min_load


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(MIX),
    st.integers(0, 10**6),
    st.floats(-180, 180),
    st.floats(0, 3 * 86_400),
    st.lists(st.floats(0.001, 20_000), min_size=1, max_size=6),
)
def test_the_load_of_a_time_is_the_same_however_it_is_asked_for(
    kind, seed, longitude, begin, parts
):
    """The parts of an interval have the energy of the whole, in any order, from any process."""
    begin_s = MONDAY * 60 + begin
    edges = list(itertools.accumulate(parts, initial=begin_s))
    whole = PlantOperation(kind, str(seed), longitude).mean(begin_s, edges[-1])
    other = PlantOperation(kind, str(seed), longitude)
    pieces = list(itertools.pairwise(edges))[::-1]
    energy = sum((end - start) * other.mean(start, end) for start, end in pieces)
    assert energy == pytest.approx(whole * (edges[-1] - begin_s), rel=1e-6, abs=1e-6)
    assert whole <= other.highest(begin_s, edges[-1]) + 1e-9


def test_another_seed_is_another_day():
    for kind in KINDS:
        assert levels(kind, 2) != levels(kind, 2, "8:plant")
        assert levels(kind, 2) == levels(kind, 2)
