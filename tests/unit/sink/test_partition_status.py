"""The status file holds what its writer wrote, and a reader copes with a broken one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labkit.core.json_files import read_json
from labkit.sink.partition_status import LastDeadLetter, PartitionStatus, read_progress

TOPIC = "co2-emissions"


def status(partition: int, **changes: Any) -> PartitionStatus:
    fields = {"topic": TOPIC, "group_id": "g", "member_id": "m", "pid": 1, "state": "running"}
    return PartitionStatus(partition=partition, **{**fields, **changes})


def written(folder: Path, *statuses: PartitionStatus) -> list[PartitionStatus]:
    (folder / TOPIC).mkdir(exist_ok=True)
    for one in statuses:
        one.write(folder)
    return read_progress(folder, TOPIC)


def test_statuses_come_back_by_partition(tmp_path: Path) -> None:
    statuses = [status(number, position=number * 10) for number in (0, 1, 2, 10)]

    assert written(tmp_path, *reversed(statuses)) == statuses


counts = st.none() | st.integers(0, 2**62)


@given(
    st.builds(
        status,
        st.integers(0, 100),
        state=st.sampled_from(["running", "paused", "stopped", "failed"]),
        reason=st.none() | st.text(st.characters(exclude_categories=("Cs",))),
        position=counts,
        lag=counts,
        lag_s=st.none() | st.floats(0, 1e9),
        last_dead_letter=st.none()
        | st.builds(LastDeadLetter, offset=st.integers(0, 2**62), reason=st.just("co2_kg: -1")),
    )
)
def test_a_status_reads_back_as_it_was(tmp_path_factory: Any, one: PartitionStatus) -> None:
    assert written(tmp_path_factory.mktemp("data"), one) == [one]


def test_the_file_holds_the_fields_that_the_api_passes_on(tmp_path: Path) -> None:
    at = datetime(2026, 11, 23, 22, 13, 4, 123_000, UTC)
    last = {"offset": 7, "reason": "the value is empty"}
    written(tmp_path, status(0, updated_at=at, last_dead_letter=last, grams=12))

    assert read_json(tmp_path / TOPIC / "0.status.json") == {
        "partition": 0,
        "topic": TOPIC,
        "group_id": "g",
        "member_id": "m",
        "pid": 1,
        "updated_at": "2026-11-23T22:13:04.123000Z",
        "state": "running",
        "reason": None,
        "position": None,
        "start_offset": None,
        "end_offset": None,
        "lag": None,
        "lag_s": None,
        "gap_records": 0,
        "rows": 0,
        "dead_letters": 0,
        "grams": 12,
        "removed_rows": 0,
        "removed_grams": 0,
        "last_dead_letter": last,
        "followed": None,
    }


def test_nobody_has_written_yet(tmp_path: Path) -> None:
    assert read_progress(tmp_path, TOPIC) == []


def test_a_file_that_is_no_status_says_nothing(tmp_path: Path) -> None:
    good = status(1)
    (tmp_path / TOPIC).mkdir()
    for number, content in enumerate([b"", b"{", b"[]", b'{"partition": 3}', b"\xff"], start=2):
        (tmp_path / TOPIC / f"{number}.status.json").write_bytes(content)

    assert written(tmp_path, good) == [good]


def test_the_newest_file_counts(tmp_path: Path) -> None:
    assert [one.rows for one in written(tmp_path, status(0, rows=1), status(0, rows=2))] == [2]
