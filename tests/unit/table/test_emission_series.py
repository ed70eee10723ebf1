"""The lines of the chart, against a slow oracle that spreads every reading by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.readings.emission_factors import COUNTRIES, FUELS, SECTORS
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink import new_csv_rows
from labkit.sink.csv_row import HEADER, encode_row
from labkit.table import snapshot as snapshot_module
from labkit.table.emission_series import BUCKETS_S, default_bucket_s, emission_series
from labkit.table.snapshot import Snapshot
from labkit.table.table import Table

START = datetime(2026, 11, 23, 22, tzinfo=UTC)
BASE = Fleet(seed=7).reading(START, 1.0)
OTHER = {"facility_id": "DE-GAS-009", "facility": "Werk", "country": "DE", "fuel": "gas"}


def at(seconds: float, interval_s: float, co2_kg: float, **changes: Any) -> Reading:
    fields = BASE.model_dump() | {
        "recorded_at": START + timedelta(seconds=seconds),
        "interval_s": interval_s,
        "co2_kg": co2_kg,
        **changes,
    }
    return Reading(**fields)


def snapshot_of(folder: Path, readings: list[Reading]) -> Snapshot:
    folder.mkdir(parents=True, exist_ok=True)
    rows = (encode_row(0, offset, reading) for offset, reading in enumerate(readings))
    (folder / "0.csv").write_bytes(HEADER + b"".join(rows))
    table = Table(folder)
    table.refresh()
    assert table.snapshot.rows == len(readings)
    return table.snapshot


def line(payload: dict[str, Any], key: str) -> list[float | None]:
    (found,) = [one for one in payload["series"] if one["key"] == key]
    values: list[float | None] = found["values"]
    return values


def test_without_readings_the_lines_are_empty() -> None:
    assert emission_series(Snapshot()) == {
        "by": "sector",
        "unit": "t/h",
        "window_s": 900,
        "bucket_s": 5,
        "as_of": None,
        "times": [],
        "series": [],
    }


def test_a_steady_plant_is_a_flat_line_whatever_the_grid(tmp_path: Path) -> None:
    """Every 1.2 s a reading: 4 or 5 of them end in each bucket of 5 s, and it does not show."""
    readings = [at(1.2 * n, 1.2, 0.5) for n in range(1, 200)]
    payload = emission_series(snapshot_of(tmp_path, readings), window_s=120, bucket_s=5)
    values = line(payload, BASE.sector)
    assert len(values) == 24
    assert values == pytest.approx([0.5 / 1.2 * 3.6] * 24, rel=1e-3)
    assert payload["times"][0] < payload["times"][-1] < payload["as_of"]


def test_null_is_where_no_reading_covers_and_zero_where_one_says_zero(tmp_path: Path) -> None:
    readings = [at(10, 10, 1.0), at(20, 10, 0.0), at(40, 10, 2.0), at(50, 10, 1.0)]
    payload = emission_series(snapshot_of(tmp_path, readings), window_s=60, bucket_s=10)
    assert line(payload, BASE.sector) == [None, 0.36, 0.0, None, 0.72, 0.36]
    assert payload["times"][1] == "2026-11-23T22:00:00.000Z"
    assert payload["series"][0]["co2_kg"] == 4.0


def test_the_last_bucket_waits_for_every_facility_that_reports(tmp_path: Path) -> None:
    both = [at(10 * n, 10, 1.0) for n in range(1, 7)]
    both += [at(10 * n, 10, 1.0, **OTHER) for n in range(1, 6)]  # one behind
    behind = emission_series(snapshot_of(tmp_path / "behind", both), "facility", 60, 10)
    assert behind["times"][-1] == "2026-11-23T22:00:40.000Z"
    assert behind["as_of"] == "2026-11-23T22:01:00.000Z"
    late = [at(10 * n, 10, 1.0) for n in range(7, 12)]
    silent = emission_series(snapshot_of(tmp_path / "silent", both + late), "facility", 60, 10)
    assert silent["times"][-1] == "2026-11-23T22:01:40.000Z"
    assert line(silent, OTHER["facility_id"])[-1] is None


def test_a_facility_that_reports_by_the_day_is_not_waited_for(tmp_path: Path) -> None:
    readings = [at(0, 86_400, 5.0, **OTHER)] + [at(10 * n, 10, 1.0) for n in range(1, 7)]
    payload = emission_series(snapshot_of(tmp_path, readings), "facility", 60, 10)
    assert payload["times"][-1] == "2026-11-23T22:00:50.000Z"


def test_the_bucket_in_which_the_fleet_starts_up_is_left_out(tmp_path: Path) -> None:
    """Plants start one after another; their first sum would look like a jump in emissions."""
    readings = [
        at(n / 4, 5, 1.0, facility_id=f"PL-COAL-{n % 20:03d}") for n in range(40, 40 + 20 * 12)
    ]
    payload = emission_series(snapshot_of(tmp_path, readings), window_s=60, bucket_s=5)
    values = [value for value in line(payload, BASE.sector) if value is not None]
    assert len(values) >= 9
    assert values == pytest.approx([20 * 0.72] * len(values))
    assert line(payload, BASE.sector)[0] is None


def test_points_closer_than_the_readings_are_of_the_whole_fleet(tmp_path: Path) -> None:
    """A day's curve soon after the start: each plant reports every 30 s, and a point is 10 s."""
    plants = [f"PL-COAL-{n:03d}" for n in range(10)]
    readings = [
        at(30 * round_ + 3 * n, 30, 30.0, facility_id=plant)
        for round_ in range(1, 6)
        for n, plant in enumerate(plants)
    ]
    payload = emission_series(snapshot_of(tmp_path, readings), window_s=200, bucket_s=10)
    values = [value for value in line(payload, BASE.sector) if value is not None]
    assert len(values) >= 9
    assert values == pytest.approx([10 * 3.6] * len(values))


