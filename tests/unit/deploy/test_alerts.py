"""Each alert says what to type and what to do, and the page that it names says so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from require import require

from labkit.api.prometheus_metrics import MEANING as OF_THE_API
from labkit.diagnostics.watch.watch_metrics import MEANING as OF_THE_WATCH

ROOT = Path(__file__).parents[3]
PROMETHEUS, ALERTMANAGER = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "alertmanager"
RULES = yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RUNBOOK = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_each_alert_has_a_section_that_says_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    name = str(rule["alert"])
    assert f"\n### {name}\n" in RUNBOOK
    assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}"
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("page", "ticket", "none")
    if name != "LabkitWatchdog":
        assert re.match(r"labkit |du ", rule["annotations"]["next"])


def test_the_page_has_no_section_of_an_alert_that_is_gone() -> None:
    assert re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_rules_and_dashboards_ask_only_for_what_is_served() -> None:
    served = {f"labkit_watch_{name}" for name in OF_THE_WATCH} | set(OF_THE_API)
    queries = [rule["expr"] for rule in RULES]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            assert panel["description"], panel["title"]
            queries += [target["expr"] for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"\blabkit_\w+", query)}
    assert len(asked) >= 25

    def is_served(name: str) -> bool:
        # A counter ends in _total, a stage's metric in its unit, a histogram's in its part.
        return any(name == one or name.startswith(f"{one}_") for one in served)

    assert [name for name in sorted(asked) if not is_served(name)] == []


@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "config", str(PROMETHEUS / "prometheus.yml")],
        ["promtool", "check", "rules", str(PROMETHEUS / "rules.yml")],
        ["amtool", "check-config", str(ALERTMANAGER / "alertmanager.yml")],
    ],
    ids=["prometheus", "rules", "alertmanager"],
)
def test_their_own_tools_find_nothing_to_mend(command: list[str]) -> None:
    require("prometheus", None if shutil.which(command[0]) else f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
