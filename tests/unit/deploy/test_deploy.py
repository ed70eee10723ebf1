"""``docker-compose.yml`` as Compose itself reads it: pinned, without rights, on loopback alone."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from require import require

ROOT = Path(__file__).parents[3]
STAGES = {"produce", "consume", "api"}
PROFILES = {
    "kafka": [],
    "kafka-1": ["cluster"],
    "kafka-2": ["cluster"],
    "kafka-3": ["cluster"],
    "produce": ["lab", "edge"],
    "consume": ["lab", "edge"],
    "api": ["lab", "edge"],
    "edge": ["edge"],
    "prometheus": ["monitoring"],
    "alertmanager": ["monitoring"],
    "grafana": ["monitoring"],
}

Services = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def services() -> Services:
    """Return each service, with all variables put in."""
    require("compose", None if shutil.which("docker-compose") else "it is not installed")
    names = itertools.chain(*PROFILES.values())
    profiles = [word for name in names for word in ("--profile", name)]
    command = ["docker-compose", *profiles, "config"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Services = yaml.safe_load(done.stdout)["services"]
    return found


def test_who_wants_kafka_alone_gets_kafka_alone(services: Services) -> None:
    assert {name: one.get("profiles", []) for name, one in services.items()} == PROFILES


def test_each_image_is_pinned(services: Services) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"\S+:v?\d+\.\d+\.\d+", service["image"]), name


def test_each_service_is_without_rights_within_limits_and_comes_back(services: Services) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "edge" else [])
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert service["restart"] == "unless-stopped", name
        assert service["mem_limit"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service.get("read_only", False) == (name in STAGES | {"edge"}), name


def test_only_the_edge_is_published_beyond_loopback(services: Services) -> None:
    for name in services.keys() - {"edge"}:
        for port in services[name].get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    (port,) = services["edge"]["ports"]
    assert (port["published"], port["target"]) == (443, 443)
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert "--web.listen-address=127.0.0.1:9093" in services["alertmanager"]["command"]
    assert "--cluster.listen-address=" in services["alertmanager"]["command"]  # none
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_the_page_and_kafka_share_no_network(services: Services) -> None:
    assert set(services["api"]["networks"]) == set(services["edge"]["networks"]) == {"web"}
    for name in ("kafka", "produce", "consume"):
        assert "networks" not in services[name]  # the default one


def test_three_brokers_are_one_cluster(services: Services) -> None:
    brokers = [services[f"kafka-{number}"] for number in (1, 2, 3)]
    settings = [one["environment"] for one in brokers]
    assert [one["KAFKA_NODE_ID"] for one in settings] == [1, 2, 3]
    (voters,) = {one["KAFKA_CONTROLLER_QUORUM_VOTERS"] for one in settings}
    assert voters == ",".join(f"{n}@{one['hostname']}:9094" for n, one in enumerate(brokers, 1))
    for one, broker in zip(settings, brokers, strict=True):
        assert f"BROKER://{broker['hostname']}:9093" in one["KAFKA_ADVERTISED_LISTENERS"]
        published = broker["ports"][0].removesuffix(":9092/tcp")
        assert f"HOST://{published}" in one["KAFKA_ADVERTISED_LISTENERS"]
        factors = {value for name, value in one.items() if name.endswith("REPLICATION_FACTOR")}
        assert factors == {3}
    assert len({one["volumes"][0] for one in brokers}) == 3


def test_what_is_mounted_is_there(services: Services) -> None:
    volumes = [path for one in services.values() for path in one.get("volumes", [])]
    mounted = [path.split(":")[0] for path in volumes if path.startswith("/")]
    assert len(mounted) == 5
    for path in mounted:
        assert any(Path(path).iterdir()), path
    board = ROOT / "deploy" / "grafana" / "dashboards" / "journey.json"
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"/etc/labkit/dashboards/{board.name}"
    for panel in json.loads(board.read_text(encoding="utf-8"))["panels"]:
        assert panel["description"], panel["title"]


def test_the_password_file_of_the_edge_is_in_no_commit_and_in_no_image() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/deploy/edge/users" in ignored
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert sent[1] == "*"
    assert not any(line.startswith("!deploy/edge") for line in sent)
