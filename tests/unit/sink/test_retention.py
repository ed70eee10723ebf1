"""Retention removes whole closed files, and what they held stays counted, whatever is killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filled_log import TOPIC, feed_to, open_log, reading
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.core.errors import SinkForeign
from labkit.ledger.stage_totals import CsvTotals
from labkit.readings.reading import grams
from labkit.sink import checkpoint, csv_log
from labkit.sink.csv_log import CsvLog
from labkit.sink.retention import DAY_S, Removed, Retention, read_removed
from labkit.sink.segment_files import first_offset, segments, topic_dir
from labkit.table.table import Table

SMALL = 1_500  # bytes of a file: some eight rows


class Killed(BaseException):
    """The process ends here."""


class Sums(NamedTuple):
    """What a CSV holds, removed rows included."""

    rows: int
    dead_letters: int
    grams: int


def appended(end: int) -> Sums:
    good = [offset for offset in range(end) if offset % 7 != 6]
    return Sums(len(good), end - len(good), sum(grams(reading(one).co2_kg) for one in good))


def names(folder: Path) -> list[str]:
    return [path.name for path in segments(topic_dir(folder, TOPIC), 0)]


def in_files(folder: Path) -> list[int]:
    """Return the offsets of all rows that are there."""
    files = segments(topic_dir(folder, TOPIC), 0)
    lines = [line for path in files for line in path.read_bytes().splitlines()[1:]]
    return [int(line.split(b",")[1]) for line in lines]


def drop_checkpoint_of_files(folder: Path) -> None:
    """Let the checkpoint be older than the file that is written."""
    path = topic_dir(folder, TOPIC) / "0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"checkpoints": {}}))


def by_ledger(totals: CsvTotals) -> Sums:
    stage = totals.read()
    return Sums(stage.records or 0, totals.dead_letters, stage.grams or 0)


def by_table(table: Table) -> tuple[int, int]:
    table.refresh()
    snapshot = table.snapshot
    present = int(snapshot.totals.grams.sum())
    assert snapshot.problems == ()
    assert int(snapshot.totals.records.sum()) == snapshot.rows == len(table.frame)
    return snapshot.rows + snapshot.removed_rows, present + snapshot.removed_grams


def test_without_limits_nothing_is_removed(tmp_path: Path) -> None:
    with open_log(tmp_path, segment_bytes=SMALL) as log:
        feed_to(log, 60)
    assert len(names(tmp_path)) > 3
    assert "removed" not in json.loads((topic_dir(tmp_path, TOPIC) / "0.json").read_text())


def test_the_oldest_closed_files_go_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    limit = 3 * SMALL
    with open_log(tmp_path, segment_bytes=SMALL, retention=Retention(bytes=limit)) as log:
        feed_to(log, 100)
        assert log.removed.next_offset > 0
        assert Sums(log.rows, log.dead_letters, log.grams) == appended(100)
        assert log.next_offset == 100
    files = segments(topic_dir(tmp_path, TOPIC), 0)
    closed = sum(path.stat().st_size for path in files[:-1])
    assert closed <= limit
    assert first_offset(files[0]) == log.removed.next_offset
    assert in_files(tmp_path) == list(range(log.removed.next_offset, 100))


def test_files_go_by_the_time_since_they_were_last_written_to(tmp_path: Path) -> None:
    with open_log(tmp_path, segment_bytes=SMALL) as log:
        feed_to(log, 60)
    files = segments(topic_dir(tmp_path, TOPIC), 0)
    now = files[0].stat().st_mtime
    for age_days, path in zip((9, 8, 1), files, strict=False):
        os.utime(path, (now - age_days * DAY_S,) * 2)
    os.utime(files[-1], (now - 100 * DAY_S,) * 2)  # the one that is written: it stays
    with open_log(tmp_path, segment_bytes=SMALL, retention=Retention(days=7)) as log:
        assert names(tmp_path) == [path.name for path in files[2:]]
        assert Sums(log.rows, log.dead_letters, log.grams) == appended(60)


def test_some_rows_stay_to_be_compared_with_the_topic(tmp_path: Path) -> None:
    with open_log(tmp_path, segment_bytes=SMALL, retention=Retention(bytes=1)) as log:
        feed_to(log, 40)
        log._roll()
        log._remove_expired()
        assert max(log.last_rows()) == 39


def test_the_position_outlives_all_rows(tmp_path: Path) -> None:
    """A power cut takes the rows of the file that is written; those before it were removed."""
    keep_none = Retention(bytes=1)
    log = open_log(tmp_path, segment_bytes=SMALL, retention=keep_none)
    feed_to(log, 40)
    removed = log.removed
    log._release()
    (path,) = segments(topic_dir(tmp_path, TOPIC), 0)
    path.write_bytes(b"")
    drop_checkpoint_of_files(tmp_path)
    for _ in range(2):
        with open_log(tmp_path, segment_bytes=SMALL, retention=keep_none) as log:
            assert log.next_offset == removed.next_offset > 0
            counts = Sums(log.rows, log.dead_letters, log.grams)
            assert counts == appended(removed.next_offset)
    with pytest.raises(SinkForeign):
        open_log(tmp_path, topic_id="another")


def test_a_file_that_cannot_be_deleted_is_not_read_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_options: Any) -> None:
        raise PermissionError(13, "it is open elsewhere", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with open_log(tmp_path, segment_bytes=SMALL, retention=Retention(bytes=SMALL)) as log:
            feed_to(log, 60)
            assert Sums(log.rows, log.dead_letters, log.grams) == appended(60)
        assert names(tmp_path)[0] == "0.csv"
        assert by_ledger(CsvTotals(tmp_path, TOPIC)) == appended(60)
        assert by_table(Table(topic_dir(tmp_path, TOPIC))) == (
            appended(60).rows,
            appended(60).grams,
        )
    with open_log(tmp_path, segment_bytes=SMALL) as log:
        assert Sums(log.rows, log.dead_letters, log.grams) == appended(60)
    assert names(tmp_path)[0] != "0.csv"


def test_a_checkpoint_that_cannot_be_saved_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_what: object) -> None:
        raise OSError(28, "No space left on device")

    with open_log(tmp_path, segment_bytes=SMALL) as log:
        feed_to(log, 60)
    files = names(tmp_path)
    log = open_log(tmp_path, segment_bytes=SMALL)
    log._retention = Retention(bytes=1)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_json", refuse)
        log._remove_expired()
    assert names(tmp_path) == files
    assert log.removed == Removed()
    log.close()


def kill_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    """End the process at a step of a removal: before or after a file is written or deleted."""
    left = steps

    def counted(action: Any) -> Any:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            done = action(*arguments, **options)
            if left == 0:
                raise Killed
            left -= 1
            return done

        return step

    patch.setattr(checkpoint, "write_json", counted(checkpoint.write_json))
    patch.setattr(checkpoint, "persist", counted(checkpoint.persist))
    patch.setattr(Path, "unlink", counted(Path.unlink))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["append", "append", "kill", "reopen", "look"]), st.integers(0, 12)
        ),
        max_size=14,
    ),
    in_memory=st.sampled_from([None, 0]),
)
def test_counts_stay_exact_through_appends_rolls_removals_and_kills(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, int]],
    in_memory: int | None,
) -> None:
    folder = tmp_path_factory.mktemp("data")
    totals, table = CsvTotals(folder, TOPIC), Table(topic_dir(folder, TOPIC), in_memory)
    kept = Retention(bytes=2 * SMALL)

    def opened() -> CsvLog:
        return open_log(folder, segment_bytes=SMALL, retention=kept)

    log = opened()
    for kind, number in [*steps, ("reopen", 0), ("look", 0)]:
        if kind == "append":
            feed_to(log, (log.next_offset or 0) + 3 * number)
        elif kind == "kill":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(csv_log, "CHECKPOINT_BYTES", 10**9)
                kill_after(patch, number)
                try:
                    feed_to(log, (log.next_offset or 0) + 20)
                    log._retention = Retention(bytes=1)
                    log._remove_expired()
                except Killed:
                    pass
            log._release()
            expected = appended(log.next_offset or 0)
            for reader in (totals, CsvTotals(folder, TOPIC)):
                assert by_ledger(reader) == expected
            for one in (table, Table(topic_dir(folder, TOPIC))):
                assert by_table(one) == (expected.rows, expected.grams)
            log = opened()
        elif kind == "reopen":
            log.close()
            log = opened()
        end = log.next_offset or 0
        expected = appended(end)
        assert Sums(log.rows, log.dead_letters, log.grams) == expected
        assert in_files(folder) == list(range(log.removed.next_offset, end))
        if kind == "look":
            for reader in (totals, CsvTotals(folder, TOPIC)):
                assert by_ledger(reader) == expected
            for one in (table, Table(topic_dir(folder, TOPIC))):
                assert by_table(one) == (expected.rows, expected.grams)
    assert read_removed(topic_dir(folder, TOPIC), 0) == log.removed
    log.close()
