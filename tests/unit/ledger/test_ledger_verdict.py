"""The verdict on figures from files: what is on its way raises no alarm, a loss does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.ledger.ledger_model import MEANING, Stage
from labkit.ledger.ledger_verdict import SETTLED_S, Circumstances, judge

GRAMS = 50_000  # of one reading here
FLOWING, SETTLED = SETTLED_S - 1, SETTLED_S


def stages(*records: int | None) -> dict[str, Stage]:
    return {
        name: Stage() if count is None else Stage(records=count, grams=count * GRAMS)
        for name, count in zip(MEANING, records, strict=True)
    }


def weight(count: int) -> Stage:
    return Stage(records=count, grams=count * GRAMS)


def around(unchanged_s: float = SETTLED, **facts: object) -> Circumstances:
    return replace(Circumstances(lag=0, unchanged_s=unchanged_s), **facts)


@pytest.mark.parametrize(
    ("now", "circumstances", "state", "words"),
    [
        # While figures change, any stage can be seen ahead of any other.
        (
            (100, 98, None, 95, 96),
            around(FLOWING),
            "on the way",
            "On the way: 5 readings (0.250000 t)",
        ),
        ((90, 88, None, 95, 99), around(FLOWING), "on the way", "11 readings"),
        ((100, 100, None, 60, 60), around(FLOWING, lag=40), "on the way", "40 readings (2.000000"),
        ((100, 100, None, 40, 40), around(FLOWING, lag=60), "on the way", "60 readings"),
        ((100, 100, None, 75, 75), around(FLOWING), "on the way", "25 readings"),
        ((100, 100, None, 100, 100), around(FLOWING), "agrees", "All four stages agree"),
        ((None, None, None, 100, 100), around(FLOWING), "agrees", "Both stages agree"),
        ((None, None, None, None, None), around(FLOWING), "agrees", "nothing to compare"),
        # Nothing moves, and what was acknowledged is neither stored nor waiting to be.
        ((100, 100, None, 75, 75), around(), "unreported", "are lost"),
        ((100, 100, None, 75, 75), around(consumer_runs=True), "unreported", "are lost"),
        ((100, 100, None, 75, 75), around(lag=4), "unreported", "25 readings"),
        ((80, 80, None, 75, 75), around(gap=5), "unreported", "Retention deleted 5 records befo"),
        ((90, 90, None, 75, 75), around(gap=5, lag=10), "unreported", "retention was faster"),
        ((80, 80, None, 75, 75), around(gap=5, lag=5), "on the way", "lag is 5"),
        ((80, 80, None, 80, 80), around(gap=5), "agrees", "Retention deleted 5 records before"),
        ((80, 80, 80, 80, 80), around(nobody_sent=True), "agrees", "nobody knows who sent them"),
        ((None, None, 0, 0, None), around(earlier_topic="Old. Next: x"), "on the way", "Next: x"),
        ((100, 100, None, 75, 75), around(lag=25), "on the way", "Next: labkit consume"),
        ((100, 100, None, 75, 75), around(lag=25, consumer_runs=True), "on the way", "lag is 25"),
        # Nobody can tell, so nobody is alarmed; but it is said who does not store them.
        (
            (100, 100, None, 75, 75),
            around(FLOWING, lag=None, hindrance="partition 1 is paused: the disk is full"),
            "on the way",
            "25 readings (1.250000 t) are acknowledged and not stored yet: partition 1 is paused",
        ),
        (
            (100, 100, None, 75, 75),
            around(lag=None, hindrance="partition 1 is paused: the disk is full"),
            "on the way",
            "partition 1 is paused",
        ),
        (
            (110, 100, None, 75, 75),
            around(lag=25, producer_runs=True, hindrance="The disk is full. Next: make room"),
            "on the way",
            "25 readings (1.250000 t) are acknowledged and not stored yet: The disk is full. "
            "Not compared: topic. Next: make room",
        ),
        # With acks=0 nobody was asked: emitted is compared with what is stored.
        (
            (100, None, None, 75, 75),
            around(producer_runs=True),
            "on the way",
            "25 readings",
        ),
        (
            (100, None, None, 75, 75),
            around(),
            "unreported",
            "25 readings (1.250000 t) unreported between emitted and csv: with acks=0 nobody",
        ),
        # More is stored than this lab's producers sent: only the topic tells whose it is.
        ((100, 100, None, 101, 101), around(), "unknown", "1 reading"),
        ((100, 100, None, 101, 101), around(producer_runs=True), "unknown", "1 reading"),
        ((102, 100, None, 103, 103), around(unknown=weight(2)), "unknown", "Next: labkit check"),
        # The broker refused some, or never answered: explained, and named.
        ((90, 78, None, 78, 78), around(), "unreported", "never acknowledged"),
        ((90, 78, None, 78, 78), around(producer_runs=True), "on the way", "12 readings"),
        (
            (80, 78, None, 78, 78),
            around(unknown=weight(2)),
            "agrees",
            "whether 2 readings (0.100000 t) reached",
        ),
        (
            (80, 78, None, 78, 78),
            around(failed=weight(2)),
            "agrees",
            "All four stages add up to the gram. Never reached the topic: 2 readings",
        ),
        (
            (80, 78, 83, 83, 83),
            around(failed=weight(2), foreign=weight(5)),
            "agrees",
            "In no delivery log of this lab: 5 readings",
        ),
        ((80, 78, 83, 83, 83), around(failed=weight(2), foreign=weight(4)), "phantom", "twice"),
        ((80, 78, None, 78, 78), around(failed=weight(1)), "unreported", "never acknowledged"),
        # The API and the CSV.
        ((100, 100, None, 100, 79), around(), "unreported", "API has not read"),
        ((100, 100, None, 100, 79), around(consumer_runs=True), "unreported", "API has not read"),
        ((100, 100, None, 79, 100), around(lag=21, consumer_runs=True), "phantom", "another fold"),
    ],
)
def test_a_difference_counts_once_nothing_moves(
    now: tuple[int | None, ...], circumstances: Circumstances, state: str, words: str
) -> None:
    found, sentence = judge(stages(*now), circumstances)
    assert (found, words in sentence) == (state, True), (found, sentence)


def test_a_changed_gram_is_seen_once_nothing_moves() -> None:
    altered = {**stages(80, 80, None, 80, 80), "csv": Stage(records=80, grams=80 * GRAMS - 1)}
    altered["served"] = altered["csv"]
    assert judge(altered, around())[0] == "altered"
    moving = {**altered, "acked": Stage(records=81, grams=81 * GRAMS)}
    assert judge(moving, around(FLOWING))[0] == "on the way"


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4),
    st.lists(st.integers(0, 50), min_size=4, max_size=4),
    st.integers(0, 50),
)
def test_a_sound_pipeline_never_alarms(late: list[int], noted: list[int], settled: int) -> None:
    """Whatever each stage has noted by now, as long as it has at least what is settled."""
    ahead = [settled + one for one in noted]
    now = stages(ahead[0] + late[0], ahead[1], None, ahead[2], ahead[3])
    state, sentence = judge(now, around(FLOWING))
    assert state in ("agrees", "on the way"), sentence


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_sound_pipeline_that_stands_still_never_alarms(
    stored: int, behind: int, in_flight: int
) -> None:
    """A slow broker: nothing moves, and the producer and the consumer wait for it."""
    acked = stored + behind
    now = stages(acked + in_flight, acked, None, stored, stored)
    waiting = around(lag=behind, producer_runs=True, consumer_runs=True)
    state, sentence = judge(now, waiting)
    assert state in ("agrees", "on the way"), sentence
