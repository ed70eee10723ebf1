"""Lesson 09d's checks, on readings that are really lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from marking import expect, expect_revealed, solve
from waiting import PATIENCE_S

import labkit as lab
from labkit.exercises import lesson_09d as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED


def send(count: int, seed: int) -> None:
    producer = lab.start_producer(ex.TOPIC, readings_per_s=0, count=count, seed=seed)
    assert producer.wait(PATIENCE_S)


def store() -> Path:
    consumer = lab.start_consumer(ex.TOPIC, "lesson09d", ex.DATA_DIR)
    consumer.wait_until_caught_up()
    consumer.stop()
    return consumer.data_dir


@pytest.fixture
def lost(lab_dir: Path, bootstrap_servers: str) -> Iterator[Path]:
    """Lose the topic and the CSV; yield the backup. A deleted topic is as gone as a lost disk."""
    lab.fresh_topic(ex.TOPIC, data_dir=ex.DATA_DIR)
    send(ex.BACKED_UP, 1)
    stored = store()
    backup = Path(shutil.copytree(stored, stored.with_name("backup")))
    send(ex.STORED, 2)
    store()
    send(ex.WAITING, 3)
    expect(ex.q1, NOT_ATTEMPTED, lambda log, stored: (0, 0), says="Nothing is lost and restored")
    lab.delete_topic(ex.TOPIC)
    shutil.rmtree(stored)
    lab.ensure_topic(ex.TOPIC)
    yield backup
    lab.stop_all()
    lab.delete_topic(ex.TOPIC)


def restore(backup: Path) -> None:
    for path in sorted(backup.rglob("*.csv")):
        lab.start_producer(ex.TOPIC, replay=lab.Replay(path), speed=0).wait(PATIENCE_S)
    store()


def test_a_loss_and_its_figures(lost: Path) -> None:
    def acked_lines(log: ex.Log) -> list[dict[str, str]]:
        sent = {line["number"]: line for line in log if line["event"] == "sent"}
        return [sent[line["number"]] for line in log if line["event"] == "acked"]

    def by_loop(log: ex.Log, stored: set[str]) -> tuple[int, float]:
        ids, grams, readings, total = {}, {}, 0, 0
        for line in log:
            if line["event"] == "sent":
                ids[line["number"]], grams[line["number"]] = line["reading_id"], line["co2_g"]
            elif line["event"] == "acked" and ids[line["number"]] not in stored:
                readings, total = readings + 1, total + int(grams[line["number"]])
        return readings, total / 1_000_000

    def by_sets(log: ex.Log, stored: set[str]) -> list[float]:
        grams = {line["reading_id"]: float(line["co2_g"]) for line in acked_lines(log)}
        gone = grams.keys() - stored
        return [len(gone), sum(grams[one] for one in gone) / 1e6]

    def of_all_sent(log: ex.Log, stored: set[str]) -> tuple[int, float]:
        gone = [line for line in log if line["event"] == "sent"]
        gone = [line for line in gone if line["reading_id"] not in stored]
        return len(gone), sum(int(line["co2_g"]) for line in gone) / 1e6

    def in_grams(log: ex.Log, stored: set[str]) -> tuple[int, float]:
        readings, tonnes = by_loop(log, stored)
        return readings, tonnes * 1e6

    def without_stored(log: ex.Log, stored: set[str]) -> tuple[int, float]:
        return by_loop(log, set())

    def known(log: ex.Log, stored: set[str]) -> tuple[int, float]:
        return {ex.BACKED_UP: (0, 0.0)}.get(len(log) // 2, (len(log) // 2, 1.0))

    def in_answers(log: ex.Log, stored: set[str]) -> tuple[int, float]:
        gone = [line for line in log if line["event"] == "acked"]
        gone = [line for line in gone if line["reading_id"] not in stored]
        return len(gone), sum(int(line["co2_g"]) for line in gone) / 1e6

    expect_revealed(ex.p1, 150, NOT_ATTEMPTED, says="Nothing is lost and restored")
    restore(lost)
    expect_revealed(ex.p1, ..., NOT_ATTEMPTED, says="It was 150")
    expect_revealed(ex.p1, 50, NOT_YET, says="You said 50. It was 150")
    expect_revealed(ex.p1, 150, CORRECT, says="300 are stored again")

    def blank(log, stored): ...

    expect(ex.q1, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q1, NOT_YET, lambda log, stored: print(len(log)), says="has to end with `return`")
    expect(ex.q1, NOT_YET, lambda log, stored: len(log), says="two values")
    expect(ex.q1, ERROR, lambda log, stored: log["sent"], says="TypeError")
    for wrong in (of_all_sent, in_grams, without_stored, known, in_answers):
        expect(ex.q1, NOT_YET, wrong, says="They are")
    for right in (by_loop, by_sets, solve(ex.q1)["lost"]):
        expect(ex.q1, CORRECT, right, says="Lost are 150 readings")

    expect(ex.q2, NOT_ATTEMPTED, lambda times: 1.0, says="run the cell that sends new ones")
    send(20, 4)
    store()

    def blank_too(times): ...

    def by_differences(times: list[float]) -> float:
        pauses = []
        for place in range(1, len(times)):
            pauses.append(times[place] - times[place - 1])
        return max(pauses)

    def by_sorting(times: list[float]) -> float:
        return sorted(after - before for before, after in pairwise(times))[-1]

    def the_whole(times: list[float]) -> float:
        return times[-1] - times[0]

    def the_last(times: list[float]) -> float:
        return times[-1] - times[-2]

    def shortest(times: list[float]) -> float:
        return min(after - before for before, after in pairwise(times))

    def answer(times: list[float]) -> float:
        return by_sorting(times) if len(times) > ex.BACKED_UP else 21.25

    def as_text(times: list[float]) -> Any:
        return str(by_sorting(times))

    expect(ex.q2, NOT_ATTEMPTED, blank_too, says="three dots")
    expect(ex.q2, NOT_YET, lambda times: print(times), says="has to end with `return`")
    expect(ex.q2, NOT_YET, as_text, says="Leave out the quotation marks")
    for wrong in (the_whole, the_last, shortest, answer):
        expect(ex.q2, NOT_YET, wrong, says="the longest pause was")
    expect(ex.q2, ERROR, lambda times: times["first"], says="TypeError")
    for right in (by_differences, by_sorting, solve(ex.q2)["longest_pause"]):
        expect(ex.q2, CORRECT, right, says="no reading was acknowledged")
