"""The CSV survives every cut, refuses every damage, and has one writer."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import filled_log
import pytest
from filled_log import TOPIC, csv_of, feed, feed_to, open_log, reading
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.core.errors import SinkDamaged, SinkError, SinkForeign, SinkLocked, SinkMoved
from labkit.readings.reading import grams
from labkit.sink import csv_log
from labkit.sink.csv_log import CsvLog
from labkit.sink.csv_row import HEADER, Row, decode_row
from labkit.sink.segment_files import segments, topic_dir


def stored(folder: Path) -> list[Row]:
    lines = []
    for path in segments(topic_dir(folder, TOPIC), 0):
        header, *rows = path.read_bytes().splitlines(keepends=True)
        assert header == HEADER
        lines += [decode_row(line) for line in rows]
    return lines


def kill(log: CsvLog) -> None:
    """Release the files as a killed process does: without a checkpoint."""
    log._release()


def drop_checkpoints(folder: Path) -> None:
    sidecar = topic_dir(folder, TOPIC) / "0.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"checkpoints": {}}))


def test_what_is_appended_is_stored_in_order(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        assert log.next_offset is None
        feed(log, range(0, 10))
        feed(log, range(10, 20))

    expected = [Row(0, n, None if n % 7 == 6 else reading(n)) for n in range(20)]
    assert stored(tmp_path) == expected
    assert (log.next_offset, log.rows, log.dead_letters) == (20, 18, 2)
    assert log.grams == sum(grams(row.reading.co2_kg) for row in expected if row.reading)


@pytest.mark.parametrize("ending", [kill, CsvLog.close])
def test_counts_are_the_same_after_opening_again(tmp_path: Path, ending: Any) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 30))
    before = (log.next_offset, log.rows, log.dead_letters, log.grams)
    ending(log)

    with open_log(tmp_path) as again:
        assert (again.next_offset, again.rows, again.dead_letters, again.grams) == before
        assert again.cut_bytes == 0


def test_nothing_is_in_the_file_before_flush_and_nothing_after_close(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(0, reading(0))
    assert csv_of(tmp_path).read_bytes() == b""
    assert log.next_offset is None
    log.close()
    log.close()

    assert csv_of(tmp_path).read_bytes() == b""


@pytest.mark.parametrize("ending", [kill, CsvLog.close])
def test_row_02_a_cut_at_every_byte_of_the_last_three_rows(tmp_path: Path, ending: Any) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 14))
    ending(log)
    path = csv_of(tmp_path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)

    for end in range(len(whole) - sum(map(len, lines[-3:])), len(whole) + 1):
        path.write_bytes(whole[:end])
        log = open_log(tmp_path)
        survivors = whole[: whole[:end].rfind(b"\n") + 1]
        assert path.read_bytes() == survivors
        assert log.next_offset == survivors.count(b"\n") - 1
        assert log.cut_bytes == end - len(survivors)
        feed(log, range(log.next_offset, 14))
        ending(log)
        assert path.read_bytes() == whole, f"cut at byte {end}"


def test_row_02_a_cut_in_the_header(tmp_path: Path) -> None:
    for end in range(len(HEADER) + 1):
        with open_log(tmp_path) as log:
            csv_of(tmp_path).write_bytes(HEADER[:end])
        with open_log(tmp_path) as log:
            assert log.next_offset is None
            feed(log, range(0, 3))
        assert csv_of(tmp_path).read_bytes().startswith(HEADER)
        assert [row.offset for row in stored(tmp_path)] == [0, 1, 2]
        csv_of(tmp_path).unlink()


TAILS = {
    "zeros": b"\0" * 4096,
    "noise": random.Random(7).randbytes(4096),
    "noise with line breaks": random.Random(8).randbytes(300).replace(b"\1", b"\n") + b"\n\n\n",
    "half a row": b"0,14,01932b1c-7a00-7000-8000-0000",
    "a row without its line break": b"0,14,x,00000000",
    "text": b"hello\n",
}


@pytest.mark.parametrize("ending", [kill, CsvLog.close])
@pytest.mark.parametrize("tail", TAILS)
def test_row_03_a_torn_tail_is_cut_off(tmp_path: Path, tail: str, ending: Any) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 14))
    ending(log)
    whole = csv_of(tmp_path).read_bytes()
    csv_of(tmp_path).write_bytes(whole + TAILS[tail])

    with open_log(tmp_path) as log:
        assert csv_of(tmp_path).read_bytes() == whole
        assert log.cut_bytes == len(TAILS[tail])
        assert log.next_offset == 14


@pytest.mark.parametrize("ending", [kill, CsvLog.close])
def test_row_03_damage_before_the_tail_is_refused_by_row_number(
    tmp_path: Path, ending: Any
) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 14))
    ending(log)
    path = csv_of(tmp_path)
    whole = path.read_bytes()
    dice = random.Random(11)

    for _ in range(200):
        position = dice.randrange(len(HEADER), whole.rfind(b"\n", 0, -1))
        damaged = bytearray(whole)
        damaged[position] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        row = whole[:position].count(b"\n") + 1
        with pytest.raises(SinkDamaged, match=f"row {row} is not as it was written"):
            open_log(tmp_path)
        assert path.read_bytes() == damaged, "a refused file is not touched"
    path.write_bytes(whole)
    with open_log(tmp_path) as log:
        assert log.next_offset == 14


def test_row_03_a_flip_in_the_last_row_is_a_torn_tail(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 5))
    log.close()
    whole = csv_of(tmp_path).read_bytes()
    damaged = bytearray(whole)
    damaged[-20] ^= 1
    csv_of(tmp_path).write_bytes(damaged)

    with open_log(tmp_path) as log:
        assert log.next_offset == 4
        feed(log, range(4, 5))
    assert csv_of(tmp_path).read_bytes() == whole


def edit_rows(path: Path, edit: Any) -> None:
    header, *rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, *edit(rows)]))


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda rows: [*rows, rows[2]], "row 16 .* out of order"),
        (lambda rows: [rows[1], rows[0], *rows[2:]], "row 3 .* out of order"),
        (lambda rows: [*rows[:4], *rows[5:]], "rows 2 to 15 .* taken out"),
        (lambda rows: [row.replace(b"\n", b"\r\n") for row in rows[:-1]] + rows[-1:], "row 2 "),
    ],
    ids=["a row twice", "two rows swapped", "a row taken out", "other line ends"],
)
def test_a_file_that_was_edited_is_refused(tmp_path: Path, edit: Any, what: str) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 14))
    edit_rows(csv_of(tmp_path), edit)

    with pytest.raises(SinkDamaged, match=what):
        open_log(tmp_path)


def test_a_header_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 3))
    csv_of(tmp_path).write_bytes(csv_of(tmp_path).read_bytes().replace(b"co2_kg", b"co2_lb"))

    with pytest.raises(SinkDamaged, match="row 1 is not the header"):
        open_log(tmp_path)


def test_a_tail_too_long_to_be_torn_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 3))
    monkeypatch.setattr("labkit.sink.crash_recovery.MAX_TAIL_BYTES", 1000)
    with csv_of(tmp_path).open("ab") as file:
        file.write(b"\0" * 1001)

    with pytest.raises(SinkDamaged, match="everything from row 5 on"):
        open_log(tmp_path)


crashes = st.tuples(
    st.integers(0, 5),  # batches before it
    st.sampled_from([kill, CsvLog.close]),
    st.integers(0, 400),  # bytes that are lost with it
    st.sampled_from([b"", b"\0" * 50, b"0,9,", b"\xff\n\xfe"]),  # bytes that it leaves behind
)


@settings(max_examples=50, deadline=None)
@given(st.lists(crashes, max_size=8))
def test_any_crashes_leave_what_one_clean_run_writes(
    tmp_path_factory: pytest.TempPathFactory, story: list[Any]
) -> None:
    clean, crashed = tmp_path_factory.mktemp("clean"), tmp_path_factory.mktemp("crashed")
    with open_log(clean, segment_bytes=900) as log:
        feed_to(log, 40)

    for batches, ending, lost, left_behind in story:
        log = open_log(crashed, segment_bytes=900)
        feed_to(log, min(40, (log.next_offset or 0) + 4 * batches))
        ending(log)
        last = segments(topic_dir(crashed, TOPIC), 0)[-1]
        if size := last.stat().st_size:
            os.truncate(last, max(len(HEADER), size - lost))
            with last.open("ab") as file:
                file.write(left_behind)
    with open_log(crashed, segment_bytes=900) as log:
        feed_to(log, 40)

    assert stored(crashed) == stored(clean)


def test_a_long_log_is_rolled_and_read_in_order(tmp_path: Path) -> None:
    with open_log(tmp_path, segment_bytes=1000) as log:
        for start in range(0, 5000, 250):
            feed(log, range(start, start + 250))
        totals = (log.rows, log.dead_letters, log.grams, log.next_offset)

    names = [path.name for path in segments(topic_dir(tmp_path, TOPIC), 0)]
    assert names[:3] == ["0.csv", "0.00000000000000000250.csv", "0.00000000000000000500.csv"]
    assert len(names) == 20
    assert [row.offset for row in stored(tmp_path)] == list(range(5000))
    with open_log(tmp_path, segment_bytes=1000) as log:
        assert (log.rows, log.dead_letters, log.grams, log.next_offset) == totals


def test_other_partitions_files_are_not_taken_for_ours(tmp_path: Path) -> None:
    for name in ["1.csv", "10.csv", "1.00000000000000000250.csv", "1.json", "1.x.csv", "11.csv"]:
        (tmp_path / name).touch()

    assert [path.name for path in segments(tmp_path, 1)] == ["1.csv", "1.00000000000000000250.csv"]


@pytest.mark.parametrize("ending", [kill, CsvLog.close])
def test_damage_in_a_rolled_file_is_refused(tmp_path: Path, ending: Any) -> None:
    log = open_log(tmp_path, segment_bytes=1000)
    feed(log, range(0, 10))
    feed(log, range(10, 20))
    ending(log)
    whole = csv_of(tmp_path).read_bytes()

    for damaged in (whole[:-5], whole[:400] + b"x" + whole[401:], whole + b"0,"):
        csv_of(tmp_path).write_bytes(damaged)
        with pytest.raises(SinkDamaged, match=r"0\.csv"):
            open_log(tmp_path)
    csv_of(tmp_path).unlink()
    with pytest.raises(SinkDamaged, match="the rows before it end at offset 0"):
        open_log(tmp_path)


def test_a_checkpoint_is_only_a_shortcut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_log, "CHECKPOINT_BYTES", 2000)
    log = open_log(tmp_path)
    for start in range(0, 100, 5):
        feed(log, range(start, start + 5))
    totals = (log.rows, log.dead_letters, log.grams, log.next_offset)
    kill(log)
    sidecar = json.loads((topic_dir(tmp_path, TOPIC) / "0.json").read_text())
    assert sidecar["checkpoints"]["0.csv"]["rows"] > 50, "it checkpoints as it goes"

    for _ in range(2):
        log = open_log(tmp_path)
        assert (log.rows, log.dead_letters, log.grams, log.next_offset) == totals
        kill(log)
        drop_checkpoints(tmp_path)


HOLD = """
import sys
from pathlib import Path
from labkit.sink.csv_log import CsvLog
log = CsvLog(Path(sys.argv[1]), "co2-emissions", 0, topic_id="topic-1", cluster_id="cluster-1")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SinkLocked, match=f"written by process {holder.pid}"):
            open_log(tmp_path)
        holder.kill()
        holder.wait()
        open_log(tmp_path).close()  # the lock of the dead is free at once


