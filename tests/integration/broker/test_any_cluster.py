"""A cluster with TLS, logins and ACLs: the whole pipeline, and what no ACL allows."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType, ResourceType
from kafka.errors import ClusterAuthorizationFailedError
from tls_broker import EVERYTHING, KEY_PASSWORD, PASSWORD, TlsBroker, tls_broker

import labkit as lab
from labkit.broker.kafka_clients import admin
from labkit.broker.kafka_tools import run_tool
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.diagnostics.error_card.error_card import answer_to

__all__ = ["tls_broker"]

TOPIC, GROUP, COUNT = "co2-emissions", "csv-writer", 60


@pytest.fixture
def allowed(tls_broker: TlsBroker) -> Iterator[None]:
    """Allow what docs/any-cluster.md says that the lab needs, and nothing else."""
    for topic in (TOPIC, f"{TOPIC}.dlq"):
        tls_broker.allow(
            ResourceType.TOPIC,
            topic,
            *(ACLOperation.CREATE, ACLOperation.READ, ACLOperation.WRITE),
            ACLOperation.DESCRIBE_CONFIGS,
        )
    tls_broker.allow(ResourceType.GROUP, GROUP, ACLOperation.READ)
    yield
    with tls_broker.admin() as client:
        client.delete_topics([TOPIC], raise_errors=False)


@pytest.mark.parametrize("listener", ["LOGIN", "MTLS"])
def test_the_pipeline(
    listener: str,
    tls_broker: TlsBroker,
    allowed: None,
    lab_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in tls_broker.variables(listener).items():
        monkeypatch.setenv(name, value)
    topic = lab.ensure_topic(TOPIC, num_partitions=3)
    producer = lab.start_producer(TOPIC, readings_per_s=0, count=COUNT)
    assert producer.wait(60)
    lab.start_consumer(TOPIC, group_id=GROUP).wait_until_caught_up()
    assert len(lab.read_table()) == COUNT
    with lab.start_api() as api, urlopen(f"{api.url}/api/summary") as answer:
        assert json.load(answer)["records"] == COUNT
    verdict = lab.check_pipeline(TOPIC)
    assert verdict.holds, verdict
    lab.stop_all()
    assert topic.name in {one.name for one in lab.list_topics()}

    assert run_tool("kafka-topics", ["--describe", "--topic", TOPIC]) == 0
    shown = capfd.readouterr()
    assert "PartitionCount: 3" in shown.out
    for path in lab_dir.rglob("*"):
        for secret in (PASSWORD, KEY_PASSWORD):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


@pytest.fixture
def eve(
    tls_broker: TlsBroker, lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Log in as a user without ACLs; return what allows her something. The topic exists."""
    user = f"eve-{uuid.uuid4().hex[:8]}"
    tls_broker.add_user(user)
    for name, value in tls_broker.variables("LOGIN", sasl_plain_username=user).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LABKIT_SASL_PLAIN_USERNAME", user)
    with tls_broker.admin() as client:
        client.create_topics({TOPIC: {"num_partitions": 1, "replication_factor": 1}})
        client.wait_for_topics([TOPIC], timeout_ms=15_000)

    def allow(kind: ResourceType, name: str, *operations: ACLOperation) -> None:
        tls_broker.allow(kind, name, *operations, principals=(f"User:{user}",))

    yield allow
    with tls_broker.admin() as client:
        client.delete_topics([TOPIC], raise_errors=False)


def send_some() -> None:
    producer = lab.start_producer(TOPIC, readings_per_s=0, count=3)
    assert producer.wait(60)
    raise LabError(producer.last_error, "kafka-acls --operation Write --topic co2-emissions")


def ask_for_rules() -> None:
    """Do as a learner does, with kafka-python's own client; the error card explains it."""
    with admin() as client, pytest.raises(ClusterAuthorizationFailedError) as caught:
        client.describe_acls(
            ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, EVERYTHING)
        )
    answer = answer_to(caught.value)
    assert answer is not None
    assert answer.next_line.startswith("!labkit kafka kafka-acls --add")
    raise LabError(answer.sentence, answer.next_line)


def consume() -> None:
    lab.consume(TOPIC, GROUP, load_config().data_path(), threading.Event(), until_end=True)


TOPIC_RULE, GROUP_RULE = (ResourceType.TOPIC, TOPIC), (ResourceType.GROUP, GROUP)
SOME = (*TOPIC_RULE, ACLOperation.DESCRIBE)
MISSING = {
    "Describe a topic": ((), lambda: lab.describe_topic(TOPIC), "Describe", f"--topic {TOPIC}"),
    "Create": (
        ((ResourceType.TOPIC, "new", ACLOperation.DESCRIBE),),
        *(lambda: lab.ensure_topic("new"), "Create", "--topic new"),
    ),
    "Alter": (
        *((SOME,), lambda: lab.alter_topic(TOPIC, num_partitions=2), "Alter", f"--topic {TOPIC}"),
    ),
    "DescribeConfigs": (
        *((SOME,), lambda: lab.alter_topic(TOPIC, config={"retention.ms": 1})),
        *("DescribeConfigs", f"--topic {TOPIC}"),
    ),
    "AlterConfigs": (
        (SOME, (*TOPIC_RULE, ACLOperation.DESCRIBE_CONFIGS)),
        lambda: lab.alter_topic(TOPIC, config={"retention.ms": 1}),
        *("AlterConfigs", f"--topic {TOPIC}"),
    ),
    "Delete": ((SOME,), lambda: lab.delete_topic(TOPIC), "Delete", f"--topic {TOPIC}"),
    "Write": ((SOME,), send_some, "Write", f"--topic {TOPIC}"),
    "Read a group": (
        ((*TOPIC_RULE, ACLOperation.READ),),
        *(consume, "Read", f"--group {GROUP}"),
    ),
    "Read a topic": (
        (SOME, (*GROUP_RULE, ACLOperation.READ)),
        *(consume, "Read", f"--topic {TOPIC}"),
    ),
    "Describe the cluster": ((), ask_for_rules, "Describe", "--cluster"),
}


@pytest.mark.parametrize("missing", MISSING)
def test_what_no_acl_allows(missing: str, eve: Callable[..., None], tls_broker: TlsBroker) -> None:
    allowed, attempt, operation, option = MISSING[missing]
    for rule in allowed:
        eve(*rule)
    if missing == "Read a topic":
        with tls_broker.producer() as client:
            client.send(TOPIC, b"x").get(timeout=30)
    with pytest.raises(
        LabError, match=rf"User:eve-\w+ may not {operation} (topic|group|this cluster)"
    ) as caught:
        attempt()
    assert f"--operation {operation} {option}" in caught.value.next_line


def test_connect_shows_the_clients_certificate(
    tls_broker: TlsBroker, lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (ResourceType.TOPIC, ResourceType.GROUP):
        tls_broker.allow(kind, "*", ACLOperation.ALL)
    for name, value in tls_broker.variables("MTLS").items():
        monkeypatch.setenv(name, value)
    topic = lab.ensure_topic("for-connect", num_partitions=1)
    with lab.start_connect(workers=1, group_id="certified") as connect:
        settings = {"connector.class": "FileStreamSinkConnector", "topics": topic.name}
        assert connect.create("sink", settings | {"file": str(lab_dir / "x")}).is_running
    for path in lab_dir.rglob("*"):
        assert not path.is_file() or KEY_PASSWORD.encode() not in path.read_bytes(), path
