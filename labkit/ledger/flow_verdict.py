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

from labkit.ledger.ledger_model import LedgerState, Stage, tonnes
from labkit.ledger.ledger_verdict import Circumstances, judge

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
    figures = [(now[name].records or 0, now[name].grams or 0) for name in weighed]
    if len(set(figures)) <= 1:
        return judge(dict(now), Circumstances())
    (most, heaviest), (fewest, lightest) = max(figures), min(figures)
    sentence = (
        f"{most - fewest:,} readings ({tonnes(abs(heaviest - lightest))} t) are on the way or not "
        f"yet counted: each stage writes its figures about once a second."
    )
    if flow.hindrance and _records(now, "acked") > _records(now, "csv"):
        sentence = f"{_records(now, 'acked') - _records(now, 'csv'):,} readings are acknowledged "
        sentence += f"and not stored. {flow.hindrance}"
    elif arrived := _arrived(now, before):
        sentence += f" All {arrived:,} that were acknowledged {SETTLED_S:g} s ago have arrived."
    if flow.was_killed:
        sentence += (
            " A producer was killed, and did not note its last second: emitted and acked lack it. "
            "Next: labkit check"
        )
    return "on the way", sentence


def _arrived(now: Mapping[str, Stage], before: Mapping[str, Stage]) -> int:
    """Return how many readings are known to have come all the way; 0: not known, or not all."""
    settled = _records(before, "acked")
    return settled if settled <= min(_records(now, "csv"), _records(now, "served")) else 0


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
    if pair == ("emitted", "csv"):  # sent with acks=0: what has not arrived, nobody was told
        if flow.lag is None:
            return None
        return flow.lag if flow.has_ended else flow.lag + flow.undecided
    if pair[1] == "acked":
        arrived = max(0, _records(now, "csv") - _records(now, "acked"))
        # Those given up may have arrived all the same: the CSV tells, once it has followed.
        return arrived if flow.has_ended and flow.lag == 0 else max(arrived, flow.undecided)
    return flow.lag if pair == ("acked", "csv") else 0


def _records(stages: Mapping[str, Stage], name: str) -> int:
    stage = stages.get(name)
    return (stage.records if stage else None) or 0