def test_plants_that_now_report_more_often_started_one_after_another(tmp_path: Path) -> None:
    readings = [
        at(n + after, interval_s, interval_s, facility_id=f"PL-COAL-{n:03d}")
        for n in range(10)
        for after, interval_s in [(0, 0.5), (10, 10), *((10 + 2 * k, 2) for k in range(1, 10))]
        if n + after <= 28
    ]
    readings.sort(key=lambda one: one.recorded_at)
    payload = emission_series(snapshot_of(tmp_path, readings), window_s=60, bucket_s=2)
    values = [value for value in line(payload, BASE.sector) if value is not None]
    assert len(values) >= 8
    assert values == pytest.approx([10 * 3.6] * len(values))


@pytest.mark.parametrize("by", ["sector", "country", "fuel", "facility"])
def test_lines_are_named_for_people(tmp_path: Path, by: Any) -> None:
    snapshot = snapshot_of(tmp_path, [at(10, 10, 1.0), at(10, 10, 3.0, **OTHER)])
    payload = emission_series(snapshot, by, 10, 10)
    labels = {one["key"]: one["label"] for one in payload["series"]}
    names = {"sector": SECTORS, "country": COUNTRIES, "fuel": FUELS}.get(by)
    if names is None:
        assert labels == {BASE.facility_id: BASE.facility, "DE-GAS-009": "Werk"}
    else:
        assert labels == {key: names[key] for key in labels}  # type: ignore[index]
    assert [one["key"] for one in payload["series"]] == sorted(labels)


def test_filters_choose_the_lines(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path, [at(10, 10, 1.0), at(10, 10, 3.0, **OTHER)])
    payload = emission_series(snapshot, "country", 10, 10, {"country": ["DE", "FR"]})
    assert [(one["key"], one["values"]) for one in payload["series"]] == [("DE", [1.08])]
    nothing = emission_series(snapshot, "country", 10, 10, {"country": ["FR"]})
    assert nothing["series"] == []
    assert nothing["as_of"] == payload["as_of"]


@pytest.mark.parametrize(
    ("window_s", "interval_s", "bucket_s"),
    [(120, 1.0, 1), (120, 1.2, 2), (900, 1.0, 5), (3600, 1, 30), (86_400, 1, 600), (900, 24, 30)],
)
def test_the_bucket_is_the_smallest_that_fits(
    window_s: int, interval_s: float, bucket_s: int
) -> None:
    assert default_bucket_s(window_s, interval_s) == bucket_s


