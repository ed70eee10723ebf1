import json
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sample_readings import AT, make

from labkit.core.errors import BadReading, LabError
from labkit.readings.emission_factors import FACTORS, FUELS, SECTORS
from labkit.readings.malformed_values import BAD_RECORDS, spoil
from labkit.readings.reading import (
    MAX_KG_PER_S,
    MAX_LOAD_MW,
    MAX_VALUE_BYTES,
    READING_FIELDS,
    Reading,
    grams,
)


def value(**changes) -> bytes:
    return json.dumps({**json.loads(make().to_json()), **changes}).encode()


def reason(data: bytes | None) -> str:
    with pytest.raises(BadReading) as caught:
        Reading.from_json(data, make().timestamp_ms)
    return caught.value.what


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=120
).filter(lambda text: text.strip() != "")
intervals = st.floats(0.001, 86_400)


@st.composite
def readings(draw) -> Reading:
    interval_s = draw(intervals)
    most_g = min(int(MAX_KG_PER_S * interval_s * 1000), 10**12)
    return make(
        recorded_at=draw(
            st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
        ),
        interval_s=interval_s,
        facility_id=draw(texts),
        facility=draw(texts),
        operator=draw(texts),
        latitude=draw(st.floats(-90, 90)),
        longitude=draw(st.floats(-180, 180)),
        sector=draw(st.sampled_from(sorted(SECTORS))),
        fuel=draw(st.sampled_from(sorted(FUELS))),
        load_mw=draw(st.floats(0, MAX_LOAD_MW)),
        co2_kg=draw(st.integers(0, most_g)) / 1000,
        factor_id=draw(st.sampled_from(sorted(FACTORS))),
        quality=draw(st.sampled_from(["measured", "substituted"])),
    )


@given(readings())
def test_json_round_trip(reading):
    data = reading.to_json()
    assert len(data) <= MAX_VALUE_BYTES
    again = Reading.from_json(data, reading.timestamp_ms)
    assert again == reading
    assert again.to_json() == data


@given(readings())
def test_other_programs_read_the_same(reading):
    """Python's json is the independent reader: same fields, same order, same grams."""
    seen = json.loads(reading.to_json())
    assert tuple(seen) == READING_FIELDS
    assert round(seen["co2_kg"] * 1000) == grams(reading.co2_kg)
    assert datetime.fromisoformat(seen["recorded_at"]) == reading.recorded_at
    assert len(seen["recorded_at"]) == len("2026-11-23T22:13:04.123Z")


def test_the_bytes_of_a_reading():
    assert make().to_json().decode() == (
        '{"reading_id":"01a20a6c-4f00-7233-a225-71594720771f",'
        '"recorded_at":"2026-11-23T22:13:04.123Z","interval_s":1.2,'
        '"facility_id":"PL-COAL-001","facility":"Elektrownia Bełchatów",'
        '"operator":"Zięcik i syn s.c.","country":"PL","latitude":51.26,"longitude":19.33,'
        '"sector":"power","fuel":"coal","load_mw":805.417,"co2_kg":241.243,'
        '"factor_id":"ipcc2006-coal","quality":"measured"}'
    )


@given(st.lists(st.integers(0, 10**9), max_size=50))
def test_sums_in_grams_are_exact(amounts):
    assert sum(grams(amount / 1000) for amount in amounts) == sum(amounts)


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_every_bad_record_is_refused(name):
    bad = spoil(name, make())
    with pytest.raises(BadReading) as caught:
        Reading.from_json(bad.value, bad.timestamp_ms)
    sentence = caught.value.what
    assert sentence.isprintable()  # one line, fit for a header and a terminal
    assert len(sentence) < 250


def test_the_reasons_tell_the_mistakes_apart():
    """Each mistake has its own sentence, but for those that are the same to a JSON parser."""
    reasons = {name: reason(spoil(name, make()).value) for name in BAD_RECORDS}
    same_to_a_parser = {"plain_text", "byte_order_mark"}
    distinct = {text for name, text in reasons.items() if name not in same_to_a_parser}
    assert len(distinct) == len(reasons) - len(same_to_a_parser)


