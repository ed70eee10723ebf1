"""The status for a terminal; what it is asked from is tested with a broker."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from labkit.pipeline.lab_status import FEW_OF_LESSONS, status_view

NOTHING: dict[str, Any] = {
    "lab_dir": "/lab",
    "bootstrap_servers": "127.0.0.1:9092",
    "problem": None,
    "api": None,
    **{name: [] for name in ("brokers", "faults", "topics", "groups", "workers", "partitions")},
}


def shown(**status: Any) -> str:
    screen = io.StringIO()
    Console(file=screen, width=120).print(status_view(NOTHING | status))
    return screen.getvalue()


def topics(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "num_partitions": 3, "records": 1_200} for name in names]


def test_many_topics_of_lessons_are_one_line() -> None:
    few = [f"lesson03b-{number}" for number in range(FEW_OF_LESSONS)]
    assert all(name in shown(topics=topics("co2-emissions", *few)) for name in few)
    said = shown(topics=topics("co2-emissions", "capstone-co2", *few, "mine"))
    assert "lesson03b" not in said
    assert f"{FEW_OF_LESSONS + 1} of the lessons: labkit topics list" in said
    assert all(f"\n{name:<14}" in said for name in ("co2-emissions", "mine"))


def test_their_groups_too() -> None:
    groups = [{"group_id": f"g{one}", "topic": f"lesson04-{one}", "lag": 0} for one in range(9)]
    own = {"group_id": "csv-writer", "topic": "co2-emissions", "lag": 7}
    said = shown(groups=[*groups, own])
    assert "lesson04" not in said
    assert "csv-writer" in said
    assert "9 of the lessons: labkit kafka kafka-consumer-groups --describe --all-groups" in said
