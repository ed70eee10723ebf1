"""Decide whether the stages of a carbon ledger agree, and say in a learner's words why not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from labkit.core.text_tables import many
from labkit.ledger.ledger_model import NOTHING, LedgerState, Stage, tonnes
from labkit.ledger.verdict_sentences import NO_LOG, UNARRIVED, deleted_unstored, in_no_log

SETTLED_S = 15.0
"""How long no figure may have changed before a difference in files counts."""


@dataclass(frozen=True)
class Circumstances:
    """What explains a difference between two stages.

    Attributes
    ----------
    lag : int, optional
        Records of the topic behind the CSV's position.
    bad_in_lag : int
        Those of them that are not valid readings.
    expired : int
        Records that retention has deleted from the topic.
    gap : int
        Those of them that were not stored before.
    producer_runs, consumer_runs : bool
        Whether one does now.
    failed, unknown, foreign : Stage
        Readings that never reached the topic; those of which nobody knows whether they did; those
        that no delivery log has.
    nobody_sent : bool
        Whether the topic holds readings although the lab has no delivery log of it.
    csv_problem : str, optional
        Why the CSV cannot be read to its end.
    hindrance : str
        Why records are not stored now, as a sentence.
    earlier_topic : str
        That the CSV is of an earlier topic of this name, as a sentence; empty if it is not.
    unchanged_s : float, optional
        How long no figure has changed. None if all stages were weighed at one moment; the ledger
        from files must wait, because each stage writes its file at its own moment.
    """

    lag: int | None = None
    bad_in_lag: int = 0
    expired: int = 0
    gap: int = 0
    producer_runs: bool = False
    consumer_runs: bool = False
    failed: Stage = NOTHING
    unknown: Stage = NOTHING
    foreign: Stage = NOTHING
    nobody_sent: bool = False
    csv_problem: str | None = None
    hindrance: str = ""
    earlier_topic: str = ""
    unchanged_s: float | None = None


def judge(stages: dict[str, Stage], around: Circumstances) -> tuple[LedgerState, str]:
    """Return whether the stages that can be compared agree, and a sentence that says so.

    A stage that could not be weighed is left out, and named with the reason. The topic is left out
    once retention has deleted records from it, because the CSV keeps them. While figures from files
    still change, a difference means nothing: readings are on the way.
    """
    left_out = [
        f"{name} ({stage.note.partition(':')[0]})" if stage.note else name
        for name, stage in stages.items()
        if stage.records is None
    ]
    compared = {
        name: stage
        for name, stage in _comparable(stages, around).items()
        if stage.records is not None
    }
    aside = _remarks(around)
    aside += f" Not compared: {', '.join(left_out)}." if left_out else ""
    if around.expired and compared.pop("topic", None) is not None:
        aside += (
            f" The topic is not compared: retention has deleted {around.expired:,} records from it."
        )
    if len({(stage.records, stage.grams) for stage in compared.values()}) <= 1:
        if around.earlier_topic:
            return "on the way", _with(aside, around.earlier_topic)
        if len(compared) < 2:
            return "agrees", "There is nothing to compare yet." + aside
        # Where the table shows different figures, the remarks name what is between them.
        shown = {(stages[name].records, stages[name].grams) for name in compared}
        do = "agree" if len(shown) == 1 else "add up"
        return "agrees", f"{_NUMBER[len(compared)]} stages {do} to the gram.{aside}"
    if around.unchanged_s is not None and around.unchanged_s < SETTLED_S:
        return "on the way", _flowing(compared, around)
    found = [
        (_compare(before, after, compared, around), before, after)
        for before, after in pairwise(compared)
    ]
    for (state, sentence), _before, _after in found:
        if state not in ("agrees", "on the way"):
            return state, _with(aside, sentence)
    moving = [(sentence, before, after) for (state, sentence), before, after in found if sentence]
    (_, first, _), (last_sentence, _, last) = moving[0], moving[-1]
    held_up = [one for one in moving if _is_held_up(around) and _is_storing(*one[1:])]
    if held_up:  # what keeps readings from being stored says more than what is in flight
        return "on the way", _with(aside, held_up[0][0])
    if len(moving) == 1 or _difference(compared, first, last)[0] == 0:
        return "on the way", _with(aside, last_sentence)
    what = _what(compared, first, last)
    return "on the way", _with(aside, f"{what} on the way from {first} to {last}.")


def _with(remarks: str, sentence: str) -> str:
    """Return a sentence with remarks; the line to type stays last."""
    said, next_line, command = sentence.partition(" Next: ")
    return said + remarks + next_line + command


def _comparable(stages: dict[str, Stage], around: Circumstances) -> dict[str, Stage]:
    """Return the stages, the first two of them as far as they can have reached the topic."""
    emitted, acked = stages["emitted"], stages["acked"]
    if emitted.records is None or emitted.grams is None:
        return stages
    if acked.records is not None:
        acked = _plus(acked, around.foreign)
    never = _minus(around.failed), _minus(around.unknown)
    emitted = _plus(emitted, around.foreign, *never)
    if emitted.records == acked.records and around.unknown.grams is None:
        emitted = acked
    return {**stages, "emitted": emitted, "acked": acked}


def _plus(*stages: Stage) -> Stage:
    return Stage(
        records=sum(stage.records or 0 for stage in stages),
        grams=sum(stage.grams or 0 for stage in stages),
    )


def _minus(stage: Stage) -> Stage:
    return Stage(records=-(stage.records or 0), grams=-(stage.grams or 0))


def _remarks(around: Circumstances) -> str:
    """Name what explains a difference and is not a loss on the way."""
    said = {
        "Never reached the topic: {}.": around.failed,
        "Unknown: whether {} reached the topic; labkit ledger --settle looks there.": (
            around.unknown
        ),
        in_no_log("{}"): around.foreign,
    }
    remarks = [
        what.format(f"{many(stage.records, 'reading')} ({tonnes(stage.grams)} t)")
        for what, stage in said.items()
        if stage.records
    ]
    remarks += [NO_LOG] if around.nobody_sent else []
    remarks += [deleted_unstored(around.gap)] if around.gap else []
    return "".join(f" {remark}" for remark in remarks)


def _flowing(stages: dict[str, Stage], around: Circumstances) -> str:
    """Say how many readings are between the stages while their figures change."""
    counts = {name: stage.records or 0 for name, stage in stages.items()}
    not_stored = counts.get("acked", 0) - counts.get("csv", 0)
    if not_stored > 0 and "csv" in stages and _is_held_up(around):
        is_waiting, why = _why_not_stored(not_stored, around)
        if is_waiting:
            return _not_stored(stages, "acked", "csv", why)
    weights = [stage.grams or 0 for stage in stages.values()]
    moving = many(max(counts.values()) - min(counts.values()), "reading")
    return f"On the way: {moving} ({tonnes(max(weights) - min(weights))} t)."


_NUMBER = {2: "Both", 3: "All three", 4: "All four", 5: "All five"}


def _compare(
    before: str, after: str, stages: dict[str, Stage], around: Circumstances
) -> tuple[LedgerState, str]:
    missing, weight = _difference(stages, before, after)
    what = _what(stages, before, after)
    if missing > 0:
        if before == "emitted" and after != "acked":
            on_the_way, why = _why_unasked(after, missing, around)
        else:
            on_the_way, why = _why_missing(before, after, missing, around)
        if on_the_way and _is_storing(before, after) and before != "emitted":
            return "on the way", _not_stored(stages, before, after, why)
        if on_the_way:
            return "on the way", f"{what} on the way from {before} to {after}: {why}"
        return "unreported", f"{what} unreported between {before} and {after}: {why}"
    if missing < 0 and before in ("emitted", "acked") and after != "acked":
        if around.producer_runs and around.unchanged_s is None:
            return "on the way", f"{what} not yet noted as {before}: {_NOTED_SOON}"
        if after != "topic":
            return "unknown", f"{what} more in {after} than in {before}: {_NOBODY_KNOWS}"
    if missing < 0:
        return "phantom", f"{what} phantom: {after} holds more than {before}, {_why_more(after)}"
    if weight:
        return "altered", (
            f"As many readings in {after} as in {before}, but they weigh {abs(weight):,} g "
            f"{'less' if weight > 0 else 'more'}: a reading was altered on its way. "
            "Next: labkit check"
        )
    return "agrees", ""


def _is_storing(before: str, after: str) -> bool:
    """Tell whether readings between two stages are still to be stored; without a CSV, served."""
    return after == "csv" or (after == "served" and before != "csv")


def _is_held_up(around: Circumstances) -> bool:
    """Tell whether nobody stores them now."""
    return bool(around.hindrance) or not around.consumer_runs


def _not_stored(stages: dict[str, Stage], before: str, after: str, why: str) -> str:
    """Say how many readings wait to be stored, in the same words wherever it is asked."""
    are = "is" if _difference(stages, before, after)[0] == 1 else "are"
    return f"{_what(stages, before, after)} {are} acknowledged and not stored yet: {why}"


def _difference(stages: dict[str, Stage], before: str, after: str) -> tuple[int, int]:
    records = (stages[before].records or 0) - (stages[after].records or 0)
    return records, (stages[before].grams or 0) - (stages[after].grams or 0)


def _what(stages: dict[str, Stage], before: str, after: str) -> str:
    missing, weight = _difference(stages, before, after)
    return f"{many(abs(missing), 'reading')} ({tonnes(abs(weight))} t)"


def _why_missing(before: str, after: str, missing: int, around: Circumstances) -> tuple[bool, str]:
    """Return whether missing readings are only late, and why they are missing."""
    if after == "acked":
        if around.producer_runs:
            return True, "sent, and not yet acknowledged."
        return False, "the broker never acknowledged them. Next: labkit check"
    if after == "topic":
        if around.producer_runs:
            return True, "they were acknowledged while the topic was being read."
        return False, (
            "the broker had acknowledged them, and the topic does not hold them now. "
            "Next: labkit check"
        )
    if after == "csv" or before != "csv":  # without a CSV, what the API lacks is not stored
        return _why_not_stored(missing, around)
    if around.consumer_runs and around.unchanged_s is None:
        return True, "they were stored a moment ago."
    return False, "the API has not read them from the CSV. Next: labkit api"


def _why_unasked(after: str, missing: int, around: Circumstances) -> tuple[bool, str]:
    """Return the same for ``acks=0``, where emitted is compared: no broker was asked."""
    if around.producer_runs:
        return True, f"sent with acks=0, so only {after} will show what has arrived."
    if after == "csv" and (around.hindrance or (around.lag or 0) >= missing):
        return _why_not_stored(missing, around)
    return False, f"{UNARRIVED}. Next: labkit check"


def _why_not_stored(missing: int, around: Circumstances) -> tuple[bool, str]:
    if around.csv_problem:
        return False, f"the CSV cannot be read on ({around.csv_problem}). Next: labkit check"
    if around.hindrance:
        return True, around.hindrance
    waiting = (around.lag or 0) - around.bad_in_lag
    if around.gap and waiting < missing <= around.gap + waiting:
        return False, "retention was faster than the consumer. Next: labkit check"
    if around.lag is None:
        return True, "no broker answers, so nobody reads on. Next: labkit broker start"
    if waiting < missing:
        return False, "the consumer has moved past them, so they are lost. Next: labkit check"
    behind = f"the consumer's lag is {many(around.lag, 'record')}"
    if around.consumer_runs:
        return True, f"{behind}."
    return True, f"{behind}, and no consumer is running. Next: labkit consume"


_NOTED_SOON = "a producer writes down its acknowledgements a moment after they came."
_NOBODY_KNOWS = (
    "another program sent them, or they are there twice; only the topic tells. Next: labkit check"
)


def _why_more(after: str) -> str:
    """Return what the excess of a stage means."""
    if after == "topic":
        return (
            "so they are there twice: a producer with acks of 0 or 1 sent some again. "
            "Next: labkit check"
        )
    if after == "csv":
        return (
            "because they were stored twice, or come from records the topic no longer holds. "
            "Next: labkit check"
        )
    if after == "served":
        return (
            "because the API serves another folder, or a CSV that has changed since. "
            "Next: labkit api"
        )
    return "because an acknowledgement was counted twice. Next: labkit check"
