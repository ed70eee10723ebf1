"""What a watch calls wrong, and what it says about a lag."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from watch_reports import TOPIC, cluster, group, partition, report

from labkit.diagnostics.watch.watch_report import KINDS, Disk, duration, size
from labkit.sink.partition_status import PartitionStatus


def status(age_s: float = 0.0, **changes: Any) -> PartitionStatus:
    about: dict[str, Any] = {"partition": 1, "group_id": "g", "member_id": "m", "pid": 1}
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    return PartitionStatus(
        **{**about, "topic": TOPIC, "state": "running", "updated_at": at, **changes}
    )


def test_nothing_is_wrong_in_a_lab_that_works() -> None:
    assert report().problems == []
    assert report(statuses=(status(), status(3600, state="stopped"))).problems == []


def wrong(kind: str) -> tuple[dict[str, Any], str]:
    """Return how a report differs where something is wrong, and what it says."""
    found: dict[str, tuple[dict[str, Any], str]] = {
        "kafka": (
            {
                "cluster": None,
                "kafka_problem": "No broker runs",
                "kafka_next": "labkit broker start",
            },
            "No broker runs. labkit broker start",
        ),
        "offline": (
            {"cluster": cluster(partition(leader=None), missing=(2,))},
            "1 partition cannot be read or written: broker 2 does not answer. "
            "labkit broker restart 2",
        ),
        "under-replicated": (
            {"cluster": cluster(partition(in_sync=(1, 3)), partition(1, in_sync=(1,)))},
            "2 partitions have fewer copies than wanted. labkit broker status",
        ),
        "silent": (
            {"statuses": (status(12.2),)},
            f"The consumer of {TOPIC} has said nothing for 12 s (partition 1). labkit consume",
        ),
        "behind": (
            {"groups": (group(500, 31.0, per_s=2.0, grows=0.05),)},
            f"Group csv-writer is 31 s behind {TOPIC}: falls behind by 3.0 s a minute. "
            "labkit status",
        ),
        "paused": (
            {"statuses": (status(state="paused", reason="the disk is full"),)},
            "partition 1 is paused: the disk is full labkit status",
        ),
        "dead-letters": (
            {"new_dead_letters": 2},
            f"2 records of {TOPIC} became dead letters just now: they are not valid readings. "
            f"labkit kafka kafka-console-consumer --from-beginning --topic {TOPIC}.dlq",
        ),
        "disk": (
            {"disks": (Disk("/data", 9_000_000, 100_000_000, 1),)},
            "Only 9.0 MB of 100.0 MB are free for /data. du -sh /data",
        ),
        "api": (
            {"api_problem": "The API at http://127.0.0.1:1 has ended"},
            "The API at http://127.0.0.1:1 has ended. labkit api",
        ),
        "ledger": (
            {"ledger_state": "unreported", "ledger": "1 reading unreported. Next: labkit check"},
            "1 reading unreported. labkit check",
        ),
    }
    return found[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_each_thing_that_is_wrong_is_one_sentence_and_a_line_to_type(kind: str) -> None:
    changes, said = wrong(kind)
    (found,) = report(**changes).problems
    assert (found.kind, f"{found.what} {found.next_line}") == (kind, said)


def test_records_that_nobody_reads_are_a_problem_of_whom_they_are_missed_by() -> None:
    (found,) = report(groups=(group(5, 2.0, state="Empty"),)).problems
    assert found.what == f"Group csv-writer has no member, and 5 records of {TOPIC} wait."
    of_a_lesson = group(5, 9e5, state="Empty", topic="lesson03", group_id="lesson03")
    assert report(groups=(of_a_lesson,)).problems == []
    seen = frozenset({("lesson03", "lesson03")})
    assert [one.kind for one in report(groups=(of_a_lesson,), seen_active=seen).problems] == [
        "silent"
    ]


@pytest.mark.parametrize(
    ("lag", "words"),
    [
        (group(0, 0.0), "caught up"),
        (group(None, None), "unknown"),
        (group(7, 1.5, per_s=3.0), "keeps up"),
        (group(7, 90.0, state="Empty"), "nobody reads on"),
        (group(400, 50.0), "not known yet"),
        (group(400, 50.0, per_s=-10.0, grows=-1.0), "caught up in 40 s"),
        (group(400, 50.0, per_s=10.0, grows=0.05), "falls behind by 3.0 s a minute"),
        (group(400, 50.0, per_s=0.0, grows=0.0), "stays behind"),
        (group(400, 50.0, per_s=-1e-9, grows=0.0), "stays behind"),
    ],
)
def test_a_trend_in_words(lag: Any, words: str) -> None:
    assert lag.trend_in_words == words


def test_all_of_it_is_json() -> None:
    found = report(groups=(group(400, 50.0, per_s=-10.0, grows=-1.0),), **wrong("offline")[0])
    document = json.loads(json.dumps(found.as_json()))
    assert document["kafka"]["offline"] == [f"{TOPIC}-0"]
    assert document["groups"][0]["caught_up_in_s"] == 40.0
    assert [one["kind"] for one in document["problems"]] == ["offline", "behind"]
    assert report(cluster=None).as_json()["kafka"] is None


def test_durations_and_sizes() -> None:
    durations = [duration(one) for one in (0.25, 9.0, 59.6, 300, 9_000, 400_000)]
    assert durations == ["0.2 s", "9.0 s", "60 s", "5 min", "2.5 h", "5 days"]
    assert [size(one) for one in (12, 1_500, 2_000_000, 12_345_678_901)] == [
        "12 B", "1.5 kB", "2.0 MB", "12.3 GB",
    ]  # fmt: skip
