"""The table shows exactly what the CSV holds, however it grew and whatever befell its end."""

from __future__ import annotations

import inspect
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from csv_feed import TOPIC, CsvFeed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labkit as lab
from labkit.core.errors import CursorOutdated
from labkit.readings.fleet import Fleet
from labkit.readings.reading import READING_FIELDS, Reading
from labkit.sink import new_csv_rows
from labkit.sink.csv_log import CsvLog
from labkit.sink.csv_row import HEADER, decode_row, encode_marker, encode_row
from labkit.sink.segment_files import segments, topic_dir
from labkit.table import csv_frames
from labkit.table import snapshot as snapshot_module
from labkit.table.table import Table, read_table

START = datetime(2026, 11, 23, 22, tzinfo=UTC)
NASTY_TEXTS = ["=1+1", "+1", "-1", "@x", "'quoted", 'a "b", c', "a,b", "Żółć 発電所", "null", "N/A"]


def readings(count: int, seed: int = 7) -> list[Reading]:
    """Return readings whose texts a CSV is easily wrong about."""
    fleet = Fleet(seed=seed)
    plain = (fleet.reading(START + timedelta(seconds=n), 1.0) for n in range(count))
    return [
        reading.model_copy(update={"facility": NASTY_TEXTS[n % len(NASTY_TEXTS)]})
        for n, reading in enumerate(plain)
    ]


@cache
def lines(count: int, partition: int = 0, first_offset: int = 0, seed: int = 7) -> list[bytes]:
    """Return rows of a partition, every seventh of them a dead letter's marker."""
    return [
        encode_marker(partition, offset) if offset % 7 == 3 else encode_row(partition, offset, one)
        for offset, one in enumerate(readings(count, seed), first_offset)
    ]


def expected(rows: list[bytes]) -> list[tuple[int, int, Reading]]:
    """Read rows one by one: the oracle."""
    decoded = [decode_row(row) for row in rows]
    return [(row.partition, row.offset, row.reading) for row in decoded if row.reading]


def shown(frame: pd.DataFrame) -> list[tuple[int, int, Reading]]:
    """Turn a frame back into readings, in the order of partition and offset."""
    found = []
    for row in frame.sort_values(["partition", "offset"]).to_dict("records"):
        fields = {str(name): row[name] for name in READING_FIELDS}
        fields["recorded_at"] = fields["recorded_at"].to_pydatetime()
        found.append((row["partition"], row["offset"], Reading(**fields)))
    return found


def write(folder: Path, content: bytes, name: str = "0.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[CsvFeed]:
    feed = CsvFeed(tmp_path)
    yield feed
    feed.close()


@pytest.mark.parametrize("content", [None, b"", HEADER[:20], HEADER, HEADER + lines(1)[0][:-1]])
def test_without_a_whole_row_the_frame_is_empty_and_has_its_columns(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        write(tmp_path / TOPIC, content)
    empty = read_table(tmp_path, TOPIC)
    write(tmp_path / "full", HEADER + lines(3)[0])
    full = read_table(tmp_path, "full")
    assert len(empty) == 0
    assert list(empty) == ["partition", "offset", *READING_FIELDS]
    kinds = [str(dtype) for dtype in full.dtypes]
    assert [str(dtype) for dtype in empty.dtypes] == kinds
    assert kinds[3] == "datetime64[ms, UTC]"


def test_all_rows_come_back_as_they_were_recorded(tmp_path: Path) -> None:
    rows = lines(60)
    write(tmp_path, HEADER + b"".join(rows))
    table = Table(tmp_path)
    assert table.refresh() == len(expected(rows))
    assert shown(table.frame) == expected(rows)
    assert table.snapshot.problems == ()


def test_the_frame_is_in_the_order_of_time(tmp_path: Path, feed: CsvFeed) -> None:
    feed.write(rounds=5)
    frame = read_table(tmp_path)
    assert frame["recorded_at"].is_monotonic_increasing
    assert set(frame["partition"]) == {0, 1, 2}
    assert len(frame) == 5 * feed.facilities


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    small_pieces=st.booleans(),
    with_arrow=st.booleans(),
    one_by_one=st.booleans(),
    open_rows=st.sampled_from([5, 4096]),
    in_memory=st.sampled_from([None, 0, 9]),
)
def test_read_in_any_increments_it_is_as_if_read_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    small_pieces: bool,
    with_arrow: bool,
    one_by_one: bool,
    open_rows: int,
    in_memory: int | None,
) -> None:
    folder = tmp_path_factory.mktemp("grows")
    contents = {p: HEADER + b"".join(lines(25, partition=p, seed=p)) for p in range(2)}
    cuts = {
        p: sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8), label=f"cuts {p}"))
        for p, content in contents.items()
    }
    table, new_rows = Table(folder, in_memory), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_frames, "FEW_BYTES", 32 * 1024 if one_by_one else 0)
        patch.setattr(snapshot_module, "OPEN_ROWS", open_rows)
        if small_pieces:
            patch.setattr(new_csv_rows, "PIECE_BYTES", 100)  # less than a row
        if with_arrow:
            patch.setattr(csv_frames, "MANY_BYTES", 1)
        for step in range(9):
            for p, content in contents.items():
                end = [*cuts[p], *[len(content)] * 9][step]
                write(folder, content[:end], f"{p}.csv")
            new_rows += table.refresh()
    whole = Table(folder)
    whole.refresh()
    pd.testing.assert_frame_equal(
        table.frame, whole.frame, check_categorical=False, check_dtype=False
    )
    assert new_rows == len(whole.frame)
    assert (table.version, table.cursor) == (whole.version, whole.cursor)
    assert table.snapshot.totals.grams.sum() == whole.snapshot.totals.grams.sum()


