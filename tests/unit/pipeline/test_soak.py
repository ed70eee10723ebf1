"""The soak's plan and its report; a real one is in tests/integration."""

from __future__ import annotations

from itertools import islice

from labkit.checker.check_result import PartitionVerdict, Verdict
from labkit.faults.faults import FAULTS
from labkit.pipeline.soak import LASTS_S, SoakFault, SoakReport, schedule

SPARED = {name for name, kind in FAULTS.items() if kind.destroys}


def test_the_same_seed_draws_the_same_faults() -> None:
    first, again, other = (list(islice(schedule(seed), 60)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_each_round_does_every_fault_once_but_those_that_destroy() -> None:
    each = set(FAULTS) - SPARED
    assert SPARED
    plan = list(islice(schedule(7), 3 * len(each)))
    for number in range(3):
        assert {one.name for one in plan[number * len(each) : (number + 1) * len(each)]} == each
    assert all(LASTS_S[0] <= one.for_s <= LASTS_S[1] for one in plan)
    assert len({one.seed for one in plan}) > len(each)


def verdict(**changes: object) -> Verdict:
    sizes = dict.fromkeys(PartitionVerdict.model_fields, 0)
    one = PartitionVerdict.model_validate({**sizes, "rows": 90, "violations": {}, **changes})
    counts = dict.fromkeys(Verdict.model_fields, 0)
    names = {"topic_name": "t", "topic_id": "i", "data_dir": "d", "seed": 7, "examples": ()}
    names["earlier_topic"] = ""
    return Verdict.model_validate({**counts, **names, "partitions": (one,)})


def report(*faults: SoakFault, served: int | None = 90, **changes: object) -> SoakReport:
    found = verdict(**changes)
    return SoakReport(
        seed=7, wanted_s=60, took_s=61, faults=list(faults), served=served, verdict=found
    )


WELL = [SoakFault(name="broker-kill", seed=n, for_s=3, recovered_s=n) for n in (1.0, 9.0, 2.0)]


def test_a_report_passes_only_where_all_is_well() -> None:
    good = report(*WELL, SoakFault(name="disk-full", seed=4, for_s=3, skipped="only on Linux"))
    assert good.passed
    assert (good.injected, good.recovered, good.median_s, good.worst_s) == (3, 3, 2.0, 9.0)
    stuck = SoakFault(name="latency", seed=5, for_s=3, problem="nothing was acknowledged")
    assert not report(*WELL, stuck).passed
    assert not report(*WELL, served=89).passed
    assert not report(*WELL, served=None).passed
    assert not report(*WELL, violations={"lost": 1}).passed
    assert not report(*WELL, behind=1).passed


def test_nothing_was_broken_and_that_is_said() -> None:
    empty = report()
    assert (empty.injected, empty.median_s, empty.worst_s) == (0, None, None)
    assert empty.figures()["seconds to recover, worst"] == "–"
