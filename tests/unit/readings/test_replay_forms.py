"""Tables in the forms of public data files: read rightly, or refused with the next line to type."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from filled_log import TOPIC, feed, open_log, reading

from labkit.core.errors import ReplayError
from labkit.readings.reading import Reading
from labkit.readings.replay import Replay
from labkit.table.export import export_readings

EPA = (
    "State,Facility Name,Facility ID,Unit ID,Date,Hour,Operating Time,Gross Load (MW),"
    "CO2 Mass (short tons),CO2 Mass Measure Indicator,Primary Fuel Type\n"
)
SMARD = "Datum von;Datum bis;Braunkohle [MWh] Auflösung;Erdgas [MWh] Auflösung\n"
SMARD_ROWS = (
    "29.10.2023 01:00;29.10.2023 02:00;8.123,25;1.234,5\n"
    "29.10.2023 02:00;29.10.2023 03:00;8.000;1.200\n"
    "29.10.2023 02:00;29.10.2023 03:00;7.900;1.100\n"
    "29.10.2023 03:00;29.10.2023 04:00;-;1.000\n"
)
UCI = (
    "Date;Time;CO(GT);T;;\n13/03/2004;18.00.00;2,6;13,6;;\n13/03/2004;19.00.00;-200;13,3;;\n;;;;;\n"
)
SENSOR = "date,co2,temperature,humidity\n2024-03-01 10:00:00,612,21.5,40\n"
ELECTRICITY_MAPS = (
    "Datetime (UTC),Country,Zone id,Carbon intensity gCO₂eq/kWh (direct),Data source\n"
    "2024-01-01 00:00:00,Germany,DE,250.12,entsoe.eu\n"
)


@pytest.fixture
def replay(tmp_path):
    """Write a table, and look it through."""

    def look(content: str | bytes, **options) -> Replay:
        path = tmp_path / "own.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Replay(path, **options)

    return look


def refusal(replay, content: str | bytes, **options) -> ReplayError:
    with pytest.raises(ReplayError) as caught:
        next(replay(content, **options).readings())
    return caught.value


def test_us_epa_hours_units_fuels_and_quality(replay):
    table = replay(
        EPA
        + "TX,Test,99001,1,2023-01-01,22,1.00,100,100.5,Measured,Pipeline Natural Gas\n"
        + "TX,Test,99001,1,2023-01-01,23,1.00,101,101.5,Substitute,Pipeline Natural Gas\n"
        + "TX,Test,99001,2,2023-01-01,22,1.00,100,50.5,Measured,Diesel Oil\n"
    )
    first, second, other = table.readings()
    assert [r.recorded_at.hour for r in (first, second, other)] == [22, 23, 22]
    assert (first.facility_id, other.facility_id) == ("99001-1", "99001-2")
    assert (first.fuel, other.fuel) == ("gas", "diesel")
    assert (first.quality, second.quality) == ("measured", "substituted")
    assert {r.country for r in (first, second, other)} == {"US"}
    assert first.load_mw == 100.0
    assert [r.co2_kg for r in (first, other)] == [91_172.066, 45_812.829]
    said = table.report()
    assert "'Pipeline Natural Gas' is gas" in said
    assert "country US" in said
    assert "'State'" in said


def test_us_epa_without_units_is_refused_not_mixed(replay):
    rows = (
        EPA
        + "TX,Test,99001,1,2023-01-01,0,1.00,100,100.5,Measured,Coal\n"
        + "TX,Test,99001,2,2023-01-01,0,1.00,100,50.5,Measured,Coal\n"
    )
    error = refusal(replay, rows, columns={"Unit ID": "ignore"})
    assert "line 3" in error.what
    assert "already the time of line 2, of the same facility '99001'" in error.what
    assert "--map COLUMN=unit" in error.next_line
    assert len(list(replay(rows).readings())) == 2


def test_us_epa_idle_hours_are_left_out_when_asked(replay):
    rows = (
        EPA
        + "TX,Test,9,1,2023-01-01,0,1.00,100,100.5,Measured,Coal\n"
        + "TX,Test,9,1,2023-01-01,1,0.00,,,,Coal\n"
        + "TX,Test,9,1,2023-01-01,2,1.00,100,100.5,Measured,Coal\n"
    )
    error = refusal(replay, rows)
    assert "line 3, column 'CO2 Mass (short tons)'" in error.what
    assert "--skip-empty" in error.next_line
    table = replay(rows, skip_empty=True)
    assert [r.recorded_at.hour for r in table.readings()] == [0, 2]
    assert [r.interval_s for r in table.readings()] == [3600.0, 3600.0]  # not two hours
    assert "left out" in table.report()
    assert "1 row without an amount" in table.report()


def test_smard_german_numbers_and_the_hour_that_comes_twice(replay):
    error = refusal(replay, SMARD + SMARD_ROWS)
    assert "'Braunkohle [MWh] Auflösung', 'Erdgas [MWh] Auflösung'" in error.what
    assert "--map 'Braunkohle [MWh] Auflösung=MWh'" in error.next_line
    answers = {"columns": {"#3": "MWh"}, "values": {"fuel": "lignite", "country": "DE"}}
    assert "line 4" in refusal(replay, SMARD + SMARD_ROWS, skip_empty=True, **answers).what
    table = replay(SMARD + SMARD_ROWS, zone="Europe/Berlin", skip_empty=True, **answers)
    readings = list(table.readings())
    assert [r.load_mw for r in readings] == [8123.25, 8000.0, 7900.0]
    midnight = datetime(2023, 10, 29, 0, 0, tzinfo=UTC)
    assert [r.recorded_at - midnight for r in readings] == [timedelta(hours=n) for n in (0, 1, 2)]
    assert [r.interval_s for r in readings] == [3600.0] * 3
    assert {(r.country, r.fuel) for r in readings} == {("DE", "lignite")}


def test_uci_air_quality_has_no_co2_and_says_so(replay):
    assert "no column says how much" in refusal(replay, UCI).what
    told = replay(UCI, columns={"CO(GT)": "g"}, skip_bad=True)
    (row,) = told.readings()
    assert row.recorded_at == datetime(2004, 3, 13, 18, tzinfo=UTC)
    assert (told.totals.rows, told.totals.unusable_rows) == (2, 1)


def test_our_world_in_data_covers_years(replay):
    table = "country,year,co2\nGermany,2020,647.2\nGermany,2021,678.8\n"
    assert "says no unit" in refusal(replay, table).what
    error = refusal(replay, table, columns={"co2": "t"})
    assert "366 days apart, and a reading covers at most a day" in error.what
    daily = "date,plant,co2_t\n2019-12-31,A,32\n2020-12-31,A,30\n"
    assert "days apart" in refusal(replay, daily).what
    assert [r.interval_s for r in replay(daily, interval="1d").readings()] == [86_400.0] * 2


def test_codecarbon_milligrams_add_up(replay):
    start = datetime(2024, 5, 30, 11, tzinfo=UTC)
    rows = [f"{start + timedelta(seconds=n):%Y-%m-%dT%H:%M:%S},1,4.0e-04" for n in range(10)]
    table = replay("timestamp,duration_s,co2_kg\n" + "\n".join(rows))
    assert sum(round(r.co2_kg * 1000) for r in table.readings()) == 4
    assert table.left_below_a_gram == 0
    own = "timestamp,run_id,duration,emissions\n2024-05-30T11:00:00,a1,15.0,0.0005\n"
    error = refusal(replay, own)
    assert "'emissions' says no unit" in error.what
    assert "--map emissions=UNIT" in error.next_line
    (reading,) = replay(own, columns={"emissions": "kg", "duration": "s"}).readings()
    assert reading.interval_s == 15.0


def test_a_room_sensors_ppm_are_not_kilograms(replay):
    error = refusal(replay, SENSOR)
    assert "'co2' says no unit" in error.what
    assert "ppm is a concentration" in error.what
    for title in ("co2_ppm", "CO2 [ppm]", "CO2 concentration"):
        error = refusal(replay, SENSOR.replace("co2", title))
        assert f"{title!r} is CO2 per something else" in error.what


def test_electricity_maps_intensity_is_not_an_amount(replay):
    error = refusal(replay, ELECTRICITY_MAPS)
    assert "'Carbon intensity gCO₂eq/kWh (direct)' is CO2 per something else" in error.what


def test_the_labs_own_export_comes_back_equal(tmp_path):
    with open_log(tmp_path) as log:
        feed(log, range(40))
    export_readings(tmp_path / "out.csv", tmp_path, TOPIC)
    sent = [reading(offset) for offset in range(40) if offset % 7 != 6]
    path = tmp_path / "out.csv"
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    for number, one in enumerate(sent):  # the log's rows share an id; give each its own
        unique = f"{one.reading_id[:-4]}{number:04}"
        quality = "substituted" if number % 3 else "measured"
        sent[number] = Reading(**{**one.model_dump(), "reading_id": unique, "quality": quality})
        lines[number + 1] = lines[number + 1].replace(one.reading_id, unique)
        lines[number + 1] = lines[number + 1].replace(",measured", f",{quality}")
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    assert list(Replay(path).readings()) == sent
    path.write_text("\n".join([*lines, lines[-1]]), encoding="utf-8-sig")
    with pytest.raises(ReplayError, match=r"line 37, .*is already the id of line 36"):
        next(Replay(path).readings())


def test_quality_is_kept_and_an_unknown_one_refused(replay):
    rows = "recorded_at,facility_id,co2_kg,quality\n2023-01-01T00:00Z,A,160.5,measured\n"
    second = "2023-01-01T01:00Z,A,171,substituted\n"
    assert [r.quality for r in replay(rows + second).readings()] == ["measured", "substituted"]
    assert "line 3, column 'quality': 'guessed' is unknown" in (
        refusal(replay, rows + second.replace("substituted", "guessed")).what
    )


@pytest.mark.parametrize(
    ("content", "kilograms"),
    [
        (b"time,co2_kg\r2024-01-01 00:00,12.5\r2024-01-01 01:00,12.6\r", [12.5, 12.6]),
        ('time;co2_kg;"remark (a, b, c)"\n2024-01-01 00:00;12,5;x\n', [12.5]),
        ("sep=;\ntime;co2_kg\n2024-01-01 00:00;12,5\n", [12.5]),
        ("Datetime (UTC),CO₂ (kg)\n2024-01-01 00:00,5\n", [5.0]),
        ("time,co2_kg\n2024-01-01 00:00,5\n".encode("utf-16"), [5.0]),
        ("time,plant,co2_kg\n2024-01-01 00:00,Süd,5\n".encode("cp1252"), [5.0]),
        ('time,co2_kg\n2024-01-01 00:00,"1,234.5"\n', [1234.5]),
        ("time;co2_kg\n2024-01-01 00:00;1 234,5\n", [1234.5]),
        ("time;co2_kg\n2024-01-01 00:00;1'234.5\n", [1234.5]),
        ("time,co2_kg\n\n2024-01-01 00:00,5\n,\n\n", [5.0]),
        ("time,co2_kg,,\n2024-01-01 00:00,5,,\n", [5.0]),
        ("time,co2_kg\n1704067200,5\n1704070800,6\n", [5.0, 6.0]),
        ("date,time,co2_kg\n2024-01-01,24:00,5\n", [5.0]),
    ],
)
def test_other_ways_to_write_a_table_are_read(replay, content, kilograms):
    assert [r.co2_kg for r in replay(content).readings()] == kilograms


@pytest.mark.parametrize(
    ("content", "what", "next_line"),
    [
        (
            'time,co2_kg,note\n2024-01-01 00:00,5,ok\n2024-01-01 01:00,6,"left open\n'
            + "".join(f"2024-01-01 0{n}:00,{n},ok\n" for n in range(2, 8)),
            "line 3: a quotation mark is opened in this line and not closed",
            "open line 3",
        ),
        (
            'time,co2_kg,note\n2024-01-01 00:00,6,"left open\n2024-01-01 01:00,7,ok\n'
            '2024-01-01 02:00,8,"\n',
            "line 2: a quotation mark is opened in this line and not closed",
            "open line 2",
        ),
        (
            'time,co2_kg,note\n2024-01-01 00:00,6,"left open\n',
            "line 2: a quotation mark is opened in this line and not closed",
            "open line 2",
        ),
        (
            'time,co2_kg,note\n2024-01-01 00:00,6,"closed" too soon\n',
            "line 2: a quotation mark is opened in this line and not closed",
            "open line 2",
        ),
        (
            "time,co2_kg,co2_t\n2024-01-01 00:00,5000,7\n",
            "the columns 'co2_kg' and 'co2_t' both mean co2",
            "--map co2_t=ignore",
        ),
        (
            "time;load\n2023-12-24 02:00;37.932\n",
            "the column 'load' says no unit; it may be MW, kW, GW",
            "--map load=UNIT",
        ),
        (
            "time,co2_kg\n2024-01-01 00:00,5\n03.01.2024 00:00,5\n",
            "line 3, column 'time': '03.01.2024 00:00' is another form of time",
            "--dates",
        ),
        (
            "date,timestamp,co2_kg\n2024-01-01,2024-01-01 00:00,5\n",
            "the columns 'date' and 'timestamp' both say when",
            "--map 'date=ignore'",
        ),
        ("time,plant,co2_kg\n2024-01-01,A,5\n2024-01-02,,5\n", "line 3, column 'plant': ''", ""),
        (b"time,co2_kg\n2024-01-01,\x81\n", "near line 1 is not cp1252: byte 0x81", "--encoding"),
    ],
)
def test_what_is_open_or_broken_is_refused_with_the_way_on(replay, content, what, next_line):
    error = refusal(replay, content)
    assert what in error.what
    assert next_line in error.next_line


def test_every_answer_is_an_option_that_the_command_has(replay):
    """A next line that starts with an option is typed as a whole command."""
    error = refusal(replay, SENSOR)
    assert error.next_line.startswith("labkit replay ")
    assert Path(error.next_line.split()[2]).name == "own.csv"


def test_a_number_of_the_row_is_not_a_facility(replay):
    rows = "id,timestamp,name,co2_kg\n1,2024-01-01 00:00,A,5\n2,2024-01-01 00:15,A,5\n"
    table = replay(rows)
    assert {r.facility_id for r in table.readings()} == {"A"}
    assert "'id': it numbers the rows" in table.report()
    repeating = rows + "1,2024-01-01 00:30,A,5\n"
    assert {r.facility_id for r in replay(repeating).readings()} == {"1", "2"}


def test_more_facilities_than_any_limit(replay):
    """10,000 was one: facilities beyond it were forgotten, and their intervals changed."""
    head = "time,plant,co2_kg\n"
    rows = [f"2024-01-0{day},P{n},1.5\n" for day in (1, 2) for n in range(10_500)]
    readings = list(replay(head + "".join(rows)).readings())
    assert {r.interval_s for r in readings} == {86_400.0}
    assert len({(r.facility_id, r.operator, r.latitude) for r in readings}) == 10_500


def test_a_gap_is_not_covered_and_rows_may_be_in_any_order(replay):
    rows = [f"2024-01-01 {hour:02}:00,{hour}.5\n" for hour in (0, 1, 2, 9, 10)]
    forward = list(replay("time,co2_kg\n" + "".join(rows)).readings())
    assert {r.interval_s for r in forward} == {3600.0}
    backward = list(replay("time,co2_kg\n" + "".join(reversed(rows))).readings())
    assert {r.recorded_at: r.interval_s for r in forward} == {
        r.recorded_at: r.interval_s for r in backward
    }
    assert all(one.recorded_at > two.recorded_at for one, two in pairwise(backward))


@pytest.mark.parametrize(
    "title",
    ["co2_kg", "CO2 [kg]", "kg CO₂", "kgCO2e", "Emissions (kg CO2eq)", "Total CO2 (kg)", "KG"],
)
def test_titles_with_a_unit(replay, title):
    (reading,) = replay(f"time,{title}\n2024-01-01 00:00,5\n").readings()
    assert reading.co2_kg == 5.0


def test_a_second_column_that_says_when_is_told(replay):
    table = replay("timestamp,hour,co2_kg\n2024-01-01 07:00,7,5\n")
    assert [r.recorded_at.hour for r in table.readings()] == [7]
    assert "'hour': 'timestamp' says when" in table.report()


def test_from_a_line_on(replay):
    rows = "time,co2_kg\n" + "".join(f"2024-01-01 0{hour}:00,{hour}.5\n" for hour in range(5))
    table = replay(rows, from_line=4)
    assert [line for line, _ in table.numbered_readings()] == [4, 5, 6]
    assert table.totals.readings == 3
    assert [r.reading_id for r in table.readings()] == [
        r.reading_id for r in replay(rows).readings()
    ][2:]


@pytest.mark.parametrize(
    ("content", "what", "next_line"),
    [
        ("year,country,co2_t\n2020,Germany,1\n", "a row is of a year", "hourly or daily"),
        ("time,co2_t\n2024-01,1\n", "a row is of a month", "hourly or daily"),
        ("time,co2_t\n2024-W20,1\n", "a row is of a week", "hourly or daily"),
        ("site,2019,2020\nA,1,2\n", "its titles are of years: '2019, 2020'", "hourly or daily"),
        ("time,co2,co2\n2024-01-01,1,2\n", "says no unit", "--map '#2=UNIT' --map '#3=UNIT'"),
        ("", "the file is empty", "cut off"),
        ("# by X\n# in kg\ntime;co2_kg\n2024-01-01;1\n", "seems to be line 3", "tail -n +3 "),
        ('{"time": "2024-01-01", "co2_kg": 1}\n', "is JSON", "CSV UTF-8"),
        ("time,co2_kg\n1850-01-01,1\n", "is before 1970", "line 2"),
        ("time,co2_kg\n45425.5,1\n", "may be Excel's number of a day", "line 2"),
        ("time,co2_kg\n2024-05-13 00:00 AEST,1\n", "state --zone", "line 2"),
        (
            "time,co2_kg\n2024-10-27 02:00,1\n2024-10-27 02:00,2\n",
            "is already the time of line 2",
            "--zone Europe/Berlin",
        ),
        (
            "time,city,co2_kg\n2024-05-13 02:00,A,1\n2024-05-13 02:00,B,2\n",
            "is already the time of line 2",
            "--map COLUMN=facility",
        ),
    ],
)
def test_what_is_refused_is_told_by_what_the_table_shows(replay, content, what, next_line):
    error = refusal(replay, content)
    assert what in error.what
    assert next_line in error.next_line


def test_a_title_of_co2_per_something_is_never_advised_to_be_an_amount(replay):
    error = refusal(replay, "time,CO2 intensity (g/kWh)\n2024-01-01,75\n")
    assert "not an amount" in error.what
    assert "--map" not in error.next_line


def test_zero_bytes_at_the_end_are_not_utf_16(replay):
    rows = "time,co2_kg\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n" + "\0" * 500
    assert "line 4 has 1 columns" in refusal(replay, rows).what
    assert len(list(replay(rows, skip_bad=True).readings())) == 2


def test_parts_of_seconds_and_the_words_of_pandas_for_no_value(replay):
    rows = "time,co2_kg\n1715587200000000,1\n1715590800000000,2\n1715594400000000,NaN\n"
    assert "--skip-empty" in refusal(replay, rows).next_line
    first, second = replay(rows, skip_empty=True).readings()
    assert first.recorded_at == datetime(2024, 5, 13, 8, tzinfo=UTC)
    assert second.recorded_at - first.recorded_at == timedelta(hours=1)


def test_what_is_counted_begins_at_the_line_that_was_stated(replay):
    rows = "time,co2_kg\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n"
    table = replay(rows, from_line=3)
    assert (table.totals.readings, table.totals.from_co2) == (1, 1)


def test_without_a_usable_row_no_facility_is_named(replay):
    assert "none, as no row can be used" in replay("time,co2_kg\n2024-01-01,x\n").report()


@pytest.mark.parametrize(
    ("title", "unit", "quantity"),
    [
        ("CO₂-Emissionen in t", "t", "co2"),
        ("Émissions de CO2 (t)", "t", "co2"),
        ("CO2排出量（t）", "t", "co2"),
        ("Gross Load (MWh)", "MWh", "energy"),
        ("Generation (MW)", "MW", "load"),
    ],
)
def test_a_title_says_its_unit_however_it_is_put(replay, title, unit, quantity):
    table = replay(f"Zeit,{title}\n2024-01-01 00:00,5\n", values={"fuel": "gas"})
    column = table.mapping.columns[quantity]
    assert column.meaning.unit == unit


def test_a_load_alone_needs_its_fuel_because_the_co2_depends_on_it(replay):
    error = refusal(replay, "time,load_mw\n2024-01-01 00:00,5\n2024-01-01 01:00,5\n")
    assert "nothing says of which fuel" in error.what
    assert "--set fuel=gas " in error.next_line
    report = replay("time,load_mw\n2024-01-01 00:00,5\n", values={"fuel": "gas"}).report()
    assert re.search(r"worked out from the load for 1 row, at \d{3} kg per MWh", report)


@pytest.mark.parametrize("title", ["kWh", "Consumption kWh", "usage_kWh"])
def test_a_unit_for_a_title_is_offered_and_not_taken(replay, title):
    error = refusal(replay, f"time,{title}\n2024-01-01 00:00,5\n2024-01-01 01:00,5\n")
    assert f"which column is the amount: {title!r}" in error.what
    assert f"{title}=kWh" in error.next_line


def test_tons_are_asked_for_because_each_country_has_its_own(replay):
    error = refusal(replay, "Zeit,co2_tons\n2024-01-01 00:00,5\n")
    assert "may be t (1,000 kg) or short-tons" in error.what
    assert "--map co2_tons=UNIT" in error.next_line
    (one,) = replay("Zeit,co2_tons\n2024-01-01 00:00,5\n", columns={"co2_tons": "t"}).readings()
    assert one.co2_kg == 5000.0


def test_several_fuels_in_a_cell_are_a_label_but_never_decide_an_amount(replay):
    fuels = '"Coal, Pipeline Natural Gas"'
    both = EPA + f"TX,Test,9,1,2023-01-01,0,1.00,100,100.5,Measured,{fuels}\n"
    table = replay(both)
    assert [(r.fuel, r.co2_kg) for r in table.readings()] == [("coal", 91_172.066)]
    assert "'Coal, Pipeline Natural Gas' is coal" in table.report()
    load_only = both.replace("100.5", "")
    assert "are several fuels" in refusal(replay, load_only).what
    assert "--set fuel=coal" in refusal(replay, load_only).what
    assert len(list(replay(load_only, values={"fuel": "gas"}).readings())) == 1


@pytest.mark.parametrize(
    ("cell", "zone", "end", "seconds"),
    [
        ("01.01.2026 00:00 - 01.01.2026 00:15 (CET/CEST)", "CET", "2025-12-31T23:15", 900),
        ("01.01.2026 00:00 – 00:15", None, "2026-01-01T00:15", 900),
        ("2026-01-01 23:00 - 24:00", None, "2026-01-02T00:00", 3600),
        ("2026-01-01T00:00Z/2026-01-01T01:00Z", None, "2026-01-01T01:00", 3600),
        ("26/10/2025 02:00:00 (CET) - 26/10/2025 02:15:00 (CET)", None, "2025-10-26T01:15", 900),
        ("26/10/2025 02:45 (CEST) - 26/10/2025 02:00 (CET)", None, "2025-10-26T01:00", 900),
    ],
)  # fmt: skip
def test_a_beginning_and_an_end_in_one_cell(replay, cell, zone, end, seconds):
    (one,) = replay(f"MTU,co2_kg\n{cell},5\n", zone=zone).readings()
    assert one.recorded_at == datetime.fromisoformat(f"{end}+00:00")
    assert one.interval_s == seconds


@pytest.mark.parametrize("title", ["MTU (CET/CEST)", "Time (CET/CEST)", "Datum (CET)"])
def test_a_zone_that_a_title_names_is_asked_for(replay, title):
    table = f"{title},co2_kg\n2026-01-01 00:00,5\n"
    error = refusal(replay, table)
    assert "the times are in CE" in error.what
    assert "--zone Europe/Brussels" in error.next_line
    (one,) = replay(table, zone="Europe/Brussels").readings()
    assert one.recorded_at == datetime(2025, 12, 31, 23, tzinfo=UTC)


INFLUX = (
    "#group,false,false,true,false\n#datatype,string,long,dateTime:RFC3339,double\n"
    "#default,_result,,,\n,result,table,_time,co2_kg\n,,0,2026-01-01T00:00:00Z,5\n\n"
)


def test_influxdbs_annotations_are_left_out_and_its_long_form_is_named(replay):
    again = INFLUX.replace("T00:", "T01:")
    table = replay(INFLUX + again)
    assert [r.recorded_at.hour for r in table.readings()] == [0, 1]
    assert "1 repeated header" in table.report()
    assert "'#1': it is empty, and has no title" in table.report()
    long = ",result,table,_time,_value,_field\n,,0,2026-01-01T00:00:00Z,5,co2\n"
    error = refusal(replay, long)
    assert "InfluxDB's long form" in error.what
    assert "pivot(" in error.next_line
    answers = {"columns": {"_field": "ignore", "_value": "kg"}}
    assert [r.co2_kg for r in replay(long, **answers).readings()] == [5.0]


@pytest.mark.parametrize(
    ("days", "why"),
    [((1,), "no facility has two rows"), ((1, 2, 5, 12), "the rows are not evenly spaced")],
)
def test_dates_without_a_time_of_day_cover_a_day_only_if_the_table_shows_it(replay, days, why):
    table = "date,co2_kg\n" + "".join(f"2026-01-{day:02},5\n" for day in days)
    error = refusal(replay, table)
    assert f"its dates have no time of day, and {why}" in error.what
    assert "--interval 1d" in error.next_line
    assert {r.interval_s for r in replay(table, interval="1d").readings()} == {86_400.0}
    daily = "date,co2_kg\n01.03.2026,5\n02.03.2026,5\n04.03.2026,5\n"
    assert [r.interval_s for r in replay(daily).readings()] == [86_400.0] * 3


@pytest.mark.parametrize(
    ("note", "what", "next_line"),
    [
        (r'"he said \"x\" ok"', r"a quotation mark inside a cell is written \"", "sed"),
        (r'"he said \", ok"', r"a cell ends with \;", "line 2"),
        ("x" * 140_000, "line 2: a cell has more than 131,072 characters", "shorten"),
    ],
    ids=["escaped", "escaped before a comma", "long"],
)
def test_what_only_looks_like_an_open_quotation_mark(replay, note, what, next_line):
    error = refusal(replay, f"time,co2_kg,note\n2026-01-01 00:00,5,{note}\n")
    assert what in error.what
    assert next_line in error.next_line


def test_times_with_and_without_a_zone_in_one_column(replay):
    table = "time,co2_kg\n2026-01-01T00:00Z,1\n2026-01-01T02:00,2\n"
    error = refusal(replay, table)
    assert "line 3, column 'time': the time in line 2 has a zone, the one in line 3" in error.what
    assert "--zone UTC" in error.next_line
    stated = replay(table, zone="Europe/Berlin")
    assert [r.recorded_at.hour for r in stated.readings()] == [0, 1]
    assert "Europe/Berlin where no zone is written (first in line 3)" in stated.report()


@pytest.mark.parametrize(
    "marker", ["<NA>", "NA", "N/A", "k.A.", "#DIV/0!", "#N/V", "#NV", "-", "null", "NaN"]
)
def test_a_marker_for_no_value_is_an_amount_that_is_missing(replay, marker):
    table = f"time,co2_kg\n2026-01-01 00:00,1\n2026-01-01 01:00,{marker}\n"
    error = refusal(replay, table)
    assert f"line 3, column 'co2_kg': {marker!r} is empty" in error.what
    assert "--skip-empty" in error.next_line
    assert len(list(replay(table, skip_empty=True).readings())) == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2026-01-01 01:00,\u22125", "is below 0"),
        ("2026-01-01 01:00,5 kg", "a unit belongs into the title"),
        ("Summe,5", "seems to be a footer"),
        ("Total,5", "seems to be a footer"),
        ("1/1/26,5", "has a year of two digits"),
    ],
)
def test_a_row_is_refused_with_its_true_reason_and_may_be_left_out(replay, row, why):
    table = f"time,co2_kg\n2026-01-01 00:00,1\n{row}\n"
    error = refusal(replay, table)
    assert "line 3" in error.what
    assert why in error.what
    assert "--skip-bad" in error.next_line
    assert len(list(replay(table, skip_bad=True).readings())) == 1


def test_what_rounding_left_is_said_with_its_direction(replay):
    table = "time,co2_g\n2026-01-01 00:00,{}\n"
    assert "add up to 0.4 g less than the table" in replay(table.format("1.4")).report()
    assert "add up to 0.4 g more than the table" in replay(table.format("1.6")).report()


def test_a_filter_keeps_the_options_that_were_typed(replay):
    bad = 'time,co2,note\n2026-01-01 00:00,5,"he said \\"x\\" ok"\n'
    error = refusal(replay, bad, columns={"co2": "kg"}, zone="Europe/Berlin")
    assert error.next_line.endswith("| labkit replay - --map co2=kg --zone Europe/Berlin")


def test_a_meaning_is_offered_only_for_a_column_that_has_cells(replay):
    said = replay(",,time,co2_kg\n,7,2026-01-01 00:00,5\n").report()
    assert "'#1': it is empty, and has no title" in said
    assert "--map '#1=" not in said
    assert "--map '#2=MEANING' uses it" in said
