"""Lesson 07's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_07 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.lesson_support import seeded_bugs

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED


@pytest.fixture
def no_topic(lab_dir: Path, bootstrap_servers: str) -> None:
    try:
        lab.delete_topic(ex.TOPIC)
    except TopicNotFound:
        return


@pytest.fixture
def readings(lab_dir: Path, bootstrap_servers: str) -> None:
    lab.fresh_topic(ex.TOPIC, num_partitions=3)
    producer = lab.start_producer(ex.TOPIC, readings_per_s=0, count=120, seed=7)
    assert producer.wait(60)


def test_q1_without_readings(no_topic: None) -> None:
    expect(ex.q1, NOT_ATTEMPTED, lambda records: True, says="no topic")


def test_q1_a_test_that_can_fail(readings: None) -> None:
    def blank(records): ...

    def asks_nothing(records):
        return True

    def across_partitions(records):
        offsets = [record.offset for record in records]
        assert offsets == sorted(offsets)

    def without_gaps(records):
        last = {}
        for record in records:
            assert record.offset == last.get(record.partition, -1) + 1
            last[record.partition] = record.offset

    def twice_is_fine(records):
        last = {}
        for record in records:
            assert record.offset >= last.get(record.partition, -1)
            last[record.partition] = record.offset

    expect(ex.q1, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q1, NOT_YET, asks_nothing, says="It passes although the first record was swapped")
    expect(ex.q1, NOT_YET, across_partitions, says="in its own partition only")
    expect(ex.q1, NOT_YET, without_gaps, says="may skip numbers")
    expect(ex.q1, NOT_YET, twice_is_fine, says="stored twice")
    expect(ex.q1, ERROR, lambda records: records["0"], says="TypeError")
    expect(ex.q1, CORRECT, solve(ex.q1)["in_order"], says="for 120 real records")


def test_p1_a_sum_can_agree_by_accident(readings: None) -> None:
    expect_revealed(ex.p1, "passes", NOT_ATTEMPTED, says="Nothing is stored")
    seeded_bugs.store(ex.TOPIC, ex.COUNTED_DIR, lambda records: [records[0], *records[:-1]])
    expect_revealed(ex.p1, "fails", NOT_YET, says="120 rows and 120 records")
    expect_revealed(ex.p1, "passes", CORRECT, says="3 doubled")


def test_q2_and_q3_the_hunt(readings: None) -> None:
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q2, NOT_ATTEMPTED, "lost", says="has not run yet")
    seeded_bugs.store(ex.TOPIC, ex.HUNT_DIR)
    expect(ex.q2, ERROR, "lost", says="no bug in it")
    seeded_bugs.store(ex.TOPIC, ex.HUNT_DIR, seed=ex.SEED)
    right = seeded_bugs.bug_of_seed(ex.SEED)
    for wrong in set(seeded_bugs.BUGS) - {right}:
        expect(ex.q2, NOT_YET, wrong, says=f"You said {wrong!r}")
    expect(ex.q2, CORRECT, solve(ex.q2)["kind"], says=right)

    place = solve(ex.q3)["place"]
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q3, NOT_YET, (place[0], place[1] + 1), says="The partition is right")
    expect(ex.q3, NOT_YET, ((place[0] + 1) % 3, place[1]), says="stored as it should be")
    if place[0] != place[1]:
        expect(ex.q3, NOT_YET, place[::-1], says="The partition comes first")
    expect(ex.q3, CORRECT, place, says=f"offset {place[1]}")


def test_q4_the_step_mended(readings: None) -> None:
    def blank(records): ...

    expect(ex.q4, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q4, NOT_YET, lambda records: records[1:], says="lost")
    expect(ex.q4, NOT_YET, lambda records: records, says="comes twice")
    expect(ex.q4, CORRECT, solve(ex.q4)["step"], says="once and in order")


@pytest.mark.parametrize("kind", seeded_bugs.BUGS)
def test_each_planted_fault_is_what_its_name_says(kind: str, readings: None) -> None:
    seeded_bugs.store(ex.TOPIC, "data/planted", seeded_bugs.BUGS[kind])
    verdict = lab.check_pipeline(ex.TOPIC, "data/planted", wait_s=0)
    assert set(verdict.violations) == {kind}


def test_a_seed_plants_the_same_fault_again_and_seeds_differ() -> None:
    kinds = [seeded_bugs.bug_of_seed(seed) for seed in range(20)]
    assert kinds == [seeded_bugs.bug_of_seed(seed) for seed in range(20)]
    assert set(kinds) == set(seeded_bugs.BUGS)
