"""The reference solution of the capstone: the same checks as a learner's, and the same kills."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty import dice, times

import labkit as lab
from labkit.exercises import lesson_11 as ex
from labkit.exercises import reference
from labkit.exercises.capstone import capstone_feed

KILLS = times("KILLS", 3)


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
    chance, path = dice("reference"), folder / "readings.csv"
    command = [sys.executable, "-m", "labkit.exercises.reference", "consume", bootstrap_servers]
    started = time.monotonic()
    subprocess.run([*command, str(folder)], check=True, timeout=60)
    took_s = time.monotonic() - started  # from start to end; it is killed before that
    path.unlink()
    killed = 0
    while killed < KILLS:
        with subprocess.Popen([*command, str(folder)]) as child:
            time.sleep(chance.uniform(0.3, 1.0) * took_s)
            if child.poll() is None:
                child.kill()
                killed += 1
        if path.exists():  # a row that the kill tore, and a few that a power cut took
            content = path.read_bytes()
            lost = chance.choice([0, 1, 30, 500, 5_000])
            path.write_bytes(content[: max(0, len(content) - lost)])
    print(f"{killed} kills within {took_s:.1f} s of the start")
    reference.consume(bootstrap_servers, path)
    rows = [capstone_feed.place(row) for row in capstone_feed.stored()]
    assert sorted(rows) == sorted(capstone_feed.good_rows())
    assert ex.q5.check(reference.create_app(path)).is_correct
