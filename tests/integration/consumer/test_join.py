"""A consumer becomes a member of its group, also if the client forgets that it was joining."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from kafka import TopicPartition

import labkit as lab
from labkit.consumer.group_member import GroupMember

PATIENCE_S = 60.0


def turn_until(what: Callable[[], object], turn: Callable[[], object], meaning: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, f"in vain: {meaning}"
        turn()


def test_a_join_that_the_client_forgot_halfway_is_finished(topic: str, tmp_path: Path) -> None:
    with GroupMember(topic, "forgetful", tmp_path) as member:
        client = member.client
        coordinator = client._coordinator

        def a_round() -> None:
            member.begin_round()
            member.owned(client.poll(timeout_ms=200))
            member.end_round()

        def owned() -> set[TopicPartition]:
            return client.assignment() if member._report.joined else set()

        turn_until(lambda: len(owned()) == 3, a_round, "the first join")

        # More partitions, so that the leader joins again; and polls too short to see it through.
        lab.alter_topic(topic, num_partitions=5)
        client._cluster.request_update()
        turn_until(lambda: coordinator.rejoining, lambda: client.poll(0), "a join for partitions")
        join = coordinator._join_task
        turn_until(lambda: join.is_done, lambda: time.sleep(0.01), "the answer to SyncGroup")

        # The state that this is about: half a member, no heartbeat, and the client does not notice.
        assert not coordinator._heartbeat_enabled
        assert not coordinator.need_rejoin(), "kafka-python sees it now: finish_join can go"
        client.poll(500)
        assert coordinator.rejoining
        assert coordinator._heartbeat_loop_future.is_done is False

        turn_until(lambda: len(owned()) == 5, a_round, "the join finished")
        assert not coordinator.rejoining
        assert coordinator._heartbeat_enabled
