import csv
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.core.errors import ReplayError
from labkit.readings.emission_factors import FACTORS
from labkit.readings.reading import Reading
from labkit.readings.replay import Replay
from labkit.readings.replay.known_titles import MEANINGS, TITLES, typed_meaning

MINIMAL = "time,co2_kg\n2026-01-01 00:00,100\n2026-01-01 01:00,110.5\n"


@pytest.fixture
def replay(tmp_path):
    """Write a CSV, and read it as readings."""

    def read(content: str | bytes, **arguments) -> list[Reading]:
        path = tmp_path / "own.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(Replay(path, **arguments).readings())

    return read


def refusal(replay, content: str | bytes, **arguments) -> str:
    with pytest.raises(ReplayError) as caught:
        replay(content, **arguments)
    assert caught.value.next_line
    return caught.value.what


def test_time_and_amount_are_enough(replay):
    first, second = replay(MINIMAL)
    assert first.recorded_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (first.co2_kg, second.co2_kg) == (100.0, 110.5)
    assert (first.interval_s, second.interval_s) == (3600.0, 3600.0)
    assert first.facility_id == second.facility_id  # one plant stands in for the whole file
    kg_per_mwh = first.co2_kg / first.load_mw
    assert kg_per_mwh > FACTORS[first.factor_id].kg_per_gj * 3.6 * 0.99


def test_a_full_file_is_kept_as_it_is(replay):
    rows = replay(
        "Timestamp,Plant,Plant ID,Owner,Country,Lat,Lon,Sector,Fuel Type,MW,CO2 (kg),Seconds\n"
        "2026-01-01T00:00:00+01:00,Ćmielów,X-1,=Zakład,PL,50.9,21.5,CEMENT,Petcoke,61.5,900.125,60\n"
    )
    (reading,) = rows
    assert reading.recorded_at == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert (reading.facility, reading.facility_id) == ("Ćmielów", "X-1")
    assert (reading.operator, reading.country) == ("=Zakład", "PL")
    assert (reading.latitude, reading.longitude) == (50.9, 21.5)
    assert (reading.sector, reading.fuel) == ("cement", "petcoke")
    assert (reading.load_mw, reading.co2_kg, reading.interval_s) == (61.5, 900.125, 60.0)
    assert reading.factor_id == "ipcc2006-petcoke+clinker"


def test_units(replay):
    assert replay("date,tCO2\n2026-01-01T00:00Z,1.5\n")[0].co2_kg == 1500.0
    (epa,) = replay("date,CO2 Mass (short tons)\n2026-01-01T00:00Z,2\n")
    assert epa.co2_kg == 1814.369


def test_emissions_follow_from_the_load(replay):
    (reading,) = replay("time,mw,fuel,sector,interval_s\n2026-01-01,100,gas,power,3600\n")
    heat_gj = reading.co2_kg / FACTORS["ipcc2006-gas"].kg_per_gj
    assert 0.3 < 100 * 3.6 / heat_gj < 0.65  # the efficiency of a gas plant


def test_semicolons_decimal_commas_and_a_byte_order_mark(replay):
    rows = replay(b"\xef\xbb\xbfOrt;time;co2_kg\r\nx;2026-01-01 00:00;12,5\r\n\r\n")
    assert [r.co2_kg for r in rows] == [12.5]


def test_facilities_borrow_from_different_plants(replay):
    rows = replay("time,plant,co2_t\n2026-01-01,A,1\n2026-01-01,B,1\n2026-01-02,A,2\n")
    assert [r.facility for r in rows] == ["A", "B", "A"]
    assert rows[0].operator != rows[1].operator
    assert rows[0].operator == rows[2].operator
    assert [r.interval_s for r in rows] == [86_400.0, 86_400.0, 86_400.0]  # the file's usual step


def test_what_is_borrowed_agrees_with_what_is_said(replay):
    (reading,) = replay("time,country,fuel,co2_kg\n2026-01-01 00:00,PL,coal,1\n")
    assert (reading.country, reading.fuel) == ("PL", "coal")
    assert 49 < reading.latitude < 55
    assert 14 < reading.longitude < 25


