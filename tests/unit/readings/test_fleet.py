import os
import subprocess
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.readings.emission_factors import FACTORS, SECTORS
from labkit.readings.facility import Facility
from labkit.readings.fleet import LOCALES, SUBSTITUTED_SHARE, Fleet, uuid7
from labkit.readings.malformed_values import BAD_RECORDS, BadRecord
from labkit.readings.reading import Reading

START = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def take(count: int, seed: int = 7, faults: float = 0.0, per_s: float = 20.0):
    return list(islice(Fleet(seed).readings(START, per_s, faults), count))


def good(count: int, seed: int = 7, per_s: float = 20.0) -> list[Reading]:
    return [item for item in take(count, seed, per_s=per_s) if isinstance(item, Reading)]


def test_same_seed_same_stream_in_another_process():
    script = (
        "import hashlib; from datetime import *; from itertools import islice;"
        "from labkit.readings.fleet import *;"
        "stream = Fleet(11).readings(datetime(2026, 11, 23, 22, tzinfo=UTC), 50, 0.05);"
        "print(hashlib.sha256(repr(list(islice(stream, 500))).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_is_another_fleet():
    assert Fleet(1).facilities != Fleet(2).facilities
    assert Fleet(1).facilities == Fleet(1).facilities


def test_the_fleet_is_a_mix():
    facilities = Fleet().facilities
    assert len(facilities) == len({f.facility_id for f in facilities}) == 24
    assert {f.sector for f in facilities} == set(SECTORS)
    assert len({f.country for f in facilities}) >= 8
    assert {f.sector for f in Fleet(size=12).facilities} == set(SECTORS)
    assert any(not f.operator.isascii() for f in facilities)


@pytest.mark.parametrize("seed", range(5))
def test_a_large_fleet_is_legal_in_every_country(seed):
    facilities = Fleet(seed, 300).facilities
    assert {f.country for f in facilities} == set(LOCALES)
    assert len({f.facility_id for f in facilities}) == len({f.facility for f in facilities}) == 300
    assert not any(f.facility.isupper() for f in facilities)


def test_physics_adds_up():
    """Work each reading out again from the published factor alone."""
    plants: dict[str, Facility] = {f.facility_id: f for f in Fleet().facilities}
    for reading in good(2_000):
        plant = plants[reading.facility_id]
        assert reading.factor_id == plant.factor_id
        mwh_of_heat = reading.load_mw / plant.efficiency * reading.interval_s / 3600
        kg = mwh_of_heat * 3.6 * FACTORS[reading.factor_id].kg_per_gj
        assert reading.co2_kg == pytest.approx(kg, abs=0.00051)
        assert 0 <= reading.load_mw <= plant.capacity_mw


def test_a_day_of_the_fleet_is_plausible():
    """The fleet's tonnes over a day lie between all plants at a third and all at full load."""
    plants = Fleet().facilities
    full_t_per_h = sum(f.capacity_mw * f.kg_per_mwh for f in plants) / 1000
    day = good(24 * 4 * 24, per_s=24 / 900)  # a reading per plant and quarter of an hour
    hours = sum(r.interval_s for r in day) / 3600 / len(plants)
    t_per_h = sum(r.co2_kg for r in day) / 1000 / hours
    assert hours == pytest.approx(24)
    assert 0.33 * full_t_per_h < t_per_h < full_t_per_h


def test_the_rate_does_not_change_the_tonnes():
    """Twice the readings cover half the time each."""
    slow = sum(r.co2_kg for r in good(24 * 60, per_s=2))
    fast = sum(r.co2_kg for r in good(24 * 600, per_s=20))
    assert fast == pytest.approx(slow, rel=0.05)


def test_times_are_even_and_intervals_meet():
    items = good(240, per_s=20)
    assert [r.recorded_at for r in items[:3]] == [
        START + timedelta(milliseconds=50 * n) for n in range(3)
    ]
    assert {r.interval_s for r in items} == {24 / 20}
    assert [r.facility_id for r in items[:24]] == [r.facility_id for r in items[24:48]]


def test_without_an_interval_a_reading_covers_the_time_since_the_last():
    fleet = Fleet(size=2)
    for _ in range(2):
        assert fleet.reading(START).interval_s == 5.0
    later = START + timedelta(seconds=90)
    assert fleet.reading(later).interval_s == 90.0
    assert fleet.reading(later).interval_s == 90.0
    assert fleet.reading(later).interval_s > 0  # the clock stood still
    assert fleet.reading(later - timedelta(hours=1)).interval_s > 0  # it was set back


def test_the_load_does_not_depend_on_how_often_a_plant_reports_or_was_started():
    """Two runs one after the other report what one run would have reported."""
    often, seldom = Fleet(size=3), Fleet(size=3)
    hour = timedelta(hours=1)
    grams = Counter()
    for minute in range(1, 61):
        if minute == 20:
            often = Fleet(size=3)  # its producer was started again
        for _ in range(3):
            reading = often.reading(START + timedelta(minutes=minute), 60.0)
            if reading.quality == "measured":
                grams[reading.facility_id] += reading.co2_kg
    for _ in range(3):
        whole = seldom.reading(START + hour, 3600.0)
        if whole.quality == "measured":
            # Up to a reading or two of 60 is substituted, and was left out above.
            assert 0.9 * whole.co2_kg < grams[whole.facility_id] < 1.0001 * whole.co2_kg


def test_a_fleet_goes_on_where_the_last_one_stopped():
    """The first readings of a second run cover neither what is reported already, nor less."""
    fleet = Fleet(size=3)
    until = {f.facility_id: START - timedelta(seconds=n) for n, f in enumerate(fleet.facilities)}
    fleet.go_on({**until, "unknown": START}, START, break_s=1.5)
    later = START + timedelta(seconds=0.25)
    # The third plant was silent for longer than the break: it starts again.
    assert [fleet.reading(later).interval_s for _ in range(3)] == [0.25, 1.25, 5.0]
    assert [fleet.reading(later + timedelta(seconds=5)).interval_s for _ in range(3)] == [5.0] * 3


def test_readings_now_are_of_now():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    reading = next(Fleet().readings_now())
    assert isinstance(reading, Reading)
    assert before <= reading.recorded_at <= datetime.now(UTC)


def test_faults_come_at_their_share():
    items = take(20_000, faults=0.05)
    bad = [item for item in items if isinstance(item, BadRecord)]
    assert len(bad) / len(items) == pytest.approx(0.05, abs=0.01)
    assert {item.name for item in bad} == set(BAD_RECORDS)
    assert all(item.facility_id for item in bad)
    assert not any(isinstance(item, BadRecord) for item in take(2_000))


def test_a_few_readings_are_substituted_and_never_too_low():
    items = good(20_000)
    substituted = [r for r in items if r.quality == "substituted"]
    assert len(substituted) / len(items) == pytest.approx(SUBSTITUTED_SHARE, abs=0.003)
    highest = Counter()  # of less than an hour
    for reading in items:
        if reading.quality == "substituted":
            assert reading.load_mw >= highest[reading.facility_id]
            continue
        highest[reading.facility_id] = max(highest[reading.facility_id], reading.load_mw)


def test_ids_are_uuid7_unique_and_in_the_order_of_time():
    items = good(2_000)
    ids = [uuid.UUID(r.reading_id) for r in items]
    assert {one.version for one in ids} == {7}
    assert {one.variant for one in ids} == {uuid.RFC_4122}
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == ids
    assert all(
        one.int >> 80 == reading.timestamp_ms for one, reading in zip(ids, items, strict=True)
    )


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_uuid7_keeps_all_its_bits(unix_ms, bits):
    made = uuid.UUID(uuid7(unix_ms, bits))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == unix_ms
    low = made.int & (2**62 - 1)
    assert (made.int >> 64 & 0xFFF) << 62 | low == bits
