"""The row cache accepts only what `Reading.from_json` accepts, and makes the same row."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.core.errors import BadReading
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading, grams
from labkit.sink.csv_row import encode_cells, encode_row
from labkit.sink.row_cache import MOST_PLANTS, RowCache

AT = datetime(2026, 11, 23, 22, 13, 4, 123_000, UTC)
FLEET = Fleet(seed=7)
READINGS = [FLEET.reading(AT, 1.0) for _ in range(4 * 24)]
NOW_MS = READINGS[0].timestamp_ms


def met(*readings: Reading) -> RowCache:
    cache = RowCache()
    for reading in readings:
        cache.learn(reading.to_json(), reading)
    return cache


CACHE = met(*READINGS)


def agrees(cache: RowCache, value: bytes, timestamp_ms: int) -> bool:
    """Tell whether the cache was used; the row has to be the one of `Reading.from_json`."""
    cells = cache.cells(value, timestamp_ms)
    if cells is None:
        return False
    reading = Reading.from_json(value, timestamp_ms)  # or it raises, and the test fails
    assert encode_cells(2, 41, cells.content) == encode_row(2, 41, reading)
    assert cells.co2_g == grams(reading.co2_kg)
    return True


def test_the_fleets_readings_use_it() -> None:
    assert sum(agrees(CACHE, one.to_json(), NOW_MS) for one in READINGS) > 0.95 * len(READINGS)


def test_a_plant_is_known_once_it_was_met() -> None:
    first, *_others = READINGS
    cache = RowCache()
    assert not agrees(cache, first.to_json(), NOW_MS)
    cache.learn(first.to_json(), first)
    assert agrees(cache, first.to_json(), NOW_MS)
    assert not agrees(cache, READINGS[1].to_json(), NOW_MS)


numbers = st.one_of(
    st.floats(0, 1e9).map(repr),
    st.decimals(0, 10**7, places=3).map(str),
    st.integers(0, 10**7).map(str),
    st.from_regex(r"-?[0-9]{0,10}(\.[0-9]{0,12})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["0.0", "0.0001", "0.00001", "86400.0", "86400.1", "20000.0", "1e3", "NaN"]),
)
times = st.one_of(
    st.datetimes(datetime(1960, 1, 1), datetime(2030, 1, 1)).map(
        lambda at: at.isoformat(timespec="milliseconds") + "Z"
    ),
    st.from_regex(
        r"(19|20|89|90)[0-9]{2}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
        r"\.[0-9]{3}(Z|\+00:00|\+01:00)",
        fullmatch=True,
    ),
    st.sampled_from(["2026-02-30T00:00:00.000Z", "2026-11-23T24:00:00.000Z"]),
)


@given(
    st.sampled_from(READINGS),
    st.fixed_dictionaries(
        {},
        optional={
            "interval_s": numbers,
            "load_mw": numbers,
            "co2_kg": numbers,
            "recorded_at": times.map(json.dumps),
            "factor_id": st.from_regex(r"[a-zA-Z0-9+-]{0,70}", fullmatch=True).map(json.dumps),
            "quality": st.sampled_from(
                ['"measured"', '"substituted"', '"guessed"', '"dead-letter"']
            ),
            "reading_id": st.uuids().map(lambda one: json.dumps(str(one))),
        },
    ),
    st.integers(-1, 2**62) | st.integers(NOW_MS - 70_000, NOW_MS + 70_000),
    st.booleans(),
)
def test_other_fields(
    reading: Reading, changes: dict[str, str], timestamp_ms: int, is_new: bool
) -> None:
    value = reading.to_json().decode()
    for name, text in changes.items():
        value = re.sub(rf'"{name}":("[^"]*"|[^,}}]*)', lambda _: f'"{name}":{text}', value)  # noqa: B023
    agrees(met(reading) if is_new else CACHE, value.encode(), timestamp_ms)


@given(st.sampled_from(READINGS), st.data())
def test_other_bytes(reading: Reading, data: st.DataObject) -> None:
    value = bytearray(reading.to_json())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(value) - 1))
        length = data.draw(st.integers(0, 3))
        value[place : place + length] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b",", b".", b"0", b" ", b"\\", b"}"])
        )
    agrees(CACHE, bytes(value), NOW_MS)


@given(st.sampled_from(READINGS), st.sampled_from(READINGS), st.integers(0, 400))
def test_the_halves_of_two_values(one: Reading, other: Reading, cut: int) -> None:
    agrees(CACHE, one.to_json()[:cut] + other.to_json()[cut:], NOW_MS)


@pytest.mark.parametrize("ahead_ms", [0, 59_999, 60_000, 60_001, 3_600_000])
def test_a_reading_from_the_future_is_left_to_from_json(ahead_ms: int) -> None:
    reading = READINGS[0]
    for cache in (met(reading), CACHE):
        cache.cells(reading.to_json(), NOW_MS)  # so that a time that is early enough is known
        assert agrees(cache, reading.to_json(), NOW_MS - ahead_ms) == (ahead_ms <= 60_000)
    if ahead_ms > 60_000:
        with pytest.raises(BadReading, match="future"):
            Reading.from_json(reading.to_json(), NOW_MS - ahead_ms)


def test_it_keeps_no_more_plants_than_it_may() -> None:
    cache = RowCache()
    for number in range(MOST_PLANTS + 1):
        reading = READINGS[0].model_copy(update={"facility": f"Plant {number}"})
        cache.learn(reading.to_json(), reading)
    assert len(cache._cells) == 1