def test_two_writers_in_one_process_are_two_writers(tmp_path: Path) -> None:
    with open_log(tmp_path), pytest.raises(SinkLocked, match=f"process {os.getpid()}"):
        open_log(tmp_path)
    with open_log(tmp_path):
        pass
    assert (topic_dir(tmp_path, TOPIC) / "0.lock").exists(), "a lock file is never deleted"


@pytest.mark.parametrize("other", [{"topic_id": "topic-2"}, {"cluster_id": "cluster-2"}])
def test_rows_of_another_topic_are_not_continued(tmp_path: Path, other: dict[str, str]) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 3))
    before = csv_of(tmp_path).read_bytes()

    (key,) = other
    with pytest.raises(SinkForeign, match=f"{key} is '.*-1', and it is '.*-2' now") as caught:
        open_log(tmp_path, **other)
    assert caught.value.next_line.startswith("mv ")
    assert csv_of(tmp_path).read_bytes() == before
    open_log(tmp_path).close()  # and the lock is free again


def test_another_labs_folder_is_never_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first" / ".labkit").mkdir(parents=True)
    (tmp_path / "second").mkdir()
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path / "second"))
    theirs = tmp_path / "first" / "data"
    ours = f"export LABKIT_DATA_DIR={tmp_path / 'second' / 'data'}"
    other = {"topic_id": "topic-2", "cluster_id": "cluster-2"}
    with open_log(theirs) as log:
        feed(log, range(0, 3))
        with pytest.raises(SinkForeign, match="another cluster, cluster-1") as caught:
            open_log(theirs, **other)
        assert caught.value.next_line.startswith(ours)
    with pytest.raises(SinkForeign, match="their cluster_id") as caught:
        open_log(theirs, **other)
    assert f"of the lab in {tmp_path / 'first'}" in caught.value.what
    assert caught.value.next_line.startswith(ours)


