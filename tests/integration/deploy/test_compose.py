"""``docker-compose.yml`` is the other way to a broker: up, used by the lab, restarted, down."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from require import require
from waiting import wait_until

import labkit as lab
from labkit.broker.broker_for_tests import why_no_docker
from labkit.broker.kafka_clients import admin, consumer, producer
from labkit.core.errors import TopicNotFound

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[3]
HEALTHY_WITHIN_S = 180


class Compose:
    """The stack under a project name and a port of its own, beside whatever runs already."""

    def __init__(self) -> None:
        has_v2 = (
            subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
        )
        tool = ["docker", "compose"] if has_v2 else ["docker-compose"]
        self.command = [*tool, "--project-name", f"labkit-test-{os.getpid()}"]
        self.port = free_port()

    def __call__(self, *words: str) -> str:
        ran = subprocess.run(
            [*self.command, *words],
            cwd=ROOT,
            env={**os.environ, "KAFKA_PORT": str(self.port)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def inspect(self, template: str) -> str:
        container = self("ps", "--quiet", "kafka").strip()
        command = ["docker", "inspect", "--format", template, container]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def wait_until_healthy(self) -> None:
        wait_until(
            lambda: self.inspect("{{.State.Health.Status}}") == "healthy",
            lambda: f"a healthy broker:\n{self('logs')}",
            HEALTHY_WITHIN_S,
            every_s=1.0,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def why_no_compose() -> str | None:
    reason = why_no_docker()
    if reason is None and not shutil.which("docker"):
        reason = "there is no docker command"
    if reason is None and not shutil.which("docker-compose"):
        ran = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        reason = None if ran.returncode == 0 else "Compose is not installed"
    return reason


@pytest.fixture(scope="module")
def stack() -> Iterator[Compose]:
    require("docker", why_no_compose())
    compose = Compose()
    try:
        compose("up", "--detach")
        compose.wait_until_healthy()
        yield compose
    finally:
        compose("down", "--volumes")


@pytest.fixture
def cluster(stack: Compose, monkeypatch: pytest.MonkeyPatch) -> Compose:
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", f"localhost:{stack.port}")
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
    cluster.wait_until_healthy()
    after = lab.describe_topic(topic_name)
    assert after.topic_id == before.topic_id
    assert after.end_offsets == {0: 1, 1: 0, 2: 0}
