"""What the lab makes of Connect's answers, and of its own settings for a worker."""

from __future__ import annotations

import pytest

from labkit.broker.cluster_state import NodeState
from labkit.connect.connect_rest import ConnectorStatus, Rest, Task, place
from labkit.connect.connect_workers import security_properties, worker_properties
from labkit.core.config import LabConfig, load_config
from labkit.core.errors import LabError

TRACE = """org.apache.kafka.connect.errors.ConnectException: Couldn't find or create file
\tat org.apache.kafka.connect.file.FileStreamSinkTask.start(FileStreamSinkTask.java:74)
Caused by: java.nio.file.NoSuchFileException: /nowhere/x
\t... 12 more
"""


def test_a_connector_without_a_task_does_not_run() -> None:
    assert not ConnectorStatus("sink", "RUNNING", ()).is_running
    assert ConnectorStatus("sink", "RUNNING", (Task("sink", 0, "RUNNING", 1),)).is_running
    assert not ConnectorStatus("sink", "RUNNING", (Task("sink", 0, "UNASSIGNED", 1),)).is_running


def test_a_failure_is_told_by_its_last_cause() -> None:
    tasks = (Task("sink", 0, "RUNNING", 1), Task("sink", 1, "FAILED", 2, TRACE))
    failure = ConnectorStatus("sink", "RUNNING", tasks).failure
    assert failure == "task 1 of sink failed: java.nio.file.NoSuchFileException: /nowhere/x"
    assert "at org.apache" not in repr(tasks)


def test_a_name_is_one_step_of_a_path() -> None:
    assert place("../../admin?x") == "connectors/..%2F..%2Fadmin%3Fx"


def test_without_a_worker_it_says_the_next_line() -> None:
    dead = NodeState(node_id=1, port=1, controller_port=0)
    with pytest.raises(LabError, match="no worker of Kafka Connect is alive") as caught:
        Rest(lambda: [dead]).ask("GET", "connectors")
    assert caught.value.next_line == "lab.start_connect()"


def test_a_worker_takes_orders_on_loopback_alone() -> None:
    found = worker_properties("group", "127.0.0.1:9092", 8083, 3)
    assert found["listeners"] == "http://127.0.0.1:8083"
    assert found["rest.advertised.host.name"] == "127.0.0.1"
    copies = {key: value for key, value in found.items() if key.endswith("replication.factor")}
    assert set(copies.values()) == {"3"}
    assert len(copies) == 3


def test_a_worker_and_its_clients_log_in_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    assert security_properties(load_config()) == {}
    for name, value in {
        "BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SASL_MECHANISM": "PLAIN",
        "SASL_PLAIN_USERNAME": "ada",
        "SASL_PLAIN_PASSWORD": "canary",
    }.items():
        monkeypatch.setenv(f"LABKIT_{name}", value)
    config: LabConfig = load_config()
    found = security_properties(config)
    logins = {key for key, value in found.items() if "canary" in value}
    prefixes = ("", "producer.", "consumer.", "admin.")
    assert logins == {f"{prefix}sasl.jaas.config" for prefix in prefixes}
