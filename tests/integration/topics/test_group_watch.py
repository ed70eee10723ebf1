"""A consumer group that is watched on a real broker while members come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaConsumer
from waiting import wait_until

import labkit as lab
from labkit.broker import kafka_clients
from labkit.topics.group_watch import GroupDescription, GroupWatch
from labkit.widgets.group_view import group_snapshot
from labkit.widgets.text_alternative import Places


class Reader:
    """A member of a group, in a thread: it joins, polls, and leaves when it is told to."""

    def __init__(self, topic: str, group_id: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(topic, group_id))
        self._thread.start()

    def _run(self, topic: str, group_id: str) -> None:
        client: KafkaConsumer
        with kafka_clients.consumer(
            group_id=group_id, client_id="reader", heartbeat_interval_ms=500
        ) as client:
            client.subscribe([topic])
            while not self._stop.is_set():
                client.poll(200)

    def leave(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def join(topic: str) -> Iterator[Callable[[], Reader]]:
    started: list[Reader] = []

    def start() -> Reader:
        started.append(Reader(topic, f"group-{topic}"))
        return started[-1]

    yield start
    for one in started:
        one.leave()


@pytest.fixture
def watch(topic: str) -> Iterator[GroupWatch]:
    one = GroupWatch(f"group-{topic}", None, topic)
    yield one
    one.close()


def read_until(watch: GroupWatch, met: Callable[[GroupDescription], bool]) -> GroupDescription:
    """Look again and again until it is as it should be."""
    return wait_until(
        lambda: sight if met(sight := watch.read()) else None, watch.read, every_s=0.1
    )


def shared_out(sight: GroupDescription, topic: str) -> list[int]:
    return sorted(number for one in sight.members for number in one.assigned.get(topic, ()))


def test_members_join_share_idle_and_leave(
    watch: GroupWatch, join: Callable[[], Reader], topic: str
) -> None:
    letters: Places[str] = Places()
    # On a new broker the first question makes the topic that keeps the groups.
    read_until(watch, lambda seen: seen.state == "Dead" and not seen.problem)
    first = join()
    alone = read_until(watch, lambda seen: shared_out(seen, topic) == [0, 1, 2])
    assert (alone.state, len(alone.members), alone.partitions) == ("Stable", 1, {topic: 3})
    assert alone.members[0].client_id == "reader"
    assert alone.members[0].host == "127.0.0.1"
    assert alone.members[0].topics == (topic,)

    others = [join() for _ in range(3)]
    four = read_until(
        watch,
        lambda seen: (
            len(seen.members) == 4
            and seen.state == "Stable"
            and max(len(one.assigned.get(topic, ())) for one in seen.members) == 1
        ),
    )
    assert shared_out(four, topic) == [0, 1, 2]
    shown = group_snapshot(four, letters)
    idle = [one for one in shown["members"] if one["idle"]]
    assert [one["idle"] for one in idle] == ["idle: no partition is left for it"]

    for one in (first, *others):
        one.leave()
    empty = read_until(watch, lambda seen: seen.state == "Empty")
    assert empty.members == ()
    assert group_snapshot(empty, letters)["unassigned"] == [[topic, 0], [topic, 1], [topic, 2]]


def test_a_topic_that_is_gone_has_no_columns(watch: GroupWatch, topic: str) -> None:
    read_until(watch, lambda seen: seen.state == "Dead")
    assert watch.read().partitions == {topic: 3}
    lab.delete_topic(topic)
    assert read_until(watch, lambda seen: not seen.partitions).problem == ""


def test_the_view_follows_its_group(join: Callable[[], Reader], topic: str) -> None:
    view = lab.group_view(f"group-{topic}", updates_per_s=5)
    join()
    wait_until(lambda: "A reads partitions 0, 1, 2" in view.text, lambda: view.text)
    view.stop()
    assert view.snapshot["state"].startswith("Stopped.")
    assert "A reads partitions 0, 1, 2" in view.text  # the last picture stays