def test_nothing_new_costs_no_reading_and_keeps_the_version(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + b"".join(lines(5)))
    table = Table(tmp_path)
    table.refresh()
    version, snapshot = table.version, table.snapshot
    assert table.refresh() == 0
    assert table.snapshot is snapshot
    append(path, lines(1, first_offset=5)[0])
    assert table.refresh() == 1
    assert table.version != version


@pytest.mark.parametrize("in_memory", [None, 0, 100, 5_000])
def test_a_snapshot_stays_while_the_table_grows(tmp_path: Path, in_memory: int | None) -> None:
    path = write(tmp_path, HEADER + b"".join(lines(5)))
    table = Table(tmp_path, in_memory)
    table.refresh()
    before = table.snapshot
    frame, grams = before.to_frame(), before.totals.grams.sum()
    append(path, b"".join(lines(5000, first_offset=5)))
    table.refresh()
    pd.testing.assert_frame_equal(before.to_frame(), frame)
    assert before.totals.grams.sum() == grams


def test_a_torn_tail_is_left_alone_until_its_row_is_whole(tmp_path: Path) -> None:
    rows = lines(4)
    path = write(tmp_path, HEADER + b"".join(rows[:2]))
    table = Table(tmp_path)
    table.refresh()
    append(path, rows[2][:-20])
    assert table.refresh() == 0
    assert table.snapshot.problems == ()
    append(path, rows[2][-20:])
    assert table.refresh() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        b"\0" * 300 + b"\n",
        lines(3)[2][:-1][:-1] + b"x\n",  # its checksum
        lines(3, partition=1)[2],  # another partition's row
        lines(3)[1],  # an offset that was there already
        b"\n",
    ],
    ids=["zeros", "checksum", "partition", "offset", "blank"],
)
def test_a_row_that_is_not_true_stops_the_reading_there(tmp_path: Path, wrong: bytes) -> None:
    rows = lines(6)
    path = write(tmp_path, HEADER + b"".join(rows[:2]) + wrong + b"".join(rows[4:]))
    table = Table(tmp_path)
    assert table.refresh() == 2
    (problem,) = table.snapshot.problems
    assert problem == f"0.csv: the row at byte {len(HEADER + rows[0] + rows[1])} is not true"
    # The sink cuts it off and goes on, and so does the table.
    path.write_bytes(HEADER + b"".join(rows))
    assert table.refresh() == len(expected(rows)) - 2
    assert table.snapshot.problems == ()


def test_a_file_that_is_not_a_lab_csv_is_named(tmp_path: Path) -> None:
    write(tmp_path, b"date,tonnes\n2026-11-23,4\n" * 20)
    table = Table(tmp_path)
    assert table.refresh() == 0
    assert table.snapshot.problems == ("0.csv: the first line is not the header of a lab CSV",)


def test_true_rows_of_another_shape_are_named_and_not_guessed_at(tmp_path: Path) -> None:
    row = encode_row(0, 0, readings(1)[0].model_copy(update={"reading_id": "short"}))
    write(tmp_path, HEADER + row)
    table = Table(tmp_path)
    assert table.refresh() == 0
    (problem,) = table.snapshot.problems
    assert problem.startswith("partition 0 holds rows of another kind")


