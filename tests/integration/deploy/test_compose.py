"""``docker-compose.yml`` is the other way to a broker: up, used by the lab, restarted, down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from compose_stack import Compose, why_no_compose
from kafka import KafkaAdminClient
from require import require
from waiting import wait_until

import labkit as lab
from labkit.broker.kafka_clients import admin, consumer, producer
from labkit.core.errors import TopicNotFound

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def stack() -> Iterator[Compose]:
    require("docker", why_no_compose())
    compose = Compose("kafka")
    try:
        compose("up", "--detach")
        compose.wait_until_healthy("kafka")
        yield compose
    finally:
        compose("down", "--volumes")


@pytest.fixture
def cluster(stack: Compose, monkeypatch: pytest.MonkeyPatch) -> Compose:
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", f"localhost:{stack.ports['KAFKA_PORT']}")
    return stack


def test_the_lab_uses_it_as_any_cluster(cluster: Compose, topic_name: str) -> None:
    topic = lab.ensure_topic(topic_name)
    assert (topic.num_partitions, topic.replication_factor) == (3, 1)
    with producer() as client:
        client.send(topic_name, b"value", key=b"key").get(10)
    assert lab.describe_topic(topic_name).records == 1


def test_it_is_published_on_loopback_alone(cluster: Compose) -> None:
    bindings = cluster.inspect(
        "{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}"
    )
    assert bindings.split() == ["127.0.0.1"]


def test_it_has_no_right_that_root_has(cluster: Compose) -> None:
    assert cluster.inspect("{{.HostConfig.CapDrop}} {{.HostConfig.Privileged}}") == "[ALL] false"
    assert cluster.inspect("{{.HostConfig.SecurityOpt}}") == "[no-new-privileges:true]"
    status = cluster("exec", "-T", "kafka", "cat", "/proc/1/status")
    rights = dict(line.split(":\t", 1) for line in status.splitlines())
    assert rights["CapEff"].strip("0") == rights["CapPrm"].strip("0") == ""
    assert rights["NoNewPrivs"] == "1"
    assert "0" not in rights["Uid"].split()


def test_a_misspelt_topic_is_not_created(cluster: Compose, topic_name: str) -> None:
    with consumer(auto_offset_reset="earliest") as client:
        client.subscribe([topic_name])
        assert client.poll(timeout_ms=500) == {}
    with pytest.raises(TopicNotFound):
        lab.describe_topic(topic_name)


def test_a_group_keeps_its_offsets_with_one_broker(cluster: Compose, topic_name: str) -> None:
    lab.ensure_topic(topic_name, num_partitions=1)
    with producer() as client:
        client.send(topic_name, b"value").get(10)
    settings = {"group_id": topic_name, "auto_offset_reset": "earliest"}
    with consumer(**settings, enable_auto_commit=False) as client:
        client.subscribe([topic_name])
        wait_until(lambda: client.poll(timeout_ms=500), "the record", every_s=0.0)
        client.commit()
    with admin() as client:
        assert isinstance(client, KafkaAdminClient)
        offsets = client.list_group_offsets(topic_name)[topic_name]
    assert [offset.offset for offset in offsets.values()] == [1]


def test_what_was_written_outlives_the_container(cluster: Compose, topic_name: str) -> None:
    before = lab.ensure_topic(topic_name)
    with producer() as client:
        client.send(topic_name, b"value", partition=0).get(10)
    cluster("rm", "--stop", "--force", "-v")  # the container and its unnamed volumes
    cluster("up", "--detach")
    cluster.wait_until_healthy("kafka")
    after = lab.describe_topic(topic_name)
    assert after.topic_id == before.topic_id
    assert after.end_offsets == {0: 1, 1: 0, 2: 0}
