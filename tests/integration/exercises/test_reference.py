"""The reference solution of the capstone: the same checks as a learner's, and the same kills."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import labkit as lab
from labkit.exercises import lesson_11 as ex
from labkit.exercises import reference
from labkit.exercises.capstone import capstone_feed

KILLS = 3


@pytest.fixture
def folder(lab_dir: Path, bootstrap_servers: str) -> Path:
    """Create the capstone's file and topics, and send the file."""
    ex.clear()
    feed = ex.write_feed()
    lab.ensure_topic(
        reference.TOPIC,
        num_partitions=capstone_feed.PARTITIONS,
        config={"retention.ms": capstone_feed.RETENTION_MS},
    )
    lab.ensure_topic(reference.DEAD_LETTERS, num_partitions=1)
    reference.produce(bootstrap_servers, feed)
    return feed.parent


def test_it_passes_every_check(folder: Path, bootstrap_servers: str) -> None:
    path = folder / "readings.csv"
    reference.consume(bootstrap_servers, path)
    marks = ex.marks()
    assert marks.passed == len(marks.results), marks
    again = ex.q4.check(lambda: reference.consume(bootstrap_servers, path))
    assert again.is_correct, again
    served = ex.q5.check(reference.create_app(path))
    assert served.is_correct, served


def test_it_survives_kills_and_a_torn_row(folder: Path, bootstrap_servers: str) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance, path = random.Random(seed), folder / "readings.csv"
    command = [sys.executable, "-m", "labkit.exercises.reference", "consume", bootstrap_servers]
    for _ in range(KILLS):
        with subprocess.Popen([*command, str(folder)]) as child:
            time.sleep(chance.uniform(0.5, 2.5))
            child.kill()
    if path.exists():
        path.write_bytes(path.read_bytes()[: -chance.randrange(1, 60)])
    reference.consume(bootstrap_servers, path)
    rows = [capstone_feed.place(row) for row in capstone_feed.stored()]
    assert sorted(rows) == sorted(capstone_feed.good_rows())
    assert ex.q5.check(reference.create_app(path)).is_correct
