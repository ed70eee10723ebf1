"""Reports of a watch, for tests of what is made of them."""

from __future__ import annotations

import time
from typing import Any

from labkit.diagnostics.watch.lag_trend import Lag, Trend
from labkit.diagnostics.watch.watch_report import Disk, GroupLag, WatchReport
from labkit.topics.health_watch import ClusterHealth, PartitionHealth

TOPIC = "co2-emissions"


def partition(number: int = 0, **changes: Any) -> PartitionHealth:
    """Return a partition with three replicas, all in sync."""
    about = {"leader": 1, "replicas": (1, 2, 3), "in_sync": (1, 2, 3), "end_offset": 100}
    return PartitionHealth(TOPIC, number, **{**about, **changes})


def cluster(*partitions: PartitionHealth, **changes: Any) -> ClusterHealth:
    """Return a cluster of three brokers that answer."""
    about: dict[str, Any] = {
        "brokers": (1, 2, 3),
        "missing": (),
        "partitions": partitions or (partition(),),
        "positions": (),
        "groups": {},
    }
    return ClusterHealth(**{**about, **changes})


def group(
    records: int | None = 0,
    seconds: float | None = 0.0,
    *,
    per_s: float | None = None,
    grows: float | None = None,
    **changes: Any,
) -> GroupLag:
    """Return a group with members and a lag."""
    about = {"topic": TOPIC, "group_id": "csv-writer", "state": "Stable"}
    numbers = {"end_offsets": 1_234, "committed": 1_234 - (records or 0)}
    return GroupLag(
        **{**about, **numbers, **changes}, lag=Lag(records, seconds), trend=Trend(per_s, grows)
    )


def report(**changes: Any) -> WatchReport:
    """Return a report of a lab in which nothing is wrong."""
    about: dict[str, Any] = {
        "topic": TOPIC,
        "read_at": time.time(),
        "took_s": 0.25,
        "cluster": cluster(),
        "kafka_problem": "",
        "kafka_next": "",
        "groups": (group(),),
        "statuses": (),
        "dead_letters": 7,
        "new_dead_letters": 0,
        "disks": (Disk("/data", free_bytes=40, size_bytes=100, data_bytes=5),),
        "api": "http://127.0.0.1:8050",
        "api_problem": "",
        "ledger_state": "agrees",
        "ledger": "All four stages agree to the gram.",
    }
    return WatchReport(**{**about, **changes})