def test_the_longest_window_has_a_bucket_and_so_has_the_longest_interval() -> None:
    assert default_bucket_s(7 * 86_400, 1) == BUCKETS_S[-1]
    assert default_bucket_s(900, 86_400) == BUCKETS_S[-1]


def test_the_shortest_interval_there_is_breaks_no_figure(tmp_path: Path) -> None:
    readings = [at(n, 1, 1.0) for n in range(1, 20)] + [at(20, 1e-12, 0.0)]
    for bucket_s in (1, 60):
        payload = emission_series(snapshot_of(tmp_path, readings), window_s=60, bucket_s=bucket_s)
        assert json.dumps(payload, allow_nan=False)


READING = st.builds(
    at,
    seconds=st.integers(0, 400_000).map(lambda ms: ms / 1000),
    interval_s=st.sampled_from([0.5, 1.0, 1.25, 7.0, 60.0, 60.001, 333.333]),
    co2_kg=st.integers(0, 5_000).map(lambda grams: grams / 1000),
    facility_id=st.sampled_from(["PL-COAL-001", "PL-COAL-002", "DE-GAS-001"]),
    sector=st.sampled_from(["power", "steel"]),
)


@settings(max_examples=60, deadline=None)
@given(
    readings=st.lists(READING, min_size=1, max_size=30),
    window_and_bucket_s=st.sampled_from([(10, 1), (60, 7), (300, 10), (600, 60), (1200, 120)]),
    rolled_up=st.integers(1, 40),
)
def test_values_are_those_of_spreading_each_reading_by_hand(
    tmp_path_factory: pytest.TempPathFactory,
    readings: list[Reading],
    window_and_bucket_s: tuple[int, int],
    rolled_up: int,
) -> None:
    window_s, bucket_s = window_and_bucket_s
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_module, "OPEN_ROWS", rolled_up)
        patch.setattr(
            new_csv_rows, "PIECE_BYTES", 300 * rolled_up
        )  # so that not all rows are added up
        snapshot = snapshot_of(tmp_path_factory.mktemp("spread"), readings)
    payload = emission_series(snapshot, "sector", window_s, bucket_s)
    kg: dict[tuple[str, int], float] = defaultdict(float)
    covered_s: dict[tuple[str, int], float] = defaultdict(float)
    buckets = [datetime.fromisoformat(time).timestamp() for time in payload["times"]]
    for reading in readings:
        end = reading.recorded_at.timestamp()
        begin = end - reading.interval_s
        for place, bucket in enumerate(buckets):
            overlap = min(end, bucket + bucket_s) - max(begin, bucket)
            if overlap > 0:
                kg[reading.sector, place] += reading.co2_kg * overlap / reading.interval_s
                covered_s[reading.sector, place] += overlap
    assert len(buckets) == window_s // bucket_s
    for one in payload["series"]:
        for place, value in enumerate(one["values"]):
            oracle = kg[one["key"], place] / bucket_s * 3.6
            covered = covered_s[one["key"], place] / bucket_s
            if value is not None:
                assert value == pytest.approx(oracle, abs=2e-5)
                assert covered > 0.499
            elif covered > 0.501:  # only where the fleet was starting up
                assert buckets[place] < max(one.timestamp_ms for one in readings) / 1000


def test_beyond_so_many_lines_the_smallest_are_added_up_in_one(tmp_path: Path) -> None:
    readings = [
        at(second, 1.0, float(number), facility_id=f"X-{number}", facility=f"plant {number}")
        for second in range(1, 61)
        for number in (3, 1, 4, 2)
    ]
    snapshot = snapshot_of(tmp_path, readings)
    whole = emission_series(snapshot, "facility", 40, 10)
    short = emission_series(snapshot, "facility", 40, 10, lines=2)
    keys = [(one["key"], one["label"]) for one in short["series"]]
    assert keys == [("X-3", "plant 3"), ("X-4", "plant 4"), ("", "2 others")]
    assert short["series"][:2] == whole["series"][2:]
    values = (one["values"] for one in whole["series"][:2])
    others = [sum(pair) for pair in zip(*values, strict=True)]
    assert short["series"][2]["values"] == pytest.approx(others)
