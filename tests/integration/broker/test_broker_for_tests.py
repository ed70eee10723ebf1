"""The broker in a container keeps what the lab and its tests rely on."""

from __future__ import annotations

import pytest
from kafka_container import PASSWORD, USER, KafkaContainer

import labkit as lab
from labkit.broker.install.kafka_jars import KAFKA_VERSION
from labkit.broker.kafka_clients import admin, producer
from labkit.broker.kafka_tools import run_tool
from labkit.core.errors import BrokerUnavailable, TopicNotFound

pytestmark = pytest.mark.docker


@pytest.fixture
def cluster(docker_broker: KafkaContainer, monkeypatch: pytest.MonkeyPatch) -> KafkaContainer:
    """Point the lab at the container, as a user's own cluster is pointed at."""
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", docker_broker.bootstrap_servers)
    return docker_broker


def test_it_is_the_version_that_the_lab_runs(cluster: KafkaContainer) -> None:
    ran = cluster.exec("/opt/kafka/bin/kafka-topics.sh --version")
    assert ran.output.decode().split()[0] == KAFKA_VERSION


def test_it_listens_on_loopback_alone(cluster: KafkaContainer) -> None:
    cluster.reload()
    published = cluster.get_wrapped_container().ports
    addresses = {binding["HostIp"] for bindings in published.values() for binding in bindings or ()}
    assert addresses == {"127.0.0.1"}


def test_variables_become_the_brokers_configuration(cluster: KafkaContainer) -> None:
    with admin() as client:
        brokers = client.describe_cluster()["brokers"]
    assert [f"{broker['host']}:{broker['port']}" for broker in brokers] == [
        cluster.bootstrap_servers
    ]
    ran = cluster.exec("cat /opt/kafka/config/server.properties")
    lines = ran.output.decode().splitlines()
    assert "auto.create.topics.enable=false" in lines
    assert f"advertised.listeners=PLAINTEXT://{cluster.bootstrap_servers}" in ",".join(lines)


def test_it_does_not_run_as_root(cluster: KafkaContainer) -> None:
    assert cluster.exec("id -un").output.decode().strip() == "appuser"


def test_what_the_lab_writes_the_images_own_tools_see(
    cluster: KafkaContainer, topic_name: str
) -> None:
    with pytest.raises(TopicNotFound):
        lab.describe_topic(topic_name)
    topic = lab.ensure_topic(topic_name, num_partitions=2)
    with producer() as client:
        client.send(topic_name, b"one", partition=1).get(10)
    inside = "--bootstrap-server localhost:9093"
    listed = cluster.exec(
        f"/opt/kafka/bin/kafka-topics.sh {inside} --describe --topic {topic_name}"
    )
    assert f"TopicId: {topic.topic_id}" in listed.output.decode()
    offsets = cluster.exec(f"/opt/kafka/bin/kafka-get-offsets.sh {inside} --topic {topic_name}")
    assert f"{topic_name}:1:1" in offsets.output.decode().splitlines()


@pytest.fixture
def secured(docker_broker: KafkaContainer, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Point the lab at the listener that wants a name and a password."""
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", docker_broker.secure_bootstrap_servers)
    monkeypatch.setenv("LABKIT_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("LABKIT_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("LABKIT_SASL_PLAIN_USERNAME", USER)
    monkeypatch.setenv("LABKIT_SASL_PLAIN_PASSWORD", PASSWORD)
    return monkeypatch


def test_the_lab_and_kafkas_tools_log_in_where_that_is_asked(
    secured: pytest.MonkeyPatch, topic_name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    lab.ensure_topic(topic_name)
    assert run_tool("kafka-topics", ["--list"]) == 0
    listed = capfd.readouterr()
    assert topic_name in listed.out.splitlines()
    assert run_tool("kafka-cluster", ["cluster-id"]) == 0
    shown = repr(lab.load_config()) + listed.out + listed.err + str(capfd.readouterr())
    assert PASSWORD not in shown


def test_a_refused_login_is_told_as_a_likely_reason(secured: pytest.MonkeyPatch) -> None:
    secured.setenv("LABKIT_SASL_PLAIN_PASSWORD", "canary-7316")
    with pytest.raises(BrokerUnavailable, match="refuses the login") as caught:
        lab.list_topics()
    assert "canary-7316" not in str(caught.value)