def test_rolled_files_are_read_on_in_their_order(tmp_path: Path) -> None:
    table = Table(topic_dir(tmp_path, TOPIC))
    ids = {"topic_id": "t", "cluster_id": "c"}
    stored = []
    with CsvLog(tmp_path, TOPIC, 0, **ids, segment_bytes=3000) as log:
        for offset, reading in enumerate(readings(100)):
            log.append(offset, reading)
            log.flush()
            stored.append((0, offset, reading))
            if offset % 13 == 0:
                table.refresh()
    table.refresh()
    assert len(segments(table.topic_dir, 0)) > 5
    assert shown(table.frame) == stored


def test_a_checkpoint_proves_rows_at_once_and_never_wrong_ones(tmp_path: Path) -> None:
    with CsvLog(tmp_path, TOPIC, 0, topic_id="t", cluster_id="c") as log:
        for offset, reading in enumerate(readings(50)):
            log.append(offset, reading) if offset % 9 else log.mark(offset)
        log.flush()
    folder = topic_dir(tmp_path, TOPIC)
    path = folder / "0.csv"
    rows = path.read_bytes().splitlines(keepends=True)[1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new_csv_rows, "verify_row", None)  # it is not even called
        table = Table(folder)
        table.refresh()
    assert shown(table.frame) == expected(rows)
    append(path, b"".join(lines(5, first_offset=50)))
    assert table.refresh() == len(expected(lines(5, first_offset=50)))

    content = bytearray(path.read_bytes())
    content[len(HEADER + rows[0] + rows[1]) + 60] ^= 1
    path.write_bytes(content)
    damaged = Table(folder)
    damaged.refresh()
    assert shown(damaged.frame) == expected(rows[:2])
    assert "is not true" in damaged.snapshot.problems[0]


@pytest.mark.parametrize("sidecar", ["", "[]", "{}", '{"checkpoints": {"0.csv": {"x": 1}}}'])
def test_a_sidecar_of_another_kind_only_costs_the_shortcut(tmp_path: Path, sidecar: str) -> None:
    rows = lines(10)
    write(tmp_path, HEADER + b"".join(rows))
    write(tmp_path, sidecar.encode(), "0.json")
    table = Table(tmp_path)
    assert table.refresh() == len(expected(rows))


def test_a_torn_row_before_another_file_is_named(tmp_path: Path) -> None:
    rows = lines(4)
    write(tmp_path, HEADER + rows[0] + rows[1][:-5])
    write(tmp_path, HEADER + rows[2], f"0.{2:020d}.csv")
    table = Table(tmp_path)
    assert table.refresh() == 1
    assert table.snapshot.problems == ("0.csv: it ends in a torn row",)


@pytest.mark.parametrize("count", [2, 40], ids=["shorter", "longer"])
def test_a_csv_that_was_started_anew_is_read_anew(tmp_path: Path, count: int) -> None:
    other = b"".join(lines(5, partition=1))
    write(tmp_path, HEADER + other, "1.csv")
    write(tmp_path, HEADER + b"".join(lines(10)))
    table = Table(tmp_path)
    table.refresh()
    fresh = lines(count, seed=8)
    write(tmp_path, HEADER + b"".join(fresh))
    table.refresh()
    assert shown(table.frame) == expected(fresh) + expected(other.splitlines(keepends=True))
    again = Table(tmp_path)
    again.refresh()
    assert table.version == again.version
    assert sum(table.snapshot.totals.grams) == sum(again.snapshot.totals.grams)
    assert sum(table.snapshot.totals.records) == len(table.frame)


def test_a_folder_that_goes_and_comes_back_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / TOPIC
    write(folder, HEADER + b"".join(lines(10)))
    table = Table(folder)
    table.refresh()
    shutil.rmtree(folder)
    assert table.refresh() == 0
    assert len(table.frame) == 0
    assert table.cursor == ""
    write(folder, HEADER + lines(1, seed=9)[0])
    assert table.refresh() == 1


def test_a_new_partition_is_found(tmp_path: Path) -> None:
    write(tmp_path, HEADER + lines(1)[0])
    table = Table(tmp_path)
    table.refresh()
    write(tmp_path, HEADER + lines(2, partition=11)[1], "11.csv")
    assert table.refresh() == 1
    assert table.cursor == "0.0-11.1"


