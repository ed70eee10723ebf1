"""Headline figures and facilities, against pandas over the same rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from csv_feed import TOPIC, CsvFeed

from labkit.readings.emission_factors import COUNTRIES, FUELS, SECTORS
from labkit.sink import new_csv_rows
from labkit.sink.segment_files import topic_dir
from labkit.table import snapshot as snapshot_module
from labkit.table.snapshot import Filters, Snapshot
from labkit.table.summary import facilities, summary
from labkit.table.table import Table

FILTERS: list[Filters] = [{}, {"country": ["PL", "DE"]}, {"sector": ["power"], "fuel": ["coal"]}]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("data")
    feed = CsvFeed(folder)
    feed.write(rounds=60, interval_s=2.5)
    feed.close()
    table = Table(topic_dir(folder, TOPIC))
    table.refresh()
    return table.snapshot


def chosen(snapshot: Snapshot, filters: Filters, window_s: int | None = None) -> pd.DataFrame:
    frame = snapshot.to_frame()
    if window_s is not None:
        frame = frame[
            frame["recorded_at"] > frame["recorded_at"].max() - pd.Timedelta(window_s, "s")
        ]
    for name, values in filters.items():
        frame = frame[frame[name].isin(list(values))]
    return frame


def grams(frame: pd.DataFrame) -> int:
    return sum(round(kg * 1000) for kg in frame["co2_kg"])


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("window_s", [None, 30, 100_000])
def test_figures_are_those_of_the_rows(
    snapshot: Snapshot, filters: Filters, window_s: int | None
) -> None:
    rows = chosen(snapshot, filters, window_s)
    figures = summary(snapshot, window_s, filters)
    assert figures["records"] == len(rows) > 0
    assert figures["co2_g"] == grams(rows)
    assert figures["co2_kg"] == figures["co2_g"] / 1000
    by_plant = rows.groupby("facility_id", observed=True)[["co2_kg", "interval_s"]].sum()
    rates = by_plant["co2_kg"] / by_plant["interval_s"] * 3.6
    assert figures["rate_t_per_h"] == pytest.approx(rates.sum(), abs=1e-3)
    assert figures["top_facility"]["facility_id"] == rates.idxmax()
    assert figures["top_facility"]["rate_t_per_h"] == pytest.approx(rates.max(), abs=1e-3)
    assert figures["over_25kt_per_year"] == (rates * 8760 > 25_000).sum()
    energy_mwh = (rows["load_mw"] * rows["interval_s"] / 3600).sum()
    intensity = rows["co2_kg"].sum() / energy_mwh
    assert figures["intensity_kg_per_mwh"] == pytest.approx(intensity, abs=1e-3)
    newest = rows["recorded_at"].max().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert figures["newest_recorded_at"] == newest


@pytest.mark.parametrize(
    ("by", "names"), [("sector", SECTORS), ("country", COUNTRIES), ("fuel", FUELS)]
)
def test_shares_are_largest_first_and_make_a_whole(
    snapshot: Snapshot, by: str, names: dict[str, str]
) -> None:
    shares = summary(snapshot)[f"by_{by}"]
    frame = snapshot.to_frame()
    assert {one["key"] for one in shares} == set(frame[by].unique())
    assert [one["co2_kg"] for one in shares] == sorted((s["co2_kg"] for s in shares), reverse=True)
    assert sum(one["share"] for one in shares) == pytest.approx(1, abs=1e-5)
    for one in shares:
        assert one["label"] == names[one["key"]]
        assert round(one["co2_kg"] * 1000) == grams(frame[frame[by] == one["key"]])


def test_each_facility_is_listed_once_with_its_newest_reading(snapshot: Snapshot) -> None:
    listed = {one["facility_id"]: one for one in facilities(snapshot)}
    frame = snapshot.to_frame()
    assert sorted(listed) == [one["facility_id"] for one in facilities(snapshot)]
    assert set(listed) == set(frame["facility_id"].unique())
    for facility_id, rows in frame.groupby("facility_id", observed=True):
        one, newest = listed[str(facility_id)], rows.iloc[-1]
        assert one["records"] == len(rows)
        assert round(one["co2_kg"] * 1000) == grams(rows)
        assert one["load_mw"] == newest["load_mw"]
        rate = newest["co2_kg"] / newest["interval_s"] * 3.6
        assert one["rate_t_per_h"] == pytest.approx(rate, abs=1e-3)
        for name in ("facility", "operator", "country", "sector", "fuel", "latitude", "longitude"):
            assert one[name] == newest[name]


def test_facilities_can_be_chosen(snapshot: Snapshot) -> None:
    countries = [one["country"] for one in facilities(snapshot, {"country": ["PL"]})]
    assert set(countries) == {"PL"}
    assert facilities(snapshot, {"country": ["XX"]}) == []


def test_where_there_is_nothing_the_figures_say_so() -> None:
    for window_s in (None, 60):
        figures = summary(Snapshot(), window_s)
        assert figures["records"] == figures["co2_g"] == figures["rate_t_per_h"] == 0
        assert figures["as_of"] is figures["top_facility"] is figures["newest_recorded_at"] is None
        assert figures["by_sector"] == []
    assert facilities(Snapshot()) == []


def test_a_filter_that_nothing_passes_is_an_empty_answer(snapshot: Snapshot) -> None:
    figures = summary(snapshot, None, {"fuel": ["peat", "no such"]})
    assert (figures["records"], figures["top_facility"], figures["by_fuel"]) == (0, None, [])
    assert figures["as_of"] is not None


@pytest.fixture(scope="module")
def in_small_chunks(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("late")
    now = datetime.now(UTC)
    feed = CsvFeed(folder)
    for rounds, minutes_ago in ((40, 1.0), (3, 0.0), (20, 0.5), (2, 2.0), (11, 0.0)):
        feed.write(rounds, until=now - timedelta(minutes=minutes_ago))
    feed.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_module, "OPEN_ROWS", 7)
        patch.setattr(new_csv_rows, "PIECE_BYTES", 1_000)  # fewer than seven rows
        table = Table(topic_dir(folder, TOPIC))
        table.refresh()
    assert sum(partition.closed for partition in table.snapshot.partitions.values()) > 200
    return table.snapshot


@pytest.mark.parametrize("window_s", [10, 31, 60, 75, 100, 149, 1000])
def test_chunks_add_up_to_their_rows(in_small_chunks: Snapshot, window_s: int) -> None:
    """Also where readings come late: a chunk is taken whole only if all of it is in the window."""
    rows = chosen(in_small_chunks, {}, window_s)
    figures = summary(in_small_chunks, window_s)
    assert (figures["records"], figures["co2_g"]) == (len(rows), grams(rows))
    by_plant = rows.groupby("facility_id", observed=True)[["co2_kg", "interval_s"]].sum()
    rates = by_plant["co2_kg"] / by_plant["interval_s"] * 3.6
    assert figures["rate_t_per_h"] == pytest.approx(rates.sum(), abs=1e-3)


@pytest.mark.parametrize("filters", FILTERS)
def test_every_group_has_its_rate_and_the_largest_facilities_come_first(
    snapshot: Snapshot, filters: Filters
) -> None:
    figures = summary(snapshot, None, filters, top=3)
    for name in ("by_sector", "by_country", "by_fuel"):
        rates = sum(group["rate_t_per_h"] for group in figures[name])
        assert rates == pytest.approx(figures["rate_t_per_h"], abs=0.01)
    largest = figures["by_facility"]
    rows = chosen(snapshot, filters)
    kg = rows.groupby("facility_id", observed=True)["co2_kg"].sum()
    assert [one["key"] for one in largest] == list(kg.sort_values(ascending=False).index[:3])
    assert figures["facilities"] == rows["facility_id"].nunique()
