"""While everything runs: nothing listens off loopback, and no secret shows anywhere.

The secrets are canaries: texts that stand nowhere by chance, looked for in every file, every output
and every command line of what ran.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from running_lab import RunningLab, in_kernel
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker import node_setup
from labkit.broker.cluster_state import NodeState
from labkit.broker.install.kafka_jars import kafka_jars
from labkit.broker.kafka_clients import admin
from labkit.broker.security_properties import write_private
from labkit.core.errors import BrokerUnavailable

PASSWORD = "canary-tr0ub4dor"
TOKEN = "canary-0123456789abcdef0123456789abcdef"
START_ALL = """
import labkit as lab, time
broker = lab.start_broker()
topic = lab.ensure_topic()
consumer = lab.start_consumer()
producer = lab.start_producer(readings_per_s=50)
api = lab.start_api(port=0)
while producer.counts.acked < 50 or not list((lab.load_config().data_path()).glob("*/0.csv")):
    assert producer.is_running and consumer.is_running, (producer, consumer)
    time.sleep(0.1)
from labkit.faults.network_proxy import start_proxy
print(api.url, start_proxy())
print(repr(lab.load_config()), repr([broker, topic, consumer, producer, api]))
"""


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_SASL_PLAIN_PASSWORD", PASSWORD)
    monkeypatch.setenv("JUPYTER_TOKEN", TOKEN)


def family_of(running: RunningLab) -> list[psutil.Process]:
    """Return JupyterLab, all that came from it, and the cluster, which is nobody's child."""
    keeper = json.loads((running.folder / ".labkit/cluster/keeper.json").read_text())
    pids = [keeper["keeper"]["pid"], *(one["pid"] for one in keeper["nodes"].values())]
    found = {pid: psutil.Process(pid) for pid in pids}
    root = psutil.Process(running.process.pid)
    found |= {one.pid: one for one in (root, *root.children(recursive=True))}
    alive = []
    for one in found.values():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends while it is being looked at
            if one.is_running() and one.cmdline():
                alive.append(one)
    return alive


def listening_places(family: list[psutil.Process]) -> Iterator[tuple[int, str, int]]:
    """Yield the process, address and port of every socket that anybody may send to."""
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a helper of a shell that has ended
            for place in one.net_connections(kind="inet"):
                is_datagram = place.type.name == "SOCK_DGRAM" and place.laddr
                if place.status == psutil.CONN_LISTEN or is_datagram:
                    yield one.pid, place.laddr.ip, place.laddr.port


def is_loopback(ip: str) -> bool:
    address = ipaddress.ip_address(ip)
    mapped = getattr(address, "ipv4_mapped", None)  # Java speaks of ::ffff:127.0.0.1
    return (mapped or address).is_loopback