def test_there_are_many_ways_to_be_bad():
    assert len(BAD_RECORDS) >= 30
    assert {f"missing_{field}" for field in READING_FIELDS} <= set(BAD_RECORDS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"co2_kg": -3}, "co2_kg: -3 is below 0"),
        ({"latitude": 91.5}, "latitude: 91.5 is above 90"),
        ({"fuel": "wood"}, "fuel: 'wood' is unknown; known are 'coal', "),
        ({"facility": "a\nb"}, "facility: 'a\\nb' is blank, or holds a line break"),
        ({"recorded_at": "2026-11-23T22:13:04"}, "recorded_at: '2026-11-23T22:13:04' has no time"),
        ({"colour": 1}, "colour: 1 is not a field of a reading"),
        ({"co2_kg": -1, "load_mw": -1}, "load_mw: -1 is below 0 (and 1 more)"),
        ({"operator": "x" * 500}, "operator: 'xxxxx"),
    ],
)
def test_sentences(changes, expected):
    assert reason(value(**changes)).startswith(expected)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data):
    assert reason(data).isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=150),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(READING_FIELDS), json_values)
def test_a_field_of_any_content_is_possible_or_refused(field, content):
    """Never an exception of another kind, and never a reading that breaks the rules."""
    try:
        reading = Reading.from_json(value(**{field: content}), make().timestamp_ms)
    except BadReading:
        return
    assert 0 <= reading.co2_kg <= MAX_KG_PER_S * reading.interval_s
    assert 0 <= reading.load_mw <= MAX_LOAD_MW
    assert -90 <= reading.latitude <= 90
    assert -180 <= reading.longitude <= 180
    assert reading.recorded_at.tzinfo is UTC
    assert reading.recorded_at <= AT + timedelta(seconds=60)
    for text in (reading.facility_id, reading.facility, reading.operator):
        assert len(text.splitlines()) == 1
        assert 0 < len(text) <= 120
    assert Reading.from_json(reading.to_json(), make().timestamp_ms) == reading


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'", '"'])
def test_text_may_start_with_any_sign(start):
    name = f'{start}HYPERLINK("x") \\ ,;'
    assert Reading.from_json(make(facility=name).to_json()).facility == name


def test_the_future_is_judged_by_the_record():
    data = value(recorded_at="2026-11-23T22:14:04.123Z")
    stamp = make().timestamp_ms
    assert Reading.from_json(data, stamp).recorded_at == AT + timedelta(seconds=60)
    with pytest.raises(BadReading, match="in the future"):
        Reading.from_json(data, stamp - 1)


def test_the_future_without_a_timestamp():
    ahead = datetime.now(UTC) + timedelta(seconds=30)
    assert Reading.from_json(make(recorded_at=ahead).to_json())
    with pytest.raises(BadReading, match="in the future"):
        Reading.from_json(make(recorded_at=ahead + timedelta(hours=1)).to_json())


def test_any_zone_becomes_utc_in_milliseconds():
    warsaw = datetime(2026, 11, 23, 23, 13, 4, 123999, tzinfo=timezone(timedelta(hours=1)))
    reading = make(recorded_at=warsaw)
    assert reading.recorded_at == AT
    assert reading.recorded_at.tzinfo is UTC
    assert reading.timestamp_ms == int(AT.timestamp() * 1000)


def test_a_name_that_stands_twice_is_found_behind_escapes():
    data = make(facility='say "co2"').to_json()
    assert Reading.from_json(data).facility == 'say "co2"'
    assert reason(data[:-1] + b',"co2_\\u006bg":0.0}') == "'co2_kg' stands twice"


def test_more_decimals_than_grams_are_refused_everywhere():
    with pytest.raises(ValidationError, match="more than 3 decimals"):
        make(co2_kg=0.0005)
    assert "more than 3 decimals" in reason(value(co2_kg=0.0005))
    with pytest.raises(ValidationError, match="more than 3 decimals"):
        make(co2_kg=0.1 + 0.2)
    assert make(interval_s=86_400.0, co2_kg=238_443_478.809).co2_kg == 238_443_478.809


def test_a_reading_is_frozen():
    with pytest.raises(ValidationError):
        make().co2_kg = 0.0


def test_what_is_not_a_value_is_named_with_the_line_to_type() -> None:
    record = SimpleNamespace(value=b"{}", timestamp=0)
    for thing, says in ((record, r"record\.value"), ("{}", "encode"), ({}, "a dict")):
        with pytest.raises(LabError, match=says) as refused:
            Reading.from_json(thing)  # type: ignore[arg-type]
        assert not isinstance(refused.value, BadReading), "a bad reading would be a dead letter"
