"""Topics on a real cluster: each test runs on the lab's own broker and on the official image."""

from __future__ import annotations

import ast
import threading
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

import labkit as lab
from labkit.broker.kafka_clients import admin, consumer, producer
from labkit.core.errors import BrokerUnavailable, TopicConfigDiffers, TopicNotFound, TopicRefused

pytestmark = pytest.mark.usefixtures("any_bootstrap_servers")


def test_a_topic_is_created_once_and_found_again(topic_name: str) -> None:
    created = lab.ensure_topic(topic_name, num_partitions=4, config={"retention.ms": 3_600_000})
    again = lab.ensure_topic(topic_name, num_partitions=4, config={"retention.ms": "3600000"})
    assert again == created == lab.ensure_topic(topic_name) == lab.describe_topic(topic_name)
    assert created.config["retention.ms"] == "3600000"
    assert [partition.partition for partition in created.partitions] == [0, 1, 2, 3]
    for partition in created.partitions:
        assert partition.leader in partition.replicas
        assert partition.isr == partition.replicas
        assert (partition.start_offset, partition.end_offset) == (0, 0)


def test_defaults_are_three_partitions_on_as_many_brokers_as_there_are(topic_name: str) -> None:
    topic = lab.ensure_topic(topic_name)
    with admin() as client:
        brokers = len(client.describe_cluster()["brokers"])
    assert (topic.num_partitions, topic.replication_factor) == (3, min(3, brokers))


def test_a_setting_at_its_default_is_no_difference(topic_name: str) -> None:
    lab.ensure_topic(topic_name)
    lab.ensure_topic(topic_name, config={"cleanup.policy": "delete", "preallocate": False})


def test_another_wish_is_refused_with_the_line_that_grants_it(topic_name: str) -> None:
    lab.ensure_topic(topic_name, num_partitions=2)
    wish = {"num_partitions": 5, "config": {"retention.ms": 60_000}}
    with pytest.raises(TopicConfigDiffers, match="num_partitions is 2, not 5") as caught:
        lab.ensure_topic(topic_name, **wish)
    line = ast.parse(caught.value.next_line, mode="eval").body
    arguments = {word.arg: ast.literal_eval(word.value) for word in line.keywords}
    altered = lab.alter_topic(topic_name, **arguments)
    assert altered.num_partitions == 5
    assert lab.ensure_topic(topic_name, **wish) == altered


def test_offsets_are_those_of_the_log(topic_name: str) -> None:
    lab.ensure_topic(topic_name, num_partitions=2)
    with producer() as client:
        for number in range(7):
            client.send(topic_name, str(number).encode(), partition=number % 2).get(10)
    topic = lab.describe_topic(topic_name)
    assert topic.end_offsets == {0: 4, 1: 3}
    assert topic.records == 7
    with admin() as client:
        client.delete_records({TopicPartition(topic_name, 0): 3})
    first = lab.describe_topic(topic_name).partitions[0]
    assert (first.start_offset, first.end_offset, first.records) == (3, 4, 1)


def test_settings_are_changed_and_put_back(topic_name: str) -> None:
    lab.ensure_topic(topic_name)
    changed = lab.alter_topic(
        topic_name, config={"retention.ms": 1000, "message.timestamp.type": "LogAppendTime"}
    )
    assert changed.config["retention.ms"] == "1000"
    put_back = lab.alter_topic(topic_name, config={"retention.ms": None})
    assert "retention.ms" not in put_back.config
    assert put_back.config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"num_partitions": 0}, "partitions"),
        ({"replication_factor": 9}, "only 1 broker"),
        ({"config": {"retention.msec": 1}}, "retention.msec"),
        ({"config": {"retention.ms": "soon"}}, "soon"),
    ],
)
def test_the_cluster_refuses_in_its_own_words(
    topic_name: str, wish: dict[str, object], said: str
) -> None:
    with pytest.raises(TopicRefused, match=said) as caught:
        lab.ensure_topic(topic_name, **wish)
    assert caught.value.next_line
    with pytest.raises(TopicNotFound):
        lab.describe_topic(topic_name)


