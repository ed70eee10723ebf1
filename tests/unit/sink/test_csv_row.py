"""A row reads back as the reading it was, and shows every damage."""

from __future__ import annotations

import csv
import io
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_readings import READING

from labkit.core.errors import SinkDamaged
from labkit.readings.reading import READING_FIELDS, Reading, grams
from labkit.sink.csv_row import (
    COLUMNS,
    HEADER,
    Row,
    at_offset,
    decode_row,
    encode_marker,
    encode_row,
    row_grams,
    verify_row,
)

dangerous = st.sampled_from(["=", "+", "-", "@", "'", '"', ",", " ", "''", "=cmd|'/c calc'!A0"])
# All that the model lets through: any alphabet, no control characters, not blank.
letters = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
texts = st.builds(
    lambda start, rest: f"{start}{rest}x",
    st.one_of(st.just(""), dangerous),
    st.text(letters, max_size=40),
)
numbers = st.floats(min_value=0, max_value=20_000, allow_nan=False)
readings = st.builds(
    READING.model_copy,
    update=st.fixed_dictionaries(
        {
            "facility_id": texts,
            "facility": texts,
            "operator": texts,
            "latitude": st.floats(-90, 90),
            "longitude": st.floats(-180, 180),
            "load_mw": numbers,
            "co2_kg": st.integers(0, 9_999_999).map(lambda g: g / 1000),
            "interval_s": st.floats(1000, 86_400),
        }
    ),
)
offsets = st.integers(0, 2**62)


@given(offsets, readings)
def test_a_row_reads_back_as_it_was(offset: int, reading: Reading) -> None:
    line = encode_row(3, offset, reading)

    assert decode_row(line) == Row(3, offset, reading)
    assert verify_row(line) == (3, offset)
    assert row_grams(line) == grams(reading.co2_kg)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@given(offsets, readings)
def test_no_cell_of_text_can_run_in_a_spreadsheet(offset: int, reading: Reading) -> None:
    (cells,) = csv.reader(io.StringIO(encode_row(0, offset, reading).decode(), newline=""))

    assert len(cells) == len(COLUMNS)
    for column, cell in zip(COLUMNS, cells, strict=True):
        if column not in {"latitude", "longitude"}:  # numbers: a minus is a minus
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\0"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "\tx", "\0x", "'=x"])
def test_text_is_neutralised_with_one_apostrophe(text: str) -> None:
    reading = READING.model_copy(update={"facility": text})  # the model itself refuses TAB and NUL
    line = encode_row(0, 0, reading)

    assert f",'{text},".encode() in line


def test_a_plain_row_as_it_looks() -> None:
    line = encode_row(2, 17, READING)

    assert line.startswith(
        b"2,17,01932b1c-7a00-7000-8000-000000000001,2026-11-23T22:13:04.123Z,1.0,PL-COAL-001,"
        b'Kraftwerk S\xc3\xbcd,"Nowak, Sons & Co",PL,-51.266,19.315,power,coal,312.5,81.944,'
        b"ipcc2006-coal,measured,"
    )
    assert HEADER.startswith(b"partition,offset,reading_id,recorded_at,interval_s,facility_id,")
    assert HEADER.endswith(b",quality,crc32\n")


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    fields = READING.model_dump() | {"recorded_at": READING.recorded_at.astimezone(zone)}

    assert b",2026-11-23T22:13:04.123Z," in encode_row(0, 0, Reading(**fields))


@pytest.mark.parametrize("sign", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("field", ["facility", "operator", "facility_id"])
def test_a_line_break_is_never_written(sign: str, field: str) -> None:
    reading = READING.model_copy(update={field: f"a{sign}b"})

    with pytest.raises(ValueError, match="line break"):
        encode_row(0, 0, reading)


def test_a_marker_says_where_the_dead_letter_lay() -> None:
    line = encode_marker(1, 99)

    assert decode_row(line) == Row(1, 99, None)
    assert row_grams(line) is None
    assert line.startswith(b"1,99" + b"," * len(READING_FIELDS) + b"dead-letter,")
    assert line.count(b",") == HEADER.count(b",")


def test_a_row_at_another_offset_is_a_true_row() -> None:
    assert at_offset(encode_row(2, 7, READING), 9) == encode_row(2, 9, READING)
    assert at_offset(encode_marker(2, 7), 12) == encode_marker(2, 12)


def test_every_cut_shows() -> None:
    line = encode_row(0, 5, READING)

    for end in range(len(line)):
        assert verify_row(line[:end]) is None
        assert end == len(line) - 1 or verify_row(line[:end] + b"\n") is None


def test_every_flipped_bit_shows() -> None:
    line = encode_row(0, 5, READING)

    for position in range(len(line)):
        for bit in range(8):
            wrong = bytearray(line)
            wrong[position] ^= 1 << bit
            assert verify_row(bytes(wrong)) is None


@given(st.binary(max_size=300))
def test_noise_is_no_row(noise: bytes) -> None:
    assert verify_row(noise) is None
    assert verify_row(noise + b"\n") is None


@pytest.mark.parametrize("line", [b"", b"\n", b",00000000\n", HEADER, b"\0" * 4096])
def test_what_is_no_row_is_refused(line: bytes) -> None:
    assert verify_row(line) is None
    with pytest.raises(SinkDamaged, match="not a whole row"):
        decode_row(line)
