"""``docker-compose.yml`` as Compose itself reads it: pinned, without rights, on loopback alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from require import require

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def services() -> dict[str, str]:
    """Return each service's part of the file, with all variables put in."""
    require("compose", None if shutil.which("docker-compose") else "it is not installed")
    command = ["docker-compose", "--profile", "monitoring", "config"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = done.stdout.split("services:\n")[1].split("\nversion:")[0].split("\nvolumes:")[0]
    parts = re.split(r"^  (\w+):\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_each_image_is_pinned_and_without_rights(services: dict[str, str]) -> None:
    assert set(services) == {"kafka", "prometheus", "grafana"}
    for name, text in services.items():
        assert re.search(r"image: \S+:v?\d+\.\d+\.\d+$", text, re.MULTILINE), name
        assert re.search(r"cap_drop:\n\s+- ALL$", text, re.MULTILINE), name
        assert "no-new-privileges:true" in text, name
        assert "privileged: true" not in text


def test_all_of_it_listens_on_loopback(services: dict[str, str]) -> None:
    assert re.findall(r"- (\S+):\d+:\d+/tcp", services["kafka"]) == ["127.0.0.1"]
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]
    assert "GF_SERVER_HTTP_ADDR: 127.0.0.1" in services["grafana"]


def test_who_wants_kafka_alone_gets_kafka_alone(services: dict[str, str]) -> None:
    assert {name for name, text in services.items() if "- monitoring" in text} == {
        "prometheus",
        "grafana",
    }


def test_what_is_mounted_is_there(services: dict[str, str]) -> None:
    mounted = re.findall(rf"- {re.escape(str(ROOT))}/(\S+?):/", "".join(services.values()))
    assert len(mounted) == 3
    for path in mounted:
        assert any((ROOT / path).iterdir()), path
    board = ROOT / "deploy" / "grafana" / "dashboards" / "journey.json"
    assert f"/etc/labkit/dashboards/{board.name}" in services["grafana"]
    for panel in json.loads(board.read_text(encoding="utf-8"))["panels"]:
        assert panel["description"], panel["title"]
