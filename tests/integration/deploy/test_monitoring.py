"""Monitoring as it is deployed: Prometheus, Alertmanager and ``labkit watch``, with real outages.

Each panel of each dashboard has data, and each alert is raised by a fault and delivered to a web
hook. The rules are the shipped ones; only a copy waits less long (`for`).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from faulty import kill
from kafka import TopicPartition
from own_cluster import own_cluster
from require import require
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.broker.broker import Broker
from labkit.broker.node_setup import free_ports
from labkit.consumer.consumer import Consumer
from labkit.producer.producer import Producer
from labkit.topics.topic_metadata import cluster

DEPLOY = Path(__file__).parents[3] / "deploy"
TOPIC = "co2-emissions"
DISK_BYTES = 8 * 1024**2
RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
ALERTS = {rule["alert"] for rule in RULES["groups"][0]["rules"]}
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))


class Receiver:
    """A web hook: it remembers every alert that Alertmanager posts, and on which path."""

    def __init__(self) -> None:
        self.firing: dict[str, dict[str, Any]] = {}
        self.paths: dict[str, str] = {}
        self.resolved: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    receiver.take(alert, self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def take(self, alert: dict[str, Any], path: str) -> None:
        name = alert["labels"]["alertname"]
        self.paths[name] = path
        if alert["status"] == "firing":
            self.firing[name] = alert
        else:
            self.resolved.add(name)

    def wait_for(self, *names: str) -> None:
        wait_until(
            lambda: set(names) <= set(self.firing),
            lambda: f"{', '.join(names)} delivered; so far: {sorted(self.firing)}",
            every_s=0.2,
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class Stack:
    """The lab with three brokers, and what watches it."""

    broker: Broker
    data: Path
    receiver: Receiver
    prometheus: str
    api: Api
    consumer: Consumer
    producer: Producer
    watch: subprocess.Popen[bytes] | None = None

    def ask(self, path: str, **query: str) -> Any:
        """Ask Prometheus' API; None while it starts."""
        url = f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 503:  # it is starting
                    raise AssertionError(f"{query}: {error.read().decode()}") from error
        except (urllib.error.URLError, ConnectionError):
            pass
        return None

    def has_data(self, expression: str) -> bool:
        found = self.ask("query", query=expression)
        return bool(found and found["result"])


def missing_programs() -> str | None:
    programs = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
    missing = [one for one in programs if not shutil.which(one)]
    return f"not installed: {', '.join(missing)}" if missing else None


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of 8 MiB for the CSV, so that a test can fill it."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    require("tmpfs", mounted.stderr.strip() or None)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def settings(folder: Path, ports: dict[str, int]) -> tuple[Path, Path]:
    """Copy the shipped settings, with other ports, and shorter waits."""
    for name in ("prometheus", "alertmanager"):
        shutil.copytree(DEPLOY / name, folder / name)
    prometheus, alertmanager = folder / "prometheus", folder / "alertmanager" / "alertmanager.yml"
    replaced = {"127.0.0.1:8050": "api", "127.0.0.1:8051": "watch", "127.0.0.1:9093": "alerts"}
    text = (prometheus / "prometheus.yml").read_text(encoding="utf-8")
    for address, name in replaced.items():
        assert address in text
        text = text.replace(address, f"127.0.0.1:{ports[name]}")
    (prometheus / "prometheus.yml").write_text(text.replace("_interval: 5s", "_interval: 1s"))
    rules = (prometheus / "rules.yml").read_text(encoding="utf-8")
    (prometheus / "rules.yml").write_text(re.sub(r"\bfor: \w+", "for: 1s", rules))
    text = alertmanager.read_text(encoding="utf-8")
    assert text.count("127.0.0.1:9099") == 2
    text = text.replace("127.0.0.1:9099", f"127.0.0.1:{ports['receiver']}")
    alertmanager.write_text(re.sub(r"group_(wait|interval): \w+", r"group_\1: 1s", text))
    return prometheus / "prometheus.yml", alertmanager


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run everything, with readings flowing and some of them malformed."""
    require("prometheus", missing_programs())
    folder = tmp_path_factory.mktemp("monitored")
    with ExitStack() as at_end:
        data = at_end.enter_context(small_disk(folder / "data"))
        receiver = Receiver()
        at_end.callback(receiver.close)
        broker = at_end.enter_context(own_cluster(folder, brokers=3))
        names = ("api", "watch", "alerts", "prometheus")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        ports["receiver"] = receiver.port
        lab.ensure_topic(TOPIC, num_partitions=3)
        lab.ensure_topic("single-copies", num_partitions=6, replication_factor=1)
        stack = Stack(
            broker,
            data,
            receiver,
            f"http://127.0.0.1:{ports['prometheus']}",
            lab.start_api(port=ports["api"]),
            lab.start_consumer(),
            lab.start_producer(readings_per_s=20, seed=7, faults=0.05),
        )
        config, alerting = settings(folder, ports)
        words = [sys.executable, "-m", "labkit", "watch", "--port", str(ports["watch"])]
        stack.watch = at_end.enter_context(running(words, folder / "watch.log"))
        words = [
            "prometheus-alertmanager",
            f"--config.file={alerting}",
            f"--storage.path={folder / 'alerts'}",
            f"--web.listen-address=127.0.0.1:{ports['alerts']}",
            "--cluster.listen-address=",
        ]
        at_end.enter_context(running(words, folder / "alertmanager.log"))
        words = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            # It knows no Alertmanager in its first seconds, and sends again only after a minute.
            "--rules.alert.resend-delay=5s",
        ]
        at_end.enter_context(running(words, folder / "prometheus.log"))
        yield stack


def panels() -> list[tuple[str, str]]:
    """Return every query of every dashboard, its variables at "All", by where it is."""
    found = []
    for path in DASHBOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        names = [one["name"] for one in board.get("templating", {}).get("list", [])]
        for panel in board["panels"]:
            for target in panel["targets"]:
                query = target["expr"]
                for name in names:
                    query = query.replace(f"${name}", ".*")
                found.append((f"{path.stem}: {panel['title']}, {target['refId']}", query))
    return found


def variables() -> list[str]:
    """Return what each variable of each dashboard lists: a metric and its label."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]
    return [
        one["definition"] for board in boards for one in board.get("templating", {}).get("list", [])
    ]


