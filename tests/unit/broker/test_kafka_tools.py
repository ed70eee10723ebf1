"""Names, arguments and the command line of Kafka's tools; the tools run in integration/."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labkit.broker import kafka_tools
from labkit.broker.kafka_tools import (
    TOOLS,
    Tool,
    find_tool,
    java_command,
    run_tool,
    tool_names,
    wants_bootstrap,
)
from labkit.core.errors import LabError


@pytest.mark.parametrize("name", ["kafka-topics", "kafka-topics.sh", "kafka-topics.bat"])
def test_a_tool_is_found_as_a_manual_writes_it(name: str) -> None:
    tool, rest = find_tool(name, ["--list"])
    assert tool.main_class == "org.apache.kafka.tools.TopicCommand"
    assert rest == ["--list"]


def test_trogdor_takes_its_action_first() -> None:
    tool, rest = find_tool("trogdor", ["client", "--help"])
    assert tool.main_class.endswith("CoordinatorClient")
    assert rest == ["--help"]


@pytest.mark.parametrize("tool", ["connect-standalone", "connect-distributed.sh"])
@pytest.mark.parametrize("text", ["", "# listeners=http://127.0.0.1:8083\n", "listeners=\n"])
def test_a_connect_worker_for_the_whole_network_is_refused(
    tmp_path: Path, tool: str, text: str
) -> None:
    worker = tmp_path / "worker.properties"
    worker.write_text(f"key.converter=x\n{text}")
    with pytest.raises(LabError, match="every address") as refused:
        run_tool(tool, [str(worker), "connector.properties"])
    assert "listeners=http://127.0.0.1:8083" in refused.value.next_line


@pytest.mark.parametrize("line", ["listeners=http://127.0.0.1:8083", "  listeners : http://x:1"])
def test_a_connect_worker_that_says_where_it_listens_is_started(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker.properties"
    worker.write_text(f"{line}\n")
    monkeypatch.setattr(kafka_tools, "kafka_jars", lambda _group: [])
    assert run_tool("connect-standalone", [str(worker)]) != 0  # without a jar: Java has no class


def test_any_class_can_be_run() -> None:
    assert find_tool("kafka-run-class", ["a.B", "x"]) == (Tool("a.B", "nowhere"), ["x"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("topics", "kafka-topics"),
        ("kafka-consumer-group", "kafka-consumer-groups"),
        ("kafka-topcis", "kafka-topics"),
        ("zookeeper-shell", "KRaft"),
        ("kafka-server-stop", "labkit broker stop"),
        ("kafka-run-class", "Java class"),
        ("trogdor", "trogdor"),
        ("xyz", "kafka-topics"),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(name: str, said: str) -> None:
    with pytest.raises(LabError) as caught:
        find_tool(name, [])
    assert said in str(caught.value)
    assert caught.value.next_line


def test_the_names_are_those_of_kafkas_bin() -> None:
    names = tool_names()
    assert names == sorted(names)
    assert {"kafka-topics", "kafka-run-class", "connect-standalone", "trogdor"} <= set(names)
    assert not any(" " in name or name.endswith(".sh") for name in names)


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("kafka-topics", ["--list"], True),
        ("kafka-topics", [], True),
        ("kafka-topics", ["--help"], False),
        ("kafka-topics", ["--version"], False),
        ("kafka-topics", ["--list", "--bootstrap-server", "a:1"], False),
        ("kafka-topics", ["--list", "--bootstrap-server=a:1"], False),
        ("kafka-configs", ["--bootstrap-controller", "a:1"], False),
        ("kafka-cluster", [], False),
        ("kafka-cluster", ["cluster-id"], True),
        ("kafka-cluster", ["cluster-id", "-b", "a:1"], False),
        ("kafka-log-dirs", ["--broker-list", "1"], True),
        ("kafka-replica-verification", ["--broker-list", "a:1"], False),
        ("kafka-dump-log", ["--files", "x.log"], False),
        ("connect-standalone", ["worker.properties"], False),
    ],
)
def test_the_address_is_added_where_it_is_needed_and_missing(
    name: str, arguments: list[str], wanted: bool
) -> None:
    assert wants_bootstrap(TOOLS[name], arguments) is wanted


def test_variables_of_kafkas_scripts_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_tools, "kafka_jars", lambda group: [Path(f"{group}.jar")])
    monkeypatch.setenv("KAFKA_HEAP_OPTS", "-Xmx1g -Xms1g")
    monkeypatch.setenv("KAFKA_OPTS", '-Dwith="a space"')
    command = java_command(TOOLS["connect-standalone"])
    assert command[-3:] == ["-cp", "connect.jar", "org.apache.kafka.connect.cli.ConnectStandalone"]
    assert {"-Xmx1g", "-Xms1g", "-Dwith=a space", "-Dlabkit.level=INFO"} <= set(command)


@pytest.mark.parametrize("status", [0, 1, 3])
def test_the_exit_status_is_the_tools_own(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    command = [sys.executable, "-c", f"import sys; sys.exit({status})"]
    monkeypatch.setattr(kafka_tools, "java_command", lambda _tool: command)
    assert kafka_tools.run_tool("kafka-storage", ["random-uuid"]) == status
