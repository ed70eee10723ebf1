"""Whether the stages of a running pipeline agree, judged by figures of different moments.

While readings flow, no two stages are ever seen at the same moment: each writes its figures about
once a second, and readings are on their way between them. So the figures differ all the time, and
that means nothing. What means something is a difference across time: each stage only grows, so
what one held a while ago, the next must hold by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from labkit.ledger_model import LedgerState, Stage
from labkit.ledger_verdict import Circumstances, judge

SETTLED_S = 15.0  # how old a figure is that everything behind it has had the time to follow


@dataclass(frozen=True)
class Flow:
    """What is known of the way between two stages.

    ``lag``: records behind the consumer's position; None where no consumer can tell.
    ``hindrance``: why records are not stored now, as a sentence.
    ``is_exact``: the CSV's figures are those of its rows; a killed consumer's lack a second.
    ``undecided``: sends without an answer, in flight or given up; they may have arrived.
    ``has_ended``: no producer runs, so what is undecided now stays so.
    ``was_killed``: a producer was, and what it sent in its last second it has not noted.
    """

    lag: int | None = None
    gap: int = 0
    hindrance: str = ""
    is_exact: bool = True
    undecided: int = 0
    unknown: int = 0
    has_ended: bool = False
    was_killed: bool = False


def judge_flow(
    now: Mapping[str, Stage], before: Mapping[str, Stage], flow: Flow
) -> tuple[LedgerState, str]:
    """Return whether the stages agree, and one sentence that says so.

    Parameters
    ----------
    now : mapping of str to Stage
        The stages as they last said, in the order of the journey; without records where unknown.
    before : mapping of str to Stage
        Each as it was `SETTLED_S` or longer ago; left out where nobody looked then.
    """
    weighed = [name for name, stage in now.items() if stage.records is not None]
    for pair in pairwise(weighed):
        if (found := _disagreement(pair, now, before, flow)) is not None:
            return found
    lifted = _lifted(now)
    behind = _records(lifted, "acked") - _records(lifted, "csv") if "csv" in weighed else 0
    # Whatever differs now is young, or waits for somebody: none of it is lost.
    around = Circumstances(
        lag=max(behind, flow.lag or 0), producer_runs=True, consumer_runs=True, unknown=flow.unknown
    )
    state, sentence = judge(lifted, around)
    if behind > 0 and flow.hindrance:
        sentence += f" {flow.hindrance}"
    if flow.was_killed:
        sentence += (
            " A producer was killed, and did not note its last second: emitted and acked count "
            "what arrived of it. Next: labkit check"
        )
    return state, sentence


def _disagreement(
    pair: tuple[str, str], now: Mapping[str, Stage], before: Mapping[str, Stage], flow: Flow
) -> tuple[LedgerState, str] | None:
    """Return what is wrong between two stages for certain."""
    first, second = pair
    around = Circumstances(lag=flow.lag, gap=flow.gap, unknown=flow.unknown)
    if second in before:
        settled = {first: now[first], second: before[second]}
        more = _records(settled, second) - _records(settled, first)
        tolerated = flow.undecided if first == "acked" else 0
        if more > tolerated and not _is_explained(second, flow):
            return judge(settled, around)
    if first in before:
        settled = {first: before[first], second: now[second]}
        missing = _records(settled, first) - _records(settled, second)
        excused = _excused(pair, now, flow)
        if excused is not None and missing > excused:
            return judge(settled, around)
        if second in before and missing == 0 and not flow.undecided:
            still = now[first] == before[first] and now[second] == before[second]
            state, sentence = judge(settled, around)
            return (state, sentence) if still and state == "altered" else None
    return None


def _is_explained(stage: str, flow: Flow) -> bool:
    """Tell whether a stage may hold more than the one before because that one lacks a second."""
    return flow.was_killed if stage == "csv" else stage == "served" and not flow.is_exact


def _excused(pair: tuple[str, str], now: Mapping[str, Stage], flow: Flow) -> int | None:
    """Return how many readings may be missing without anything being wrong; None: any number."""
    if pair[1] == "acked":
        arrived = max(0, _records(now, "csv") - _records(now, "acked"))
        # Those given up may have arrived all the same: the CSV tells, once it has followed.
        return arrived if flow.has_ended and flow.lag == 0 else max(arrived, flow.undecided)
    return flow.lag if pair == ("acked", "csv") else 0


def _lifted(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Return the stages, each at least what is known to be behind it.

    A reading that is served has been stored, acknowledged and emitted, whether or not these stages
    have written that down yet.
    """
    lifted: dict[str, Stage] = {}
    most = Stage(records=0, grams=0)
    for name, stage in reversed(list(stages.items())):
        if stage.records is None:
            lifted[name] = stage
            continue
        if stage.records < (most.records or 0):
            stage = stage.model_copy(update={"records": most.records, "grams": most.grams})
        lifted[name] = most = stage
    return dict(reversed(list(lifted.items())))


def _records(stages: Mapping[str, Stage], name: str) -> int:
    stage = stages.get(name)
    return (stage.records if stage else None) or 0
