"""The lag of groups on a real broker: in records, and as the time of the oldest unread one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from waiting import wait_until

from labkit.broker import kafka_clients
from labkit.topics.health_watch import GroupPosition, HealthWatch

BEGAN_MS = 1_790_000_000_000


@pytest.fixture
def filled(topic: str) -> str:
    """Send ten records to two partitions, a second apart by their timestamps."""
    with kafka_clients.producer() as client:
        for number in range(10):
            for partition in (0, 1):
                at = BEGAN_MS + 1_000 * number + partition
                client.send(topic, b"value", partition=partition, timestamp_ms=at)
        client.flush()
    return topic


@pytest.fixture
def watch() -> Iterator[HealthWatch]:
    with contextlib.closing(HealthWatch()) as one:
        yield one


def commit(topic: str, group: str, **offsets: int) -> None:
    """Commit offsets for a group, without joining it: ``p0=4``."""
    with kafka_clients.consumer(group_id=group, enable_auto_commit=False) as client:
        places = {TopicPartition(topic, int(name[1:])): at for name, at in offsets.items()}
        client.assign(sorted(places))
        client.commit({place: OffsetAndMetadata(at, "", -1) for place, at in places.items()})


def positions(watch: HealthWatch, topic: str) -> dict[tuple[str, int], GroupPosition]:
    found = watch.read().positions
    return {(one.group_id, one.partition): one for one in found if one.topic == topic}


def test_the_record_that_a_group_reads_next_says_how_old_the_lag_is(
    watch: HealthWatch, filled: str
) -> None:
    ahead, behind = f"ahead-{filled}", f"behind-{filled}"
    commit(filled, ahead, p0=10, p1=7)
    commit(filled, behind, p0=2)

    def when_each_is_dated() -> dict[Any, Any] | None:
        """Two groups in one partition take two reads; on a busy machine, some more."""
        seen = positions(watch, filled)
        dated = all(one.oldest_unread_ms for one in seen.values() if one.lag)
        return seen if len(seen) == 3 and dated else None

    found = wait_until(when_each_is_dated, "the ages of what both groups read next")
    assert {place: (one.lag, one.oldest_unread_ms) for place, one in found.items()} == {
        (ahead, 0): (0, None),
        (ahead, 1): (3, BEGAN_MS + 7_001),
        (behind, 0): (8, BEGAN_MS + 2_000),
    }
    commit(filled, behind, p0=3)
    wait_until(
        lambda: positions(watch, filled)[behind, 0].oldest_unread_ms == BEGAN_MS + 3_000,
        "the age of the next record",
    )
    health = watch.read()
    assert {health.groups[ahead], health.groups[behind]} == {"Empty"}
    assert health.brokers == (1,)
    assert health.missing == health.offline == health.under_replicated == ()


def test_after_retention_the_oldest_record_that_is_left_counts(
    watch: HealthWatch, filled: str
) -> None:
    commit(filled, filled, p0=2)
    with kafka_clients.admin() as client:
        client.delete_records({TopicPartition(filled, 0): 6})
    assert positions(watch, filled)[filled, 0].oldest_unread_ms == BEGAN_MS + 6_000


def test_a_group_of_a_topic_that_is_gone_has_no_lag(watch: HealthWatch, filled: str) -> None:
    commit(filled, filled, p0=2)
    with kafka_clients.admin() as client:
        client.delete_topics([filled])
    assert all(one.end_offset is None for one in positions(watch, filled).values())
