"""A running pipeline's stages: records on their way raise no alarm, lost or doubled ones do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.ledger.flow_verdict import Flow, judge_flow
from labkit.ledger.ledger_model import MEANING, Stage

GRAMS = 50_000  # of one reading here


def stages(*records: int | None) -> dict[str, Stage]:
    return {
        name: Stage() if count is None else Stage(records=count, grams=count * GRAMS)
        for name, count in zip(MEANING, records, strict=True)
    }


def before(*records: int | None) -> dict[str, Stage]:
    return {name: stage for name, stage in stages(*records).items() if stage.records is not None}


SETTLED = before(80, 80, None, 80, 80)
BEHIND = before(80, 80, None, 30, 30)  # the consumer was


@pytest.mark.parametrize(
    ("now", "earlier", "flow", "state", "words"),
    [
        # In the middle of flow any stage can be seen ahead of any other.
        ((100, 98, None, 95, 96), SETTLED, Flow(lag=0), "on the way", "All 80 that were"),
        ((90, 88, None, 95, 99), SETTLED, Flow(lag=0), "on the way", "All 80 that were"),
        ((100, 100, None, 60, 60), {}, Flow(lag=40), "on the way", "40 readings (2.000000 t)"),
        ((100, 100, None, 40, 40), BEHIND, Flow(lag=60), "on the way", "60 readings"),
        ((100, 100, None, 100, 100), SETTLED, Flow(lag=0), "agrees", "All four stages agree"),
        ((None, None, None, 100, 100), {}, Flow(lag=0), "agrees", "Both stages agree"),
        ((None, None, None, None, None), {}, Flow(), "agrees", "nothing to compare"),
        # What was acknowledged a while ago is neither stored nor waiting to be.
        ((100, 100, None, 75, 75), BEHIND, Flow(lag=0), "unreported", "are lost"),
        ((100, 100, None, 75, 75), BEHIND, Flow(lag=4), "unreported", "5 readings"),
        ((100, 100, None, 75, 75), BEHIND, Flow(lag=0, gap=5), "unreported", "retention"),
        # Nobody can tell, so nobody is alarmed; but it is said who does not store them.
        (
            (100, 100, None, 75, 75),
            BEHIND,
            Flow(hindrance="partition 1 is paused: the disk is full"),
            "on the way",
            "25 readings are acknowledged and not stored. partition 1 is paused",
        ),
        # With acks=0 nobody was asked: emitted is compared with what is stored.
        (
            (100, None, None, 75, 75),
            before(80, None, None, 30, 30),
            Flow(lag=0, undecided=100, unknown=100),
            "on the way",
            "25 readings",
        ),
        (
            (100, None, None, 75, 75),
            before(100, None, None, 30, 30),
            Flow(lag=0, undecided=100, unknown=100, has_ended=True),
            "unreported",
            "25 readings (1.250000 t) unreported between emitted and csv: with acks=0 nobody",
        ),
        # More is stored than was ever acknowledged.
        (
            (100, 100, None, 130, 130),
            before(90, 90, None, 101, 101),
            Flow(),
            "phantom",
            "1 reading",
        ),
        (
            (102, 100, None, 101, 101),
            before(90, 90, None, 101, 101),
            Flow(undecided=2, unknown=2),
            "on the way",
            "readings",
        ),
        (
            (100, 100, None, 140, 140),
            before(90, 90, None, 130, 130),
            Flow(was_killed=True),
            "on the way",
            "A producer was killed",
        ),
        # The broker refused some, or never answered.
        ((90, 78, None, 78, 78), SETTLED, Flow(lag=0), "unreported", "never acknowledged"),
        (
            (90, 78, None, 78, 78),
            before(80, 70, None, 70, 70),
            Flow(lag=0, undecided=12),
            "on the way",
            "12 readings",
        ),
        (
            (80, 78, None, 78, 78),
            SETTLED,
            Flow(lag=0, undecided=2, unknown=2, has_ended=True),
            "unreported",
            "2 may have arrived",
        ),
        (
            (80, 78, None, 80, 80),
            before(80, 78, None, 80, 80),
            Flow(lag=0, undecided=2, unknown=2, has_ended=True),
            "on the way",
            "2 readings",
        ),
        # The API and the CSV.
        ((100, 100, None, 100, 79), SETTLED, Flow(lag=0), "unreported", "API has not read"),
        ((100, 100, None, 79, 100), SETTLED, Flow(lag=21), "phantom", "another folder"),
        ((100, 100, None, 79, 100), SETTLED, Flow(lag=21, is_exact=False), "on the way", "21"),
    ],
)
def test_a_difference_is_judged_by_its_age(
    now: tuple[int | None, ...],
    earlier: dict[str, Stage],
    flow: Flow,
    state: str,
    words: str,
) -> None:
    found, sentence = judge_flow(stages(*now), earlier, flow)
    assert (found, words in sentence) == (state, True), (found, sentence)


def test_a_changed_gram_is_seen_once_nothing_moves() -> None:
    altered = {**stages(80, 80, None, 80, 80), "csv": Stage(records=80, grams=80 * GRAMS - 1)}
    altered["served"] = altered["csv"]
    earlier = {name: stage for name, stage in altered.items() if stage.records is not None}
    assert judge_flow(altered, earlier, Flow(lag=0))[0] == "altered"
    moving = {**altered, "acked": Stage(records=81, grams=81 * GRAMS)}
    assert judge_flow(moving, earlier, Flow(lag=0))[0] == "on the way"


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4),
    st.lists(st.integers(0, 50), min_size=4, max_size=4),
    st.integers(0, 50),
)
def test_a_sound_pipeline_never_alarms(late: list[int], noted: list[int], settled: int) -> None:
    """Whatever each stage has noted by now, as long as it has at least what is settled."""
    earlier = before(settled, settled, None, settled, settled)
    ahead = [settled + one for one in noted]
    now = stages(ahead[0] + late[0], ahead[1], None, ahead[2], ahead[3])
    in_flight = (ahead[0] + late[0] - ahead[1]) if ahead[0] + late[0] > ahead[1] else 0
    state, sentence = judge_flow(now, earlier, Flow(lag=0, undecided=in_flight))
    assert state in ("agrees", "on the way"), sentence
