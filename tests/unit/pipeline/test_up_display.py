"""The live view of ``labkit up`` in terminals of every size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from labkit.ledger.ledger_model import Ledger, PartitionPlace, Stage
from labkit.pipeline.pipeline import Pipeline, UpOptions
from labkit.pipeline.up_display import WHAT_TO_TYPE, Sample, live_view

STAGE = Stage(records=1_234, grams=656_600_000)
VERDICT = (
    "264 readings (1.972385 t) are in the topic and not in the CSV yet: the consumer is behind."
)


def shown(width: int, height: int, problem: str = "", partitions: int = 3) -> list[str]:
    """Return the lines of the view as a terminal of this size would show them."""
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    pipeline = Pipeline(UpOptions("co2-emissions", Path("data")), print, "http://127.0.0.1:8050")
    ledger = Ledger(
        topic_name="co2-emissions",
        topic_id="id",
        data_dir="/home/somebody/" + "a-long-folder/" * 8,
        **dict.fromkeys(("emitted", "acked", "topic", "csv", "served"), STAGE),
        **dict.fromkeys(("failed", "unknown", "foreign"), STAGE),
        dead_letters=39,
        bad_in_topic=39,
        partitions=tuple(place(number) for number in range(partitions)),
        state="on the way",
        sentence=VERDICT,
    )
    view = live_view(pipeline, Sample(ledger, {"csv": 20.0}, problem), 12.0, console)
    console.print(view)
    output: Any = console.file
    return output.getvalue().splitlines()


def place(partition: int) -> PartitionPlace:
    return PartitionPlace(partition=partition, end_offset=1_000, position=900, lag=100)


@pytest.mark.parametrize("problem", ["", "The brokers do not answer."])
@pytest.mark.parametrize("partitions", [1, 3, 12, 40])
@pytest.mark.parametrize("size", [(200, 60), (120, 40), (80, 24), (60, 20), (40, 16)])
def test_it_fits_and_says_how_to_stop(size: tuple[int, int], partitions: int, problem: str) -> None:
    width, height = size
    lines = shown(width, height, problem, partitions)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    words = " ".join(" ".join(lines).split())
    assert "http://127.0.0.1:8050" in words
    assert VERDICT in words
    assert " ".join(WHAT_TO_TYPE.split()) in words
    assert problem in words


def test_a_terminal_of_80_by_24_shows_every_stage_and_partition() -> None:
    lines = shown(80, 24)
    assert sum("1,234" in line for line in lines) == 8
    assert sum(line.split()[-1:] == ["100"] for line in lines) == 3


def test_a_large_one_explains_the_table() -> None:
    assert any("doubled CO₂" in line for line in shown(120, 40))
