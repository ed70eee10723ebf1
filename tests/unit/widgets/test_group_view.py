"""The group view: what is shown of a consumer group, as data and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.core import background_workers
from labkit.topics.group_watch import GroupDescription, Member
from labkit.widgets import group_view
from labkit.widgets.group_view import group_snapshot, group_text, short_name
from labkit.widgets.live_widget import LiveWidget
from labkit.widgets.text_alternative import Places


def member(number: int, topic: str = "t", *partitions: int) -> Member:
    assigned = {topic: partitions} if partitions else {}
    return Member(f"labkit-{number:06}", "labkit", "127.0.0.1", (topic,), assigned)


def sight(
    *members: Member, state: str = "Stable", partitions: int = 3, problem: str = ""
) -> GroupDescription:
    return GroupDescription("g", state, "cooperative-sticky", members, {"t": partitions}, problem)


def test_a_client_id_that_all_members_share_is_not_shown() -> None:
    assert short_name("kafka-python-3.0.12") == "no client_id"
    assert short_name("reader-1") == "reader-1"


def test_each_partition_is_in_one_cell_and_who_has_none_is_idle() -> None:
    members = (member(1, "t", 0, 1), member(2, "t", 2), member(3))
    shown = group_snapshot(sight(*members), Places())
    assert [one["assigned"]["t"] for one in shown["members"]] == [[0, 1], [2], []]
    assert [one["letter"] for one in shown["members"]] == ["A", "B", "C"]
    assert [one["idle"] for one in shown["members"]] == [
        "",
        "",
        "idle: no partition is left for it",
    ]
    assert shown["unassigned"] == []
    assert shown["sentence"] == (
        "Group g is Stable with 3 members; A reads partitions 0, 1; B reads partition 2; "
        "C: idle: no partition is left for it."
    )
    json.dumps(shown, allow_nan=False)


def test_while_the_group_is_rebalanced_nobody_is_called_idle() -> None:
    # The coordinator tells neither subscription nor assignment then.
    joining = Member("labkit-1", "labkit", "127.0.0.1", (), {})
    shown = group_snapshot(sight(joining, state="PreparingRebalance"), Places())
    assert shown["members"][0]["idle"] == "the partitions are being shared out"
    assert "idle" not in shown["sentence"]
    assert "waits for the members" in shown["meaning"]


def test_a_member_keeps_its_letter_and_one_that_comes_gets_the_lowest_that_is_free() -> None:
    book: Places[str] = Places()
    assert book.of(["x", "y", "z"]) == {"x": 0, "y": 1, "z": 2}
    assert book.of(["y", "z"]) == {"y": 1, "z": 2}
    assert book.of(["a", "y", "z"]) == {"a": 0, "y": 1, "z": 2}


def test_partitions_that_nobody_reads_are_told() -> None:
    shown = group_snapshot(sight(member(1, "t", 0)), Places())
    assert shown["unassigned"] == [["t", 1], ["t", 2]]
    assert "nobody has 2 partitions" in shown["sentence"]


def test_a_member_of_another_topic_is_not_called_idle() -> None:
    shown = group_snapshot(sight(member(1, "other", 0)), Places())
    assert shown["members"][0]["idle"] == "it subscribes to other"


@pytest.mark.parametrize(
    ("state", "words"), [("Empty", "it has no member"), ("Dead", "there is no such group")]
)
def test_a_group_without_members_says_how_to_start_one(state: str, words: str) -> None:
    shown = group_snapshot(sight(state=state), Places())
    assert words in shown["sentence"]
    assert shown["state"] == "Next: lab.start_consumer(group_id='g')"


def test_a_misspelt_group_is_asked_about() -> None:
    shown = group_snapshot(replace(sight(state="Dead"), similar="csv-writer"), Places())
    assert shown["state"] == "Did you mean 'csv-writer'? Next: lab.group_view('csv-writer')"


def test_a_problem_is_told() -> None:
    lost = sight(state="", problem="the group has no coordinator just now")
    shown = group_snapshot(lost, Places())
    assert shown["state"] == "the group has no coordinator just now"
    assert "Nothing is known" in shown["sentence"]


def test_twenty_members_and_fifty_partitions_fit() -> None:
    members = [member(n, "t", *range(n, 50, 20)) for n in range(20)]
    shown = group_snapshot(sight(*members, partitions=50), Places())
    assert shown["unassigned"] == []
    assert len(json.dumps(shown)) < 10_000
    assert shown["sentence"] == "Group g is Stable with 20 members; each has a partition."
    assert len(group_text(shown).splitlines()) == 1 + 1 + 2 + 20 + 1 + 1


def test_the_text_names_who_has_what() -> None:
    text = group_text(group_snapshot(sight(member(1, "t", 0, 1), member(2)), Places()))
    lines = text.splitlines()
    assert lines[2].split() == ["client", "id", "host", "member", "id", "t"]
    assert lines[4].split() == ["A", "labkit", "127.0.0.1", "labkit-000001", "0,1"]
    assert lines[5].endswith("none  idle: no partition is left for it")
    assert "Assignor: cooperative-sticky" in text


@pytest.fixture
def no_views_left(lab_dir: Path) -> Iterator[None]:
    yield
    background_workers.stop_all()
    for shown in list(LiveWidget._shown.values()):
        shown.close()


def test_without_a_broker_it_says_what_to_type(no_views_left: None) -> None:
    view = group_view()
    assert view.name == "group view of csv-writer"
    assert view.snapshot["members"] == []
    assert "Next: lab.start_broker()" in str(view)
