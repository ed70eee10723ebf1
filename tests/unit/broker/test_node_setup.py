"""What a node is told: its settings, its ports, its data folder."""

from __future__ import annotations

import base64
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.broker import cluster_start, node_setup
from labkit.broker.cluster_state import ClusterState, NodeState
from labkit.core.errors import BrokerUnavailable, SettingInvalid


def cluster_of(count: int) -> list[NodeState]:
    return [
        NodeState(node_id=number, port=20_000 + number, controller_port=21_000 + number)
        for number in range(1, count + 1)
    ]


@given(st.integers(1, 9))
def test_each_listener_of_each_node_is_on_loopback(count: int) -> None:
    nodes = cluster_of(count)
    for one in nodes:
        settings = node_setup.properties(one, nodes, Path("data"))
        listeners = settings["listeners"].split(",") + settings["advertised.listeners"].split(",")
        assert len(listeners) == 3
        assert all("://127.0.0.1:" in listener for listener in listeners)
        assert settings["controller.quorum.voters"].count("@127.0.0.1:") == count


@pytest.mark.parametrize(
    ("count", "copies", "in_sync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)]
)
def test_copies_are_as_many_as_the_cluster_can_keep(count: int, copies: int, in_sync: int) -> None:
    nodes = cluster_of(count)
    settings = node_setup.properties(nodes[0], nodes, Path("data"))
    for name in ("default.replication.factor", "offsets.topic.replication.factor"):
        assert settings[name] == str(copies)
    assert settings["transaction.state.log.replication.factor"] == str(copies)
    assert settings["min.insync.replicas"] == str(in_sync)
    assert settings["auto.create.topics.enable"] == "false"


def test_a_cluster_id_is_sixteen_bytes_and_never_looks_like_an_option() -> None:
    for _ in range(300):
        cluster_id = node_setup.new_cluster_id()
        assert len(base64.urlsafe_b64decode(cluster_id + "==")) == 16
        assert not cluster_id.startswith("-")


def test_free_ports_are_free_distinct_and_below_those_of_outgoing_connections() -> None:
    ports = node_setup.free_ports(6)
    assert len(set(ports)) == 6
    assert max(ports) < 32_768
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_two_labs_that_start_at_once_get_different_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(node_setup, "PORTS", range(20_000, 20_400))
    with ThreadPoolExecutor(8) as labs:
        found = [port for ports in labs.map(node_setup.free_ports, [6] * 20) for port in ports]
    assert len(set(found)) == len(found) == 120
    (tmp_path / "ports.json").write_text("[half")  # damaged, or a folder that refuses: without it
    assert len(node_setup.free_ports(2)) == 2


def test_a_port_that_is_listened_on_is_not_free() -> None:
    (port,) = node_setup.free_ports(1)
    assert node_setup.is_free(port)
    assert not node_setup.is_listening(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not node_setup.is_free(port)
        assert node_setup.is_listening(port)


def test_a_formatted_folder_tells_whose_it_is(tmp_path: Path) -> None:
    assert node_setup.formatted_as(tmp_path).get("cluster.id") is None
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / node_setup.META).write_text(
        "#\nnode.id=1\ncluster.id=abc-DEF\nversion=1\n"
    )
    assert node_setup.formatted_as(tmp_path).get("cluster.id") == "abc-DEF"


def test_no_path_of_the_lab_is_in_what_kafka_parses(lab_dir: Path) -> None:
    """Kafka splits ``log.dirs`` at commas, and Log4j reads ``%`` and ``${`` as its own."""
    node = cluster_of(1)[0]
    command = node_setup.command([], 256, Path("server.properties"), Path("../../logs/b.log"))
    assert str(lab_dir) not in " ".join(command)
    assert node_setup.properties(node, [node], Path("data"))["log.dirs"] == "data"


def test_more_java_options_come_from_a_setting(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_JAVA_OPTIONS", "-Dname='two words' -XX:UseSVE=0")
    assert {"-Dname=two words", "-XX:UseSVE=0"} <= set(node_setup.java([], 1))
    monkeypatch.setenv("LABKIT_JAVA_OPTIONS", "-Dname='two")
    with pytest.raises(SettingInvalid, match=r"LABKIT_JAVA_OPTIONS .*quot"):
        node_setup.java([], 1)
    monkeypatch.delenv("LABKIT_JAVA_OPTIONS")


def test_the_log_to_read_is_one_that_exists(tmp_path: Path) -> None:
    log, supervisor = tmp_path / "broker-1.log", tmp_path / "supervisor.log"
    assert node_setup.where_to_read(log).endswith(str(tmp_path))
    supervisor.write_text("Traceback\nImportError: no module named random\n")
    log.with_suffix(".out").touch()
    assert node_setup.where_to_read(log).endswith(str(supervisor))
    assert node_setup.last_error(log) == "ImportError: no module named random"
    log.write_text("[…] INFO fine\n")
    assert node_setup.where_to_read(log).endswith(str(log))


def test_last_error_prefers_the_log_and_falls_back_to_what_java_said(tmp_path: Path) -> None:
    log = tmp_path / "broker-1.log"
    assert "no log" in node_setup.last_error(log)
    said = ["Error: could not create the Java Virtual Machine", "WARNING: an old method"]
    said += ["[0.098s][warning][aot,codecache,stubs] Saved blob's name is different"]
    log.with_suffix(".out").write_text("\n".join(said))
    assert "Virtual Machine" in node_setup.last_error(log)
    log.write_text("[…] INFO fine\n[…] ERROR the disk is full (kafka)\n[…] INFO bye\n")
    assert node_setup.last_error(log) == "[…] ERROR the disk is full (kafka)"
    log.write_text("[…] ERROR fatal\njava.lang.Exception: no such listener\n\tat kafka.Kafka\n")
    assert node_setup.last_error(log) == "[…] ERROR fatal java.lang.Exception: no such listener"


def test_a_folder_that_java_cannot_open_is_named(tmp_path: Path) -> None:
    cluster = ClusterState(cluster_id="c", nodes=[])
    with pytest.raises(BrokerUnavailable, match="bytes that are not UTF-8"):
        cluster_start.start(cluster, tmp_path / os.fsdecode(b"b\xe9"))
