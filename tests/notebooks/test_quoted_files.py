"""What lessons quote of the project's files is in those files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from lessons import read

PROJECT = Path(__file__).parents[2]


def quoted(lesson: str) -> Any:
    """Return the YAML that a lesson quotes."""
    text = "\n".join(cell.source for cell in read(lesson).cells)
    (code,) = re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)
    return yaml.safe_load(code)


def test_09b_quotes_a_rule_of_prometheus() -> None:
    (rule,) = quoted("09b_alerts")
    path = PROJECT / "deploy" / "prometheus" / "rules.yml"
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"][0]["rules"]
    (known,) = [one for one in rules if one["alert"] == rule["alert"]]
    assert rule == {name: known[name] for name in rule}


def test_09b_quotes_a_runbook() -> None:
    text = "\n".join(cell.source for cell in read("09b_alerts").cells)
    (quote,) = re.findall(r"^> (.+)$", text, re.MULTILINE)
    sections = (PROJECT / "docs" / "monitoring.md").read_text(encoding="utf-8").split("### ")
    (section,) = [one for one in sections if one.startswith("LabkitConsumerSilent\n")]
    assert quote in " ".join(section.split())


def test_09c_quotes_the_services_of_compose() -> None:
    text = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
    services = {
        name: {key: service[key] for key in ("image", "profiles") if key in service}
        for name, service in yaml.safe_load(text)["services"].items()
    }
    shown = quoted("09c_deploy")["services"]
    assert shown == {name: services[name] for name in shown}