def test_the_same_file_makes_the_same_readings(replay):
    assert replay(MINIMAL) == replay(MINIMAL)
    assert replay(MINIMAL) != replay(MINIMAL, seed=8)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("time,co2_kg\n2026-01-01,1\n2026-01-02,abc\n", "line 3, column 'co2_kg': 'abc' is not a"),
        ("time,CO2 kg\n2026-01-01,nan\n", "line 2, column 'CO2 kg': 'nan' is empty"),
        ("time,co2_kg\n2026-01-01,-5\n", "line 2, column 'co2_kg': '-5' is below 0"),
        ("time,co2_kg\n2026-01-01,\n", "line 2, column 'co2_kg': '' is empty; expected an amount"),
        ("time,co2_kg\n,5\n", "line 2, column 'time': '' is empty; expected a time"),
        ("time,co2_kg\n01/02/2026,5\n", "line 2, column 'time': '01/02/2026' has the day or"),
        ("time,co2_kg\n2126-01-01,5\n", "'2126-01-01' is in the future"),
        ("time,co2_kg\n1926-01-01,5\n", "line 2, column 'time': '1926-01-01' is before 1970"),
        ("time,co2_kg\n2026-01-01,5,6\n", "line 2 has 3 columns, not 2"),
        ("time,co2_kg,fuel\n2026-01-01,5,wood\n", "line 2: fuel: 'wood' is unknown"),
        ("time,co2_kg,interval_s\n2026-01-01,5,0\n", "column 'interval_s': '0' is not above 0"),
        ('time,co2_kg,plant\n2026-01-01,5,"a\nb"\n', "line 2: "),
        ("time,co2_kg,lat\n2026-01-01,5,95\n", "line 2: latitude: 95.0 is above 90"),
        ('time,co2_kg\n2026-01-01,"1,5"\n2026-01-02,1.5\n', "have different decimal signs"),
        ("time;co2_kg\n2026-01-01;1.234.5\n", "'1.234.5' is not a number"),
        ("co2_kg\n5\n", "line 1: no column says when"),
        ("time\n2026-01-01\n", "line 1: no column says how much"),
        ("time,co2_kg,CO2\n", "line 1: the columns 'co2_kg' and 'CO2' both mean co2"),
        ("", "line 1: there is no header; the file is empty"),
        (b"time,co2_kg\n2026-01-01,1\n2026-01-02,\xff\n", "line 3, column 'co2_kg': 'ÿ' is not a"),
    ],
)
def test_a_wrong_file_is_refused_by_line(replay, content, expected):
    said = refusal(replay, content)
    assert said.startswith("own.csv line ")
    assert expected in said


def test_nothing_is_given_of_a_table_with_a_wrong_row(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(MINIMAL + "2026-01-01 02:00,x\n2026-01-01 03:00,\n", encoding="utf-8")
    wrong = Replay(path)
    with pytest.raises(ReplayError, match=r"line 4, column 'co2_kg'.*1 more row.*nothing was sent"):
        next(wrong.readings())
    assert [bad.line for bad in wrong.bad_rows] == [4, 5]
    with pytest.raises(ReplayError, match="line 4"):  # it is not only empty
        next(Replay(path, skip_empty=True).readings())
    left = Replay(path, skip_bad=True)
    assert [r.co2_kg for r in left.readings()] == [100.0, 110.5]
    assert (left.totals.unusable_rows, left.totals.empty_rows) == (1, 1)


def test_no_such_file(tmp_path):
    with pytest.raises(ReplayError, match="cannot be read"):
        Replay(tmp_path / "nowhere.csv")


def test_every_title_means_one_thing():
    names = [name for field, names in TITLES.items() for name in (field, *names)]
    assert len(names) == len(set(names))
    assert all(typed_meaning(word) is not None for word in MEANINGS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.sampled_from(",;\t"))
def test_the_grams_of_the_file_are_the_grams_of_the_readings(tmp_path_factory, amounts, delimiter):
    path = tmp_path_factory.mktemp("replay") / "own.csv"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["recorded_at", "co2_kg"])
        for number, amount in enumerate(amounts):
            writer.writerow([(start + timedelta(hours=number)).isoformat(), amount / 1000])
    assert sum(round(r.co2_kg * 1000) for r in Replay(path, decimal="point").readings()) == sum(
        amounts
    )


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "long.csv"
    start = datetime(2020, 1, 1, tzinfo=UTC)
    lines = [f"{(start + timedelta(seconds=n)).isoformat()},a,1\n" for n in range(4_000)]
    path.write_text("time,plant,co2_kg\n" + "".join(lines), encoding="utf-8")
    rows = Replay(path).readings()
    for _ in range(1_000):
        next(rows)
    tracemalloc.start()
    assert sum(1 for _ in rows) == 3_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000  # a reading alone is 2 kB; 3,000 of them would be millions