def test_files_beside_the_csv_are_not_read(tmp_path: Path, feed: CsvFeed) -> None:
    feed.write(rounds=1)
    folder = topic_dir(tmp_path, TOPIC)
    for name in ("0.csv.bak", "notes.csv", "x1.csv", "0.backup.csv"):
        write(folder, HEADER + b"".join(lines(3)), name)
    assert len(read_table(tmp_path)) == feed.facilities


def test_many_threads_can_refresh_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER)
    table = Table(tmp_path)
    rows = lines(400)
    counts: list[int] = []
    go = threading.Barrier(5)

    def refresh() -> None:
        go.wait()
        for _ in range(100):
            counts.append(table.refresh())

    threads = [threading.Thread(target=refresh) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.wait()
    for row in rows:
        append(path, row)
    for thread in threads:
        thread.join()
    counts.append(table.refresh())
    assert sum(counts) == len(expected(rows))
    assert shown(table.frame) == expected(rows)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + lines(1)[0])
    path.chmod(0)
    table = Table(tmp_path)
    assert table.refresh() == 0
    assert table.snapshot.problems == ("partition 0 cannot be read: Permission denied",)
    path.chmod(0o600)
    assert table.refresh() == 1


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_module, "OPEN_ROWS", 7)
    monkeypatch.setattr(new_csv_rows, "PIECE_BYTES", 1_000)


@pytest.mark.usefixtures("small_chunks")
def test_rows_that_are_let_go_are_read_again_from_the_csv(tmp_path: Path) -> None:
    write(tmp_path, HEADER + b"".join(lines(50)))
    table, whole = Table(tmp_path, 10), Table(tmp_path)
    assert table.refresh() == whole.refresh()
    in_memory = [c.count for c in table.snapshot.partitions[0].chunks if c.kept is not None]
    assert 10 <= sum(in_memory) < 30
    pd.testing.assert_frame_equal(table.frame, whole.frame)
    for cursor in (None, ""):
        assert table.after(cursor, 100) == whole.after(cursor, 100)


@pytest.mark.usefixtures("small_chunks")
def test_rows_that_are_let_go_leave_no_file_behind(tmp_path: Path) -> None:
    write(tmp_path / "data", HEADER + b"".join(lines(50)))
    table = Table(tmp_path / "data", 10)
    table.refresh()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["0.csv"]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("fresh", [b"", HEADER, HEADER + b"".join(lines(50, seed=8))])
def test_rows_that_are_let_go_are_never_those_of_another_csv(tmp_path: Path, fresh: bytes) -> None:
    write(tmp_path, HEADER + b"".join(lines(50)))
    table = Table(tmp_path, 10)
    table.refresh()
    write(tmp_path, fresh)
    with pytest.raises(CursorOutdated, match="started again"):
        table.after("", 5)


def test_a_look_that_was_broken_off_loses_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + b"".join(lines(5)))
    table = Table(tmp_path)
    table.refresh()
    append(path, b"".join(lines(20, first_offset=5)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            table.refresh()
    table.refresh()
    assert shown(table.frame) == expected([*lines(5), *lines(20, first_offset=5)])


def interrupted() -> None:
    """Do as Ctrl-C does."""
    raise KeyboardInterrupt


def test_totals_are_those_of_the_frame(tmp_path: Path, feed: CsvFeed) -> None:
    table = Table(topic_dir(tmp_path, TOPIC))
    for _ in range(3):
        feed.write(rounds=4)
        table.refresh()
    frame, totals = table.frame, table.snapshot.totals
    assert totals.records.sum() == len(frame)
    assert totals.grams.sum() == sum(round(kg * 1000) for kg in frame["co2_kg"])
    energy_mwh = (frame["load_mw"] * frame["interval_s"]).sum() / 3600
    np.testing.assert_allclose(totals.mwh.sum(), energy_mwh)
    newest = frame.sort_values("recorded_at").groupby("facility_id", observed=True).last()
    assert totals.last_ms.max() == newest["recorded_at"].max().value // 1_000_000


def test_read_table_shows_the_call_of_pandas() -> None:
    """What `lab.read_table??` prints in a notebook."""
    source = inspect.getsource(lab.read_table)
    assert "pd.read_csv(" in source or "pd.concat(" in source
    assert "pd.read_csv(" in inspect.getsource(csv_frames.read_rows)