def test_a_folder_without_rows_can_go_to_another_topic(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    with open_log(tmp_path, topic_id="topic-2") as log:
        feed(log, range(0, 3))

    with pytest.raises(SinkForeign):
        open_log(tmp_path)


def test_rows_of_nobody_knows_which_topic(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 3))
    sidecar = topic_dir(tmp_path, TOPIC) / "0.json"
    sidecar.write_text("")
    with pytest.raises(SinkDamaged, match="not the JSON"):
        open_log(tmp_path)
    sidecar.unlink()
    with pytest.raises(SinkForeign, match="is gone"):
        open_log(tmp_path)


def test_what_was_collected_can_be_dropped_from_an_offset_on(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 3))
        for offset in (3, 5, 6, 9):  # with gaps; 6 is a marker
            log.mark(offset) if offset == 6 else log.append(offset, reading(offset))
        log.drop_from(8)
        log.flush()
        assert (log.next_offset, log.rows, log.dead_letters) == (7, 5, 1)
        assert log.grams == sum(grams(reading(n).co2_kg) for n in (0, 1, 2, 3, 5))
        log.append(8, reading(8))
        log.drop_from(0)
        log.flush()
        assert log.next_offset == 7
        log.append(8, reading(8))
        log.flush()

    assert [row.offset for row in stored(tmp_path)] == [0, 1, 2, 3, 5, 6, 8]


