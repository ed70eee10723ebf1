"""A topic that is watched on a real broker, by a reader that leaves no trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer, OffsetAndMetadata, TopicPartition
from waiting import wait_until

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.broker import Broker
from labkit.core.errors import BrokerUnavailable, TopicNotFound
from labkit.topics.topic_watch import MOST_RECORDS, TopicSnapshot, TopicWatch


@pytest.fixture
def producer(bootstrap_servers: str) -> Iterator[KafkaProducer]:
    with kafka_clients.producer() as one:
        yield one


def watching(topic: str, **settings: Any) -> Iterator[TopicWatch]:
    watch = TopicWatch(topic, **settings)
    yield watch
    watch.close()


@pytest.fixture
def watch(topic: str) -> Iterator[TopicWatch]:
    yield from watching(topic)


def send(producer: KafkaProducer, topic: str, partition: int, *values: bytes | None) -> None:
    sent = [producer.send(topic, value=value, key=b"k", partition=partition) for value in values]
    for one in sent:
        one.get(30)


def commit(topic: str, group_id: str, offsets: dict[int, int]) -> None:
    with kafka_clients.consumer(group_id=group_id, enable_auto_commit=False) as client:
        client.assign([TopicPartition(topic, partition) for partition in offsets])
        client.commit(
            {
                TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
                for partition, offset in offsets.items()
            }
        )


def read_until(watch: TopicWatch, met: Callable[[TopicSnapshot], bool]) -> TopicSnapshot:
    """Look again and again until it is as it should be."""
    return wait_until(
        lambda: sight if met(sight := watch.read()) else None, watch.read, every_s=0.1
    )


def offsets(sight: TopicSnapshot, partition: int = 0) -> list[int]:
    return [record.offset for record in sight.records.get(partition, ())]


@pytest.mark.quick
def test_records_appear_as_they_are_sent(
    watch: TopicWatch, producer: KafkaProducer, topic: str
) -> None:
    assert watch.read().records == {0: (), 1: (), 2: ()}
    send(producer, topic, 0, b"one", b"two")
    send(producer, topic, 2, None, b"\x00\xff" * 200)
    sight = read_until(watch, lambda seen: len(offsets(seen)) == len(offsets(seen, 2)) == 2)
    assert [record.value for record in sight.records[0]] == [b"one", b"two"]
    tombstone, binary = sight.records[2]
    assert (tombstone.value, tombstone.key, tombstone.size_bytes) == (None, b"k", 1)
    assert binary.size_bytes == 401
    assert len(binary.value or b"") < 200  # only its start is kept
    send(producer, topic, 0, b"three")
    assert offsets(read_until(watch, lambda seen: len(offsets(seen)) == 3)) == [0, 1, 2]


def test_it_shows_the_last_records_only_however_many_there_are(
    watch: TopicWatch, producer: KafkaProducer, topic: str
) -> None:
    send(producer, topic, 0, *[b"x"] * 1_000)
    assert offsets(read_until(watch, lambda seen: 999 in offsets(seen))) == list(range(988, 1_000))
    # More comes between two looks than is shown: what lies between is passed over.
    send(producer, topic, 0, *[b"x"] * 3_000)
    sight = read_until(watch, lambda seen: 3_999 in offsets(seen))
    assert offsets(sight) == list(range(3_988, 4_000))


def test_arrows_move_with_what_groups_commit_and_watching_makes_no_group(
    watch: TopicWatch, producer: KafkaProducer, topic: str
) -> None:
    send(producer, topic, 0, b"a", b"b", b"c")
    assert watch.read().positions == {}
    ours, other = f"ours-{topic}", f"other-{topic}"
    commit(topic, ours, {0: 1})
    commit(topic, other, {0: 3, 1: 0})
    sight = read_until(watch, lambda seen: len(seen.positions) == 2)
    assert sight.positions == {ours: {0: 1}, other: {0: 3, 1: 0}}
    commit(topic, ours, {0: 2})
    read_until(watch, lambda seen: seen.positions[ours] == {0: 2})
    with kafka_clients.admin() as client:
        groups = {group["group_id"] for group in client.list_groups()}
    assert {name for name in groups if topic in name} == {ours, other}
    for one in watching(topic, groups=[ours, "nobody"]):
        assert one.read().positions == {"nobody": {}, ours: {0: 2}}


def test_a_topic_that_comes_goes_and_is_made_anew(
    bootstrap_servers: str, producer: KafkaProducer, topic_name: str
) -> None:
    for watch in watching(topic_name):
        with pytest.raises(TopicNotFound, match="not on this cluster") as missing:
            watch.read()
        assert missing.value.next_line == f"lab.ensure_topic('{topic_name}')"
        first = lab.ensure_topic(topic_name, num_partitions=2)
        send(producer, topic_name, 0, b"old", b"old")
        commit(topic_name, "old-group", {0: 2})
        old = read_until(watch, lambda seen: len(offsets(seen)) == 2 and bool(seen.positions))
        assert old.topic.topic_id == first.topic_id
        lab.delete_topic(topic_name)
        with pytest.raises(TopicNotFound):
            watch.read()
        lab.ensure_topic(topic_name, num_partitions=3)
        read_until(watch, lambda seen: seen.topic.num_partitions == 3)
        with kafka_clients.producer() as another:
            send(another, topic_name, 0, b"new")
        new = read_until(watch, lambda seen: bool(offsets(seen)))
        assert [record.value for record in new.records[0]] == [b"new"]
        assert new.topic.topic_id != first.topic_id
        assert new.positions == {}


def test_records_that_expired_are_gone_from_the_picture(
    watch: TopicWatch, producer: KafkaProducer, topic: str
) -> None:
    send(producer, topic, 0, *[b"x"] * 8)
    read_until(watch, lambda seen: len(offsets(seen)) == 8)
    with kafka_clients.admin() as client:
        client.delete_records({TopicPartition(topic, 0): 5})
    sight = read_until(watch, lambda seen: seen.topic.partitions[0].start_offset == 5)
    assert offsets(sight) == [5, 6, 7]
    with kafka_clients.admin() as client:
        client.delete_records({TopicPartition(topic, 0): 8})
    assert offsets(read_until(watch, lambda seen: not offsets(seen))) == []
    send(producer, topic, 0, b"y")
    assert offsets(read_until(watch, lambda seen: bool(offsets(seen)))) == [8]


def test_offsets_that_hold_no_record_are_passed(
    watch: TopicWatch, topic: str, bootstrap_servers: str
) -> None:
    # Each transaction ends with a marker, which takes an offset and is not a record.
    with kafka_clients.producer(transactional_id=topic) as producer:
        producer.init_transactions()
        for _ in range(3):
            producer.begin_transaction()
            producer.send(topic, value=b"in a transaction", partition=0)
            producer.commit_transaction()
    assert offsets(read_until(watch, lambda seen: len(offsets(seen)) == 3)) == [0, 2, 4]
    started = time.monotonic()
    for _ in range(3):
        watch.read()
    assert time.monotonic() - started < 30  # it does not wait for what is not a record
    assert watch._next[0] == 6


def test_records_that_compaction_takes_out_are_gone_from_the_picture(
    bootstrap_servers: str, producer: KafkaProducer, topic_name: str
) -> None:
    eager = {"segment.ms": 100, "min.cleanable.dirty.ratio": 0.01, "max.compaction.lag.ms": 1}
    lab.ensure_topic(topic_name, num_partitions=1, config={"cleanup.policy": "compact", **eager})
    send(producer, topic_name, 0, b"old", b"newer", b"newest")  # all of one key
    for watch in watching(topic_name):
        assert offsets(read_until(watch, lambda seen: len(offsets(seen)) == 3)) == [0, 1, 2]
        time.sleep(0.2)  # the segment is old enough: the next record begins another
        producer.send(topic_name, key=b"another", value=b"x", partition=0).get(30)
        # The cleaner looks every 15 seconds.
        read_until(watch, lambda seen: offsets(seen) == [2, 3])


def test_a_batch_that_fails_its_checksum_is_told_and_passed(
    broker: Broker, watch: TopicWatch, producer: KafkaProducer, topic: str
) -> None:
    send(producer, topic, 0, b"first")
    send(producer, topic, 0, b"second")
    (log,) = broker.data_dir.rglob(f"{topic}-0/00000000000000000000.log")
    with log.open("r+b") as file:
        file.seek(file.read().index(b"second"))
        file.write(b"S")
    sight = read_until(watch, lambda seen: bool(seen.notes))
    assert offsets(sight) == [0]
    what = "the batch at offset 1 is damaged, and fails its checksum"
    assert sight.notes == (f"partition 0 of {topic}: {what}",)
    send(producer, topic, 0, b"third")
    assert offsets(read_until(watch, lambda seen: len(offsets(seen)) == 2)) == [0, 2]


def test_fifty_partitions_show_fewer_records_of_each(
    bootstrap_servers: str, producer: KafkaProducer, topic_name: str
) -> None:
    lab.ensure_topic(topic_name, num_partitions=50)
    sent = [
        producer.send(topic_name, value=b"x", partition=partition)
        for partition in range(50)
        for _ in range(10)
    ]
    for one in sent:
        one.get(30)
    for watch in watching(topic_name):
        sight = read_until(watch, lambda seen: all(9 in offsets(seen, p) for p in range(50)))
        assert {len(held) for held in sight.records.values()} == {MOST_RECORDS // 50}
        assert sight.notes == ("the last 4 records of each, because there are many partitions",)


def test_a_broker_that_dies_and_comes_back_is_lived_through(lab_dir: Path) -> None:
    with lab.start_broker() as broker:
        lab.ensure_topic("t", num_partitions=1)
        view = lab.partition_view("t", updates_per_s=5)
        with kafka_clients.producer() as producer:
            send(producer, "t", 0, b"before")
        wait_until(lambda: len(view.snapshot["lanes"][0]["records"]) == 1)
        broker.kill(1)
        wait_until(lambda: "No broker of this lab is running" in view.snapshot["state"])
        assert len(view.snapshot["lanes"][0]["records"]) == 1  # what was seen last stays
        assert not view.snapshot["fresh"]
        broker.restart(1)
        with kafka_clients.producer() as producer:
            send(producer, "t", 0, b"after")
        wait_until(lambda: view.snapshot["fresh"])
        wait_until(lambda: len(view.snapshot["lanes"][0]["records"]) == 2)
        broker.freeze(1)
        wait_until(lambda: "is frozen" in view.snapshot["state"])
        broker.thaw(1)
        wait_until(lambda: view.snapshot["fresh"])
        assert "2 records" in view.text
        view.stop()
        assert not view.is_running
    with pytest.raises(BrokerUnavailable):
        TopicWatch("t").read()