def test_a_line_for_too_many_replicas_works(topic_name: str) -> None:
    with pytest.raises(TopicRefused) as caught:
        lab.ensure_topic(topic_name, replication_factor=2)
    made = eval(caught.value.next_line, {"lab": lab})
    assert made.replication_factor == 1


@pytest.mark.parametrize("name", ["two words", "a/b", "ü", "x" * 250, ".."])
def test_a_name_that_kafka_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(TopicRefused):
        lab.ensure_topic(name)


def test_altering_refuses_fewer_partitions_and_unknown_settings(topic_name: str) -> None:
    topic = lab.ensure_topic(topic_name, num_partitions=2)
    with pytest.raises(TopicRefused, match="never takes a partition away"):
        lab.alter_topic(topic_name, num_partitions=1)
    with pytest.raises(TopicRefused, match=r"retention\.ms"):
        lab.alter_topic(topic_name, config={"retension.ms": 5})
    with pytest.raises(TopicRefused, match="soon"):
        lab.alter_topic(topic_name, config={"retention.ms": "soon"})
    assert lab.describe_topic(topic_name) == topic


def test_a_deleted_topic_is_gone_and_its_namesake_is_another(topic_name: str) -> None:
    before = lab.ensure_topic(topic_name)
    lab.delete_topic(topic_name)
    for call in (lab.describe_topic, lab.delete_topic, lab.alter_topic):
        with pytest.raises(TopicNotFound, match=topic_name):
            call(topic_name)
    after = lab.ensure_topic(topic_name)
    assert after.topic_id != before.topic_id
    assert after.cluster_id == before.cluster_id


def test_a_broker_that_still_shows_a_deleted_topic_is_not_believed(
    topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three brokers, started a moment ago, may not know yet that a topic was deleted."""
    before = lab.ensure_topic(topic_name)
    with admin() as client:
        old = client.describe_topics([topic_name])
    lab.delete_topic(topic_name)
    ask = KafkaAdminClient.describe_topics
    late = [2]

    def answer(self: KafkaAdminClient, topics: list[str] | None = None) -> list[dict[str, Any]]:
        if topics == [topic_name] and late[0]:
            late[0] -= 1
            return list(old)
        return ask(self, topics)

    monkeypatch.setattr(KafkaAdminClient, "describe_topics", answer)
    after = lab.ensure_topic(topic_name)
    assert late == [0]
    assert after.topic_id != before.topic_id
    assert lab.describe_topic(topic_name) == after


def test_a_misspelt_topic_is_answered_with_the_nearest(topic_name: str) -> None:
    lab.ensure_topic(topic_name)
    with pytest.raises(TopicNotFound, match=topic_name):
        lab.describe_topic(topic_name + "s")


def test_kafkas_own_topics_are_listed_when_asked_for(topic_name: str) -> None:
    lab.ensure_topic(topic_name)
    with consumer(group_id=topic_name) as client:
        client.committed(TopicPartition(topic_name, 0))  # makes the broker create its offsets topic
    names = [topic.name for topic in lab.list_topics()]
    assert topic_name in names
    assert names == sorted(names)
    assert not any(name.startswith("__") for name in names)
    internal = [topic for topic in lab.list_topics(internal=True) if topic.internal]
    assert "__consumer_offsets" in [topic.name for topic in internal]


def test_two_who_create_it_at_once_both_have_it(topic_name: str) -> None:
    made: list[object] = []
    start = threading.Barrier(4)

    def create() -> None:
        start.wait()
        try:
            made.append(lab.ensure_topic(topic_name, num_partitions=2).topic_id)
        except Exception as error:
            made.append(error)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == 1, made


def test_no_broker_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1"):
        lab.list_topics()