def test_offsets_only_go_up(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 3))
        with pytest.raises(ValueError, match=r"offset 2 .* is not above 2"):
            log.append(2, reading(2))
        log.append(5, reading(5))  # a gap is legal: Kafka has them after compaction
        with pytest.raises(ValueError, match="offset 5"):
            log.mark(5)
        log.flush()

    assert [row.offset for row in stored(tmp_path)] == [0, 1, 2, 5]


def test_a_gap_is_kept_and_counted_once(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 3))
        log.note_gap(10)
        log.note_gap(10)  # met again, after a crash before the next row
        assert log.gap_records == 7
        log.note_gap(12)  # and retention has gone on meanwhile
        assert log.gap_records == 9
        feed(log, range(12, 14))
        log.note_gap(20)
        kill(log)
    with open_log(tmp_path) as log:
        assert (log.next_offset, log.gap_records) == (14, 15)


SUPPORT = Path(filled_log.__file__).parent
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from filled_log import csv_of, feed, open_log
from labkit.core.errors import SinkError

folder = Path(sys.argv[1])
log = open_log(folder)
feed(log, range(0, 10))
whole = csv_of(folder).read_bytes()
# The kernel takes a part of the write, then refuses: what a full disk does.
resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 600, resource.RLIM_INFINITY))
try:
    feed(log, range(10, 30))
except SinkError as error:
    assert "takes no more rows" in str(error), error
else:
    raise AssertionError("the write did not fail")
assert csv_of(folder).read_bytes() == whole
assert log.next_offset == 10
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
feed(log, range(10, 30))
log.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX's limit on the size of a file")
def test_row_10_a_full_disk_leaves_whole_rows(tmp_path: Path) -> None:
    script = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(SUPPORT)]
    subprocess.run(script, check=True, timeout=60)

    assert [row.offset for row in stored(tmp_path)] == list(range(30))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_row_10_a_file_that_cannot_even_be_cut_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 3))
    log._file.close()
    monkeypatch.setattr(CsvLog, "_is_in_place", lambda _log: True)
    log._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115

    with pytest.raises(SinkError, match=os.strerror(errno.ENOSPC)):
        feed(log, range(3, 6))
    log.close()
    with open_log(tmp_path) as log:
        assert log.next_offset == 3


