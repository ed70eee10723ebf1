"""Lesson 07's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

from itertools import pairwise
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
    expect(ex.q1, NOT_ATTEMPTED, lambda places: True, says="no topic")


def test_q1_a_test_that_can_fail(readings: None) -> None:
    def blank(places): ...

    def asks_nothing(places):
        return True

    def across_partitions(places):
        offsets = [offset for _, offset in places]
        assert offsets == sorted(offsets)

    def as_sorted(places):
        assert places == sorted(set(places))

    def without_gaps(places):
        last = {}
        for partition, offset in places:
            assert offset == last.get(partition, -1) + 1
            last[partition] = offset

    def twice_is_fine(places):
        last = {}
        for partition, offset in places:
            assert offset >= last.get(partition, -1)
            last[partition] = offset

    expect(ex.q1, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q1, NOT_YET, asks_nothing, says="It passes although the first of 120 changes places")
    expect(ex.q1, NOT_YET, across_partitions, says="in its own partition only")
    expect(ex.q1, NOT_YET, as_sorted, says="120 places, as they came")
    expect(ex.q1, NOT_YET, without_gaps, says="may skip numbers")

    def looks_at_two(places):
        assert places[0][1] < places[1][1]

    def in_one_partition(places):
        offsets = [offset for partition, offset in places if partition == 0]
        assert offsets == sorted(set(offsets))

    def counts(places):
        assert len(places) <= 120

    expect(ex.q1, NOT_YET, twice_is_fine, says="is there twice")
    expect(ex.q1, NOT_YET, looks_at_two, says="120")
    expect(ex.q1, NOT_YET, in_one_partition, says="although the")
    expect(ex.q1, NOT_YET, counts, says="changes places")
    expect(ex.q1, ERROR, lambda places: places["0"], says="TypeError")

    def by_partition(places):
        parts = {}
        for partition, offset in places:
            parts.setdefault(partition, []).append(offset)
        assert all(offsets == sorted(set(offsets)) for offsets in parts.values())

    def by_raising(places):
        for number, (partition, offset) in enumerate(places):
            for other, later in places[number + 1 :]:
                if other == partition and later <= offset:
                    raise AssertionError(later)

    for right in (solve(ex.q1)["in_order"], by_partition, by_raising):
        expect(ex.q1, CORRECT, right, says="the places of 120 records")


def test_p1_a_sum_can_agree_by_accident(readings: None) -> None:
    expect_revealed(ex.p1, "passes", NOT_ATTEMPTED, says="Nothing is stored")
    seeded_bugs.store(ex.TOPIC, ex.COUNTED_DIR, lambda records: [records[0], *records[:-1]])
    expect_revealed(ex.p1, "fails", NOT_YET, says="120 rows and 120 records")
    expect_revealed(ex.p1, "passes", CORRECT, says="3 doubled")


def test_q2_the_hunt(readings: None) -> None:
    store = seeded_bugs.store
    store(ex.TOPIC, "data/lesson07-hunt", seed=ex.SEED)
    kind, partition, offset = found = solve(ex.q2)["found"]
    assert kind == seeded_bugs.bug_of_seed(ex.SEED)
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    for wrong in set(seeded_bugs.BUGS) - {kind}:
        said = expect(ex.q2, NOT_YET, (wrong, partition, offset), says="none of that kind")
        assert kind not in said.message
    expect(ex.q2, NOT_YET, ("swapped", 0, 1), says="The checker's words are lost, doubled")
    expect(ex.q2, NOT_YET, kind, says="three values")
    expect(ex.q2, NOT_YET, (2, 0, 1), says="The answer is text")
    expect(ex.q2, NOT_YET, (kind, partition, offset + 1), says="kind and the partition are right")
    expect(ex.q2, NOT_YET, (kind, (partition + 1) % 3, offset + 7), says="The kind is right.")
    expect(ex.q2, NOT_YET, (kind, "0", "1"), says="Leave out the quotation marks")
    if partition != offset:
        expect(ex.q2, NOT_YET, (kind, offset, partition), says="The partition comes first")
    # What the learner stored does not matter, nor where.
    store(ex.TOPIC, "data/lesson07-hunt", seed=2)
    for right in (found, list(found), (kind, float(partition), float(offset))):
        expect(ex.q2, CORRECT, right, says=f"offset {offset}")


def test_q3_the_step_mended(readings: None) -> None:
    def blank(records): ...

    def by_neighbour(records):
        pairs = pairwise(records)
        return [*records[:1], *(one for before, one in pairs if one.offset != before.offset)]

    def sorted_by_key(records):
        return sorted({one.offset: one for one in records}.values(), key=lambda one: one.key)

    def one_a_plant(records):
        return list({one.key: one for one in records}.values())

    expect(ex.q3, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q3, NOT_YET, lambda records: records[1:], says="lost")
    expect(ex.q3, NOT_YET, lambda records: records, says="comes twice")
    expect(ex.q3, NOT_YET, by_neighbour, says="ten records come again")
    expect(ex.q3, NOT_YET, sorted_by_key, says="On the real topic")
    expect(ex.q3, NOT_YET, one_a_plant, says="On the real topic")

    def with_a_set(records):
        written, seen = [], set()
        for record in records:
            if record.offset not in seen:
                seen.add(record.offset)
                written.append(record)
        return written

    def by_the_highest(records):
        written = []
        for record in records:
            if not written or record.offset > written[-1].offset:
                written.append(record)
        return written

    for right in (solve(ex.q3)["step"], with_a_set, by_the_highest):
        expect(ex.q3, CORRECT, right, says="once and in order")


@pytest.mark.parametrize("kind", seeded_bugs.BUGS)
def test_each_planted_fault_is_what_its_name_says(kind: str, readings: None) -> None:
    seeded_bugs.store(ex.TOPIC, "data/planted", seeded_bugs.BUGS[kind])
    verdict = lab.check_pipeline(ex.TOPIC, "data/planted", wait_s=0)
    assert set(verdict.violations) == {kind}


def test_a_seed_plants_the_same_fault_again_and_seeds_differ() -> None:
    kinds = [seeded_bugs.bug_of_seed(seed) for seed in range(20)]
    assert kinds == [seeded_bugs.bug_of_seed(seed) for seed in range(20)]
    assert set(kinds) == set(seeded_bugs.BUGS)
