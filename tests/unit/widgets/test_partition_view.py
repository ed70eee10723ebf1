"""The partition view: what is shown of a topic, as data and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.core import background_workers
from labkit.core.errors import BrokerUnavailable, TopicNotFound
from labkit.topics.topic_model import (
    KEY_BYTES,
    VALUE_BYTES,
    Partition,
    SeenRecord,
    Topic,
    TopicSnapshot,
    bytes_in_words,
)
from labkit.widgets import partition_view
from labkit.widgets.live_widget import LiveWidget, keep_last_on_error
from labkit.widgets.partition_view import empty_topic, topic_snapshot, topic_text
from labkit.widgets.text_alternative import Places, counted, letters, table_text


def record(
    offset: int, key: bytes | None = b"PL-COAL-001", value: bytes | None = b"{}"
) -> SeenRecord:
    return SeenRecord(offset, 1_000, key, value, len(key or b"") + len(value or b""), ())


def partition(number: int = 0, **changes: object) -> Partition:
    given: dict[str, object] = {
        "leader": 1,
        "replicas": (1,),
        "isr": (1,),
        "start_offset": 0,
        "end_offset": 3,
    }
    return Partition(partition=number, **{**given, **changes})  # type: ignore[arg-type]


def sight(
    *partitions: Partition,
    records: dict[int, tuple[SeenRecord, ...]] | None = None,
    positions: dict[str, dict[int, int]] | None = None,
    notes: tuple[str, ...] = (),
) -> TopicSnapshot:
    topic = Topic("t", "an-id", "a-cluster", False, partitions, {})
    return TopicSnapshot(topic, records or {}, positions or {}, notes)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "null"),
        (b"", ""),
        (b"PL-COAL-001", "PL-COAL-001"),
        ("Bełchatów".encode(), "Bełchatów"),
        ((42).to_bytes(8, "big"), "0x 00 00 00 00 00 00 00 2a"),
        (b"\xff\xfe", "0x ff fe"),
        (b"\x1b[2Jgone", "0x 1b 5b 32 4a 67 6f 6e 65"),
        (b"x" * 65, "x" * 60 + "…"),
        # Cut off in the middle of a character of two bytes.
        (b"a" + "ł".encode() * 40, "a" + "ł" * 29 + "…"),
    ],
)
def test_bytes_are_shown_as_text_only_where_they_are_text(data: bytes | None, words: str) -> None:
    assert bytes_in_words(data, 60) == words


def test_a_key_keeps_its_mark_as_long_as_it_is_on_the_screen() -> None:
    marks: Places[bytes] = Places()
    assert marks.of([b"a", b"b", None, b"a"]) == {b"a": 0, b"b": 1}
    assert marks.of([b"b", b"c"]) == {b"b": 1, b"c": 0}  # the free place is used again
    assert marks.of([b"d", b"c", b"b"]) == {b"b": 1, b"c": 0, b"d": 2}
    many = [str(number).encode() for number in range(700)]
    assert sorted(marks.of(many).values()) == list(range(700))


@pytest.mark.parametrize(
    ("place", "mark"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ")]
)
def test_a_place_is_written_as_letters(place: int, mark: str) -> None:
    assert letters(place) == mark


def test_lag_and_arrows_are_counted_from_what_was_committed() -> None:
    shown = topic_snapshot(
        sight(
            partition(0, end_offset=10),
            partition(1, end_offset=4),
            records={0: (record(8), record(9, b"other"))},
            positions={"csv-writer": {0: 7, 1: 4}, "ahead": {1: 9}},
        ),
        Places(),
    )
    assert shown["lanes"][0]["groups"] == [{"group": "csv-writer", "position": 7, "lag": 3}]
    assert [one["lag"] for one in shown["lanes"][1]["groups"]] == [0, 0]
    assert "group csv-writer is 3 records behind" in shown["sentence"]
    assert [(one["offset"], one["mark"]) for one in shown["lanes"][0]["records"]] == [
        (8, "PL-COAL-001"),
        (9, "other"),
    ]
    json.dumps(shown, allow_nan=False)


def test_a_record_that_came_after_the_end_was_asked_for_counts() -> None:
    shown = topic_snapshot(
        sight(partition(end_offset=3), records={0: (record(3),)}, positions={"g": {0: 3}}),
        Places(),
    )
    assert (shown["lanes"][0]["end"], shown["lanes"][0]["groups"][0]["lag"]) == (4, 1)


def test_replicas_that_lag_and_partitions_without_a_leader_are_told() -> None:
    shown = topic_snapshot(
        sight(
            partition(0, replicas=(1, 2, 3), isr=(1, 2)),
            partition(1, leader=None, isr=(), start_offset=None, end_offset=None),
            positions={"g": {1: 5}},
        ),
        Places(),
    )
    assert shown["lanes"][0]["out_of_sync"] == [3]
    assert "nobody leads partition 1 now" in shown["sentence"]
    assert "brokers 1, 3 are not in sync" in shown["sentence"]
    text = topic_text(shown)
    assert "1,2 (not 3)" in text
    assert "at 5, lag ?" in text


def test_what_was_left_out_is_told() -> None:
    shown = topic_snapshot(sight(partition(), notes=("the last 4 records of each",)), Places())
    assert shown["state"].startswith("The last 4 records of each. Read by a consumer")


def test_null_and_binary_are_told_from_text() -> None:
    shown = topic_snapshot(
        sight(partition(), records={0: (record(0, None, None), record(1, b"\x00", b"\xff"))}),
        Places(),
    )
    first, second = shown["lanes"][0]["records"]
    assert (first["mark"], first["key"], first["value"]) == ("no key", "null", "null")
    assert (second["mark"], second["key"], second["value"]) == ("0x 00", "0x 00", "0x ff")


def test_the_snapshot_stays_small_whatever_the_records_are() -> None:
    big = tuple(
        record(offset, b"k" * (KEY_BYTES + 1), b"v" * (VALUE_BYTES + 1)) for offset in range(12)
    )
    shown = topic_snapshot(sight(partition(end_offset=12), records={0: big}), Places())
    assert len(json.dumps(shown)) < 12 * 600


def test_a_group_of_a_hostile_name_does_nothing_to_a_terminal() -> None:
    shown = topic_snapshot(sight(partition(), positions={"\x1b[2J": {0: 1}}), Places())
    assert "\x1b" not in topic_text(shown)


def test_a_text_table_has_straight_columns() -> None:
    rows = [["a", "long head"], ["longer", "b"]]
    assert table_text(rows) == "a       long head\n------  ---------\nlonger  b"
    assert (counted(1, "record"), counted(1_204, "record")) == ("1 record", "1,204 records")


def test_trouble_is_a_part_of_what_is_shown() -> None:
    answers: list[object] = [
        TopicNotFound("there is no topic t", "lab.ensure_topic('t')"),
        {"lanes": [1], "state": ""},
        BrokerUnavailable("no broker answers", "lab.start_broker()"),
        {"lanes": [2], "state": ""},
        TopicNotFound("it is gone"),
    ]

    def look() -> dict[str, object]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]

    read = keep_last_on_error(look, empty_topic("t"))
    first = read()
    assert (first["lanes"], first["fresh"]) == ([], False)
    assert first["state"] == "There is no topic t. It is shown here as soon as it is created."
    assert read() == {"lanes": [1], "state": "", "fresh": True}
    down = read()
    assert (down["lanes"], down["fresh"]) == ([1], False)  # what was seen last stays
    assert "lab.start_broker()" in down["state"]
    assert read()["fresh"]
    assert read()["lanes"] == []  # a topic that is gone has no records


@pytest.fixture
def no_views_left(lab_dir: Path) -> Iterator[None]:
    yield
    background_workers.stop_all()
    for shown in list(LiveWidget._shown.values()):
        shown.close()


def test_without_a_broker_it_says_what_to_type(no_views_left: None) -> None:
    view = partition_view("t")
    assert view.snapshot["lanes"] == []
    assert "Next: lab.start_broker()" in view.text
    assert str(view) == view.text
    assert view.name == "partition view of t"
    again = partition_view("t")
    assert view.comm is None
    assert background_workers.running() == [again]