def remove_folder(folder: Path) -> None:
    shutil.rmtree(topic_dir(folder, TOPIC))


def move_folder(folder: Path) -> None:
    topic_dir(folder, TOPIC).rename(folder / "elsewhere")


def remove_file(folder: Path) -> None:
    csv_of(folder).unlink()


def rename_file(folder: Path) -> None:
    csv_of(folder).rename(csv_of(folder).with_suffix(".bak"))


def replace_file(folder: Path) -> None:
    copy = csv_of(folder).with_suffix(".copy")
    shutil.copy(csv_of(folder), copy)
    copy.replace(csv_of(folder))


def overwrite_file(folder: Path) -> None:
    """Copy an older CSV over the open one: the same file with fewer rows."""
    lines = csv_of(folder).read_bytes().splitlines(keepends=True)
    csv_of(folder).write_bytes(b"".join(lines[:3]))


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps an open file in place")


@POSIX
@pytest.mark.parametrize(
    "harm", [remove_folder, move_folder, remove_file, rename_file, replace_file, overwrite_file]
)
@pytest.mark.parametrize("noticed_by", ["flush", "check_files"])
def test_rows_are_never_written_to_a_file_that_is_no_longer_there(
    tmp_path: Path, harm: Any, noticed_by: str
) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 6))
    log.check_files()
    harm(tmp_path)
    with pytest.raises(SinkMoved, match=r"0\.csv was deleted, moved or overwritten"):
        feed(log, range(6, 8)) if noticed_by == "flush" else log.check_files()
    log.close()

    with open_log(tmp_path) as log:  # what is there now is continued, from where it ends
        feed_to(log, 9)
    assert [row.offset for row in stored(tmp_path)] == list(range(9))


@POSIX
def test_a_writer_whose_lock_file_is_gone_gives_way_to_the_next(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 3))
    (topic_dir(tmp_path, TOPIC) / "0.lock").unlink()
    with open_log(tmp_path) as other:
        with pytest.raises(SinkMoved, match=r"0\.lock was deleted"):
            log.check_files()
        feed(other, range(3, 5))
    assert [row.offset for row in stored(tmp_path)] == list(range(5))


def test_a_checkpoint_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    feed(log, range(0, 3))
    (topic_dir(tmp_path, TOPIC) / "0.json").unlink()
    log.check_files()
    kill(log)
    with open_log(tmp_path) as log:
        assert log.next_offset == 3


@POSIX
def test_closing_leaves_the_checkpoint_of_a_folder_that_was_put_back(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        feed(log, range(0, 6))
    shutil.copytree(topic_dir(tmp_path, TOPIC), tmp_path / "backup")
    log = open_log(tmp_path)
    feed(log, range(6, 9))
    remove_folder(tmp_path)
    (tmp_path / "backup").rename(topic_dir(tmp_path, TOPIC))
    log.close()
    with open_log(tmp_path) as log:
        assert log.next_offset == 6


def test_a_sealed_file_that_is_gone_is_noticed(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=1)
    feed(log, range(0, 3))
    feed(log, range(3, 6))
    csv_of(tmp_path).unlink()
    with pytest.raises(SinkMoved, match=r"0\.csv"):
        log.check_files()


def test_the_last_rows_are_those_of_the_newest_file_that_has_any(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        assert log.last_rows() == {}
    with open_log(tmp_path, segment_bytes=1) as log:
        feed(log, range(0, 3))
        feed(log, range(3, 6))
        found = log.last_rows()
        assert {n: decode_row(row).offset for n, row in found.items()} == {3: 3, 4: 4, 5: 5}
        feed_to(log, 400)
    with open_log(tmp_path) as log:
        feed(log, range(400, 700))
        rows = log.last_rows()
        assert list(rows) == list(range(min(rows), 700))
        assert sum(map(len, rows.values())) <= csv_log.LAST_ROWS_BYTES
