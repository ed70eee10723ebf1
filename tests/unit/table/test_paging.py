"""Pages and their cursors: every reading once, in order, while the table grows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from csv_feed import TOPIC, CsvFeed
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.core.errors import CursorInvalid
from labkit.readings.reading import Reading
from labkit.sink import new_csv_rows
from labkit.sink.segment_files import topic_dir
from labkit.table import csv_frames
from labkit.table import snapshot as snapshot_module
from labkit.table.csv_frames import Chunk
from labkit.table.paging import format_cursor, page_after, parse_cursor
from labkit.table.table import Table

PLACES = st.dictionaries(st.integers(0, 10**9 - 1), st.integers(0, 10**18 - 1))


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[CsvFeed]:
    feed = CsvFeed(tmp_path)
    yield feed
    feed.close()


@pytest.fixture
def table(tmp_path: Path, feed: CsvFeed) -> Table:
    feed.write(rounds=20)
    table = Table(topic_dir(tmp_path, TOPIC))
    table.refresh()
    return table


def places(readings: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(reading["partition"], reading["offset"]) for reading in readings]


def stored(table: Table) -> list[tuple[int, int]]:
    return sorted(zip(table.frame["partition"], table.frame["offset"], strict=True))


def assert_in_order(read: list[tuple[int, int]]) -> None:
    for partition in {p for p, _ in read}:
        offsets = [offset for p, offset in read if p == partition]
        assert offsets == sorted(set(offsets))


@given(PLACES)
def test_a_cursor_reads_back(position: dict[int, int]) -> None:
    assert parse_cursor(format_cursor(position)) == position


@given(st.text(max_size=40) | st.from_regex(r"[0-9.\-]{1,30}", fullmatch=True))
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    with contextlib.suppress(CursorInvalid):
        position = parse_cursor(text)
        assert parse_cursor(format_cursor(position)) == position


def test_of_a_partition_named_twice_the_lower_offset_counts() -> None:
    assert parse_cursor("0.7-1.5-0.3-1.9") == {0: 3, 1: 5}  # so that nothing is skipped


@pytest.mark.parametrize(
    "text", ["0", "0.", ".1", "0.1-", "-0.1", "0.-1", "1.٣", "0.1\n", "a.b", "0.1 "]
)
def test_what_is_not_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid) as refused:
        parse_cursor(text)
    assert refused.value.next_line.startswith("GET /api/readings")


@pytest.mark.parametrize("limit", [1, 7, 100, 5000])
def test_pages_hold_every_reading_once(table: Table, limit: int) -> None:
    read, cursor, more = [], "", True
    while more:
        page = table.after(cursor, limit)
        assert len(page.readings) <= limit
        read += places(page.readings)
        cursor, more = page.next, page.more
    assert_in_order(read)
    assert sorted(read) == stored(table)
    assert cursor == table.cursor
    assert table.after(cursor, limit).readings == []


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 60)), min_size=1, max_size=12))
def test_while_the_csv_grows_no_reading_is_missed_or_shown_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("grows")
    feed = CsvFeed(folder)
    table = Table(topic_dir(folder, TOPIC))
    read: list[tuple[int, int]] = []
    cursor = ""
    for rounds, limit in [*steps, (0, 5000)]:
        feed.write(rounds)
        table.refresh()
        page = table.after(cursor, limit)
        read += places(page.readings)
        cursor = page.next
    feed.close()
    assert_in_order(read)
    assert sorted(read) == stored(table)


def test_without_a_cursor_the_newest_come_oldest_first(table: Table) -> None:
    page = table.after(None, 10)
    newest = table.frame.nlargest(10, ["recorded_at", "partition", "offset"])
    assert (
        places(page.readings) == list(zip(newest["partition"], newest["offset"], strict=True))[::-1]
    )
    assert (page.next, page.more) == (table.cursor, False)


def test_a_reading_is_shown_as_it_was_recorded(table: Table) -> None:
    shown = table.after(None, 1).readings[0]
    row = table.frame.set_index(["partition", "offset"]).loc[(shown["partition"], shown["offset"])]
    assert list(shown) == ["partition", "offset", *Reading.model_fields]
    assert shown["recorded_at"] == row["recorded_at"].isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )
    for name in set(Reading.model_fields) - {"recorded_at"}:
        assert shown[name] == row[name]


@pytest.mark.parametrize("chunk", [7, 40, 65_536])
@pytest.mark.parametrize("after", ["", None])
def test_filters_choose_and_still_page_through_all(
    table: Table, monkeypatch: pytest.MonkeyPatch, chunk: int, after: str | None
) -> None:
    monkeypatch.setattr(snapshot_module, "OPEN_ROWS", chunk)
    monkeypatch.setattr(new_csv_rows, "PIECE_BYTES", 250 * chunk)
    table = Table(table.topic_dir, in_memory=10)
    table.refresh()
    frame = table.frame
    fuels, sectors = frame["fuel"].unique()[:2].tolist(), frame["sector"].unique()[:3].tolist()
    wanted = frame[frame["fuel"].isin(fuels) & frame["sector"].isin(sectors)]
    filters = {"fuel": fuels, "sector": sectors}
    assert 0 < len(wanted) < len(frame)
    if after is None:
        page = table.after(None, 5000, filters)
        assert len(page.readings) == len(wanted)
        newest = table.after(None, 3, filters).readings
        assert newest == page.readings[-3:]
        return
    read, cursor, more = [], after, True
    while more:
        page = table.after(cursor, 4, filters)
        read += places(page.readings)
        cursor, more = page.next, page.more
    assert sorted(read) == sorted(zip(wanted["partition"], wanted["offset"], strict=True))
    assert cursor == table.cursor


def test_a_filter_that_nothing_passes_moves_the_cursor_to_the_end(table: Table) -> None:
    page = table.after("", 10, {"country": ["XX"]})
    assert page == ([], table.cursor, False)


@pytest.mark.parametrize("cursor", ["0.999999", "7.0"])
def test_a_cursor_behind_the_end_says_that_the_csv_was_started_anew(
    table: Table, cursor: str
) -> None:
    with pytest.raises(CursorInvalid, match="started again"):
        table.after(cursor, 10)


def test_an_empty_table_has_an_empty_page(tmp_path: Path) -> None:
    table = Table(tmp_path)
    assert table.after(None, 10) == ([], "", False)
    assert table.after("", 10) == ([], "", False)


def test_a_page_of_one_facility_reads_only_the_chunks_that_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_module, "OPEN_ROWS", 24)
    feed = CsvFeed(tmp_path, facilities=240)
    feed.write(rounds=1)
    feed.close()
    table = Table(topic_dir(tmp_path, TOPIC), in_memory=0)
    table.refresh()
    monkeypatch.setattr(new_csv_rows, "PIECE_BYTES", 4096)
    small = Table(topic_dir(tmp_path, TOPIC), in_memory=0)
    small.refresh()
    chunks = [chunk for part in small.snapshot.partitions.values() for chunk in part.chunks]
    assert len(chunks) > 6
    read: list[Chunk] = []
    read_again = csv_frames._read_again
    monkeypatch.setattr(
        csv_frames, "_read_again", lambda chunk: read.append(chunk) or read_again(chunk)
    )
    wanted = {"facility_id": [table.after("").readings[0]["facility_id"]]}
    for cursor in ("", None):
        read.clear()
        page = page_after(small.snapshot, cursor, 20, wanted)
        assert page.readings == page_after(table.snapshot, cursor, 20, wanted).readings
        assert len(page.readings) == 1
        open_chunks = sum(
            part.closed < len(part.chunks) for part in small.snapshot.partitions.values()
        )
        assert len(set(read)) <= 1 + open_chunks