def test_every_panel_of_every_dashboard_has_data(stack: Stack) -> None:
    queries = panels()
    assert len(queries) >= 30
    for name, query in queries:
        assert "$" not in query, f"{name}: {query} has an unknown variable"
        assert " or " not in query, f"{name}: a default would hide that there is no data"
        wait_until(lambda query=query: stack.has_data(query), f"{name} has data: {query}")  # type: ignore[misc]
    for definition in variables():
        found = re.fullmatch(r"label_values\((\w+), (\w+)\)", definition)
        assert found, definition
        answer = stack.ask(f"label/{found[2]}/values", **{"match[]": found[1]})
        assert answer, f"{definition} lists nothing"


def test_every_rule_is_evaluated(stack: Stack) -> None:
    def health() -> dict[str, str]:
        groups = (stack.ask("rules") or {"groups": []})["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    wait_until(lambda: set(health().values()) == {"ok"}, health)
    assert set(health()) == ALERTS


def test_the_watchdog_goes_to_the_dead_mans_switch_and_dead_letters_to_the_team(
    stack: Stack,
) -> None:
    stack.receiver.wait_for("LabkitWatchdog", "LabkitDeadLetters")
    assert stack.receiver.paths["LabkitWatchdog"] == "/dead-mans-switch"
    assert stack.receiver.paths["LabkitDeadLetters"] == "/alerts"


def test_a_full_disk_and_a_group_that_falls_behind(stack: Stack) -> None:
    filler = stack.data / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(64 * 1024)):
                pass
        except OSError:  # it is full
            pass
    stack.receiver.wait_for("LabkitDiskLow", "LabkitConsumerBehind")
    filler.unlink()
    wait_until(
        lambda: "LabkitConsumerBehind" in stack.receiver.resolved,
        "the end of the alert is delivered, too",
    )


def test_a_dead_broker(stack: Stack) -> None:
    with lab.inject("broker-kill", for_s=300, seed=7):
        stack.receiver.wait_for("LabkitUnderReplicated", "LabkitPartitionsOffline")
    wait_until(
        lambda: "LabkitPartitionsOffline" in stack.receiver.resolved,
        "the end of the alert is delivered, too",
    )


def test_a_killed_consumer_and_records_that_expire_unread(stack: Stack) -> None:
    """The ledger names what is missing, once nothing flows."""
    kill(stack.consumer)
    stack.receiver.wait_for("LabkitConsumerSilent", "LabkitGroupWithoutMembers")
    ends = lab.describe_topic(TOPIC).end_offsets
    with cluster() as client:
        client.delete_records({TopicPartition(TOPIC, one): end for one, end in ends.items()})
    lab.start_consumer()
    stack.receiver.wait_for("LabkitRecordsExpired")
    stack.producer.stop()
    stack.receiver.wait_for("LabkitTonnesDisagree")
    assert stack.receiver.firing["LabkitTonnesDisagree"]["labels"]["state"] == "unreported"


def test_no_broker_no_api_and_no_watch(stack: Stack) -> None:
    for node in stack.broker.nodes:
        stack.broker.kill(node.node_id)
    stack.receiver.wait_for("LabkitKafkaDown")
    stack.api.stop()
    stack.receiver.wait_for("LabkitApiDown")
    assert stack.watch is not None
    stack.watch.kill()
    stack.receiver.wait_for("LabkitWatchDown")


def test_each_alert_was_raised_and_delivered_with_what_to_do(stack: Stack) -> None:
    assert set(stack.receiver.firing) == ALERTS
    for name, alert in stack.receiver.firing.items():
        notes = alert["annotations"]
        assert notes["summary"], name
        assert notes["runbook"].startswith("docs/monitoring.md#"), name
        assert "<no value>" not in str(notes), name