def run(running: RunningLab, *arguments: str) -> str:
    """Run a command of the lab; return all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "labkit", *arguments],
        cwd=running.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stdout + done.stderr


def is_for_its_owner_alone(path: Path, top: Path) -> bool:
    """Tell whether nobody else may read a file: by its own mode, or by that of a folder above."""
    above = [path, *(folder for folder in path.parents if top in folder.parents)]
    return any(one.stat().st_mode & 0o077 == 0 for one in above)


def test_nothing_listens_off_loopback_and_no_secret_shows(
    canaries: None, running: RunningLab
) -> None:
    assert running.token == TOKEN
    kernel_id = json.loads(running.ask("/api/kernels", "POST", {"name": "python3"})[1])["id"]
    said = in_kernel(running, kernel_id, START_ALL)
    running.ask("/api/terminals", "POST", {})
    family = family_of(running)
    names = " ".join(word for one in family for word in one.cmdline())
    for part in (
        "labkit lab",
        "ipykernel_launcher",
        "labkit.broker.broker_process",
        "kafka.Kafka",
        "consume",
    ):
        assert part in names, part  # they all run

    listening = set(listening_places(family))
    # JupyterLab; a kernel's five (it may have more); broker and controller; API; proxy.
    assert len(listening) >= 1 + 5 + 2 + 1 + 1
    assert {pid for pid, _, _ in listening} >= {running.process.pid}
    assert [place for place in listening if not is_loopback(place[1])] == []

    assert PASSWORD not in names
    assert TOKEN not in names
    commands = [
        *(("status", "--json"), ("status",), ("doctor", "--json"), ("doctor",), ("ledger",)),
        *(("--debug", "topics", "describe", "none"), ("topics", "list")),
    ]
    outputs = {" ".join(command): run(running, *command) for command in commands}
    outputs["the notebook"] = said
    assert "jupyterlab" in outputs["status --json"]
    for command, output in outputs.items():
        assert PASSWORD not in output, command
        assert TOKEN not in output, command

    assert running.interrupt() == 0
    assert running.process.stdout is not None
    assert PASSWORD not in running.process.stdout.read()
    for top in (running.folder, running.home):
        for path in top.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert PASSWORD.encode() not in content, path
                assert TOKEN.encode() not in content or is_for_its_owner_alone(path, top), path


@pytest.fixture
def secured(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Run a broker that wants a name and a password, and point the lab at it."""
    one, secure_port = NodeState(node_id=1, port=0, controller_port=0), 0
    one.port, one.controller_port, secure_port = node_setup.free_ports(3)
    folder = lab_dir / "secured"
    jars = kafka_jars()
    node_setup.format_data(one, folder, jars, node_setup.new_cluster_id())
    properties = node_setup.properties(one, [one], folder / "data")
    path = write_private(folder / "server.properties", properties)
    settings = path.read_text().replace(
        "listeners=PLAINTEXT", f"listeners=SECURE://127.0.0.1:{secure_port},PLAINTEXT"
    )
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_PLAINTEXT"
    path.write_text(
        f"{settings}listener.security.protocol.map={protocols}\n"
        "listener.name.secure.sasl.enabled.mechanisms=PLAIN\n"
        f'listener.name.secure.plain.sasl.jaas.config={module} required user_ada="{PASSWORD}";\n'
    )
    log = lab_dir.with_name(f"{lab_dir.name}-broker.log")
    command = node_setup.command(jars, 256, path, log)
    for name, value in {
        "BOOTSTRAP_SERVERS": f"127.0.0.1:{secure_port}",
        "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SASL_MECHANISM": "PLAIN",
        "SASL_PLAIN_USERNAME": "ada",
        "SASL_PLAIN_PASSWORD": PASSWORD,
    }.items():
        monkeypatch.setenv(f"LABKIT_{name}", value)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as broker:

        def answers() -> bool:
            assert broker.poll() is None, node_setup.last_error(log)
            return node_setup.is_listening(secure_port)

        wait_until(answers, lambda: node_setup.last_error(log), every_s=0.1)
        path.unlink()  # this file of ours has the password
        yield monkeypatch
        lab.stop_all()
        broker.terminate()


class CommandLines(threading.Thread):
    """Reads the command lines of this process's children, over and over, as ``ps`` would."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.02):
            for child in psutil.Process().children(recursive=True):
                try:
                    self.seen.add(" ".join(child.cmdline()))
                except (psutil.NoSuchProcess, psutil.ZombieProcess):
                    continue


EVERYTHING = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger("kafka").setLevel(logging.DEBUG)  # else the lab keeps it quiet
import labkit as lab
from labkit.core.config import load_config
import traceback
lab.ensure_topic("readings")
producer = lab.start_producer("readings", readings_per_s=0, count=50)
producer.wait(60)
consumer = lab.start_consumer("readings")
api = lab.start_api(port=0, topic="readings")
import urllib.request, json, time
while json.load(urllib.request.urlopen(api.url + "/api/health"))["rows"] < 50:
    assert consumer.is_running, consumer.state
    time.sleep(0.1)
print([repr(one) for one in (load_config(), producer, consumer, api)], lab.list_topics())
lab.stop_all()
try:
    lab.start_producer("no such name")
    lab.stop_all()
except Exception:
    traceback.print_exc()
print("the end")
"""


def test_a_password_that_is_used_shows_nowhere(secured: pytest.MonkeyPatch, lab_dir: Path) -> None:
    """At log level DEBUG, in tracebacks, on command lines, in what Kafka's Java tools write."""
    watcher = CommandLines()
    watcher.start()
    told = []
    for command in (
        [sys.executable, "-c", EVERYTHING],
        [sys.executable, "-m", "labkit", "kafka", "kafka-topics", "--list"],
        [sys.executable, "-m", "labkit", "kafka", "kafka-consumer-groups", "--list"],
        [sys.executable, "-m", "labkit", "status", "--json"],
        [sys.executable, "-m", "labkit", "doctor", "--json"],
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        told.append(done.stdout + done.stderr)
    watcher.done.set()
    watcher.join()
    assert "the end" in told[0]
    assert "DEBUG:kafka" in told[0]
    assert "readings" in told[1]
    assert "csv-writer" in told[2]
    assert any("kafka.tools.TopicCommand" in line for line in watcher.seen)
    for text in (*told, *watcher.seen):
        assert PASSWORD not in text, text[max(0, text.find(PASSWORD) - 300) :][:600]
    secured.setenv("LABKIT_SASL_PLAIN_PASSWORD", "canary-wrong")
    with pytest.raises(BrokerUnavailable, match="refuses the login") as refused:
        admin()
    assert "canary-wrong" not in "".join(traceback.format_exception(refused.value))
    for path in lab_dir.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
