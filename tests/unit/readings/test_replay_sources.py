"""Where a table comes from: a file, a compressed one, a pipe; opened once, nothing lost."""

import bz2
import gzip
import io
import lzma
import os
import sys
import threading
from datetime import datetime, timedelta

import pytest

from labkit.core.errors import ReplayError
from labkit.readings.replay import Replay
from labkit.readings.replay.source_file import IN_MEMORY_BYTES, SourceFile

HOURS = 8_784  # of a leap year


@pytest.fixture(scope="module")
def year() -> bytes:
    start = datetime(2024, 1, 1)
    rows = [
        f"{start + timedelta(hours=hour):%d.%m.%Y %H:%M};{hour * 37 % 9000},{hour % 1000:03}"
        for hour in range(HOURS)
    ]
    return "\r\n".join(["time;co2_kg", *rows, ""]).encode()


def a_pipe(content: bytes) -> str:
    """Return the path of a pipe into which a thread writes, as the shell's ``<(zcat ...)``."""
    reader, writer = os.pipe()

    def write() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(content)

    threading.Thread(target=write).start()
    return f"/dev/fd/{reader}"


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="this system has no /dev/fd")  # noqa: PTH110
def test_a_year_is_the_same_from_a_file_a_gz_and_a_pipe(year, tmp_path, monkeypatch):
    plain, packed = tmp_path / "year.csv", tmp_path / "year.csv.gz"
    plain.write_bytes(year)
    packed.write_bytes(gzip.compress(year))
    expected = list(Replay(plain).readings())
    assert len(expected) == HOURS
    assert sum(round(r.co2_kg * 1000) for r in expected) == sum(
        hour * 37 % 9000 * 1000 + hour % 1000 for hour in range(HOURS)
    )
    assert list(Replay(packed).readings()) == expected
    pipe = a_pipe(year)
    assert list(Replay(pipe).readings()) == expected
    os.close(int(pipe.rpartition("/")[2]))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed.read_bytes())))
    assert list(Replay("-").readings()) == expected


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_table_is_known_by_its_content(pack, tmp_path):
    path = tmp_path / "table.dat"
    path.write_bytes(pack(b"time,co2_kg\n2026-01-01 00:00,2.5\n"))
    assert [r.co2_kg for r in Replay(path).readings()] == [2.5]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"PK\x03\x04 and so on", "an Excel workbook"),
        (b"PAR1 and so on", "a Parquet file"),
        (gzip.compress(b"time,co2_kg\n" * 50, mtime=0)[:-6], "damaged or cut off"),
    ],
    ids=["xlsx", "parquet", "half a gz"],
)
def test_what_is_not_a_text_table_is_refused(content, expected, tmp_path):
    path = tmp_path / "table.xlsx"
    path.write_bytes(content)
    with pytest.raises(ReplayError, match=expected) as caught:
        Replay(path)
    assert caught.value.next_line


def test_what_was_looked_through_is_what_is_sent(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("time,co2_kg\n2026-01-01 00:00,2.5\n", encoding="utf-8")
    replay = Replay(path)
    path.write_text("time,co2_kg\n2026-01-01 00:00,99.5\n", encoding="utf-8")
    assert [r.co2_kg for r in replay.readings()] == [2.5]


def test_the_identity_is_the_contents(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"time,co2_kg\n" + b"#" * IN_MEMORY_BYTES)  # so that it is copied to a file
    packed = tmp_path / "b.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert SourceFile(path).identity == SourceFile(packed).identity
    path.write_bytes(b"time,co2_kg\n")
    assert SourceFile(path).identity != SourceFile(packed).identity
