"""Kafka's own tools, run from the same jars as the broker, against it."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

import labkit as lab
from labkit.broker.install.kafka_jars import kafka_jars
from labkit.broker.kafka_clients import producer
from labkit.broker.kafka_tools import TOOLS


def kafka(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``labkit kafka ...`` as a terminal does."""
    command = [sys.executable, "-m", "labkit", "kafka", *words]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_tools_class_is_in_the_jars() -> None:
    classes = set()
    for jar in kafka_jars("connect"):
        with zipfile.ZipFile(jar) as archive:
            classes.update(archive.namelist())
    missing = [
        name
        for name, tool in TOOLS.items()
        if tool.main_class.replace(".", "/") + ".class" not in classes
    ]
    assert missing == []


def test_tools_of_the_broker_need_no_jar_of_connect() -> None:
    classes = set()
    for jar in kafka_jars("broker"):
        with zipfile.ZipFile(jar) as archive:
            classes.update(archive.namelist())
    for name, tool in TOOLS.items():
        is_there = tool.main_class.replace(".", "/") + ".class" in classes
        assert is_there or tool.group == "connect", name


@pytest.mark.quick
def test_kafka_topics_lists_the_topics_of_the_labs_broker(topic: str) -> None:
    ran = kafka("kafka-topics", "--list")
    assert ran.returncode == 0, ran.stderr
    assert topic in ran.stdout.splitlines()


def test_kafka_and_the_lab_write_a_topics_id_alike(topic: str) -> None:
    ran = kafka("kafka-topics.sh", "--describe", "--topic", topic)
    described = lab.describe_topic(topic)
    assert f"TopicId: {described.topic_id}" in ran.stdout
    assert f"PartitionCount: {described.num_partitions}" in ran.stdout


def test_records_go_in_by_one_tool_and_out_by_another(topic: str) -> None:
    wrote = kafka("kafka-console-producer", "--topic", topic, stdin="one\ntwo\nthree\n")
    assert wrote.returncode == 0, wrote.stderr
    read = kafka(
        *["kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "3"]
    )
    assert sorted(read.stdout.split()) == ["one", "three", "two"]
    assert lab.describe_topic(topic).records == 3


def test_the_address_goes_where_each_tool_wants_it(topic: str) -> None:
    with producer() as client:
        client.send(topic, b"one", partition=2).get(10)
    offsets = kafka("kafka-get-offsets", "--topic", topic)
    assert f"{topic}:2:1" in offsets.stdout.splitlines()
    cluster = kafka("kafka-cluster", "cluster-id")
    assert lab.describe_topic(topic).cluster_id in cluster.stdout
    quorum = kafka("kafka-metadata-quorum", "describe", "--status")
    assert "LeaderId" in quorum.stdout, quorum.stderr


def test_a_tools_failure_is_the_commands_failure(bootstrap_servers: str) -> None:
    ran = kafka("kafka-topics", "--describe", "--topic", "no-such-topic")
    assert ran.returncode == 1
    assert "no-such-topic" in ran.stdout + ran.stderr


def test_help_needs_no_broker(lab_dir: object) -> None:
    ran = kafka("kafka-configs", "--help")
    assert "--entity-type" in ran.stdout + ran.stderr


def test_without_a_broker_a_tool_says_so_at_once(lab_dir: object) -> None:
    ran = kafka("kafka-topics", "--list")
    assert ran.returncode == 1
    assert "labkit broker start" in ran.stderr


def test_an_unknown_tool_names_the_nearest(lab_dir: object) -> None:
    ran = kafka("kafka-topcis", "--list")
    assert ran.returncode == 1
    assert "kafka-topics" in ran.stderr


def test_connects_tools_run_too(lab_dir: object) -> None:
    ran = kafka("connect-plugin-path", "list", "--plugin-location", str(lab_dir))
    assert "Total plugins" in ran.stdout, ran.stderr
