"""The whole pipeline as Prometheus sees it; a real one asks the real API, where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from require import require
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.broker.broker import Broker
from labkit.broker.node_setup import free_ports

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "journey.json"
COUNT = 300


def text_of(api: Api) -> str:
    with urllib.request.urlopen(f"{api.url}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def totals(api: Api) -> dict[str, float]:
    """Return each metric's sum over all of its series."""
    return {
        one.name: sum(sample.value for sample in one.samples)
        for one in text_string_to_metric_families(text_of(api))
    }


@pytest.fixture(scope="module")
def api(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Run the pipeline: some readings, some of them bad, all of them through."""
    folder, topic = tmp_path_factory.mktemp("watched"), "watched-by-prometheus"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        patch.setenv("LABKIT_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        lab.ensure_topic(topic, num_partitions=3)
        api = lab.start_api("data", port=0, topic=topic)
        lab.start_consumer(topic, data_dir="data")
        producer = lab.start_producer(topic, 200, seed=7, count=COUNT, faults=0.05)
        assert producer.wait(PATIENCE_S)
        wait_until(lambda: totals(api)["labkit_topic_records"] == COUNT, "all are in the topic")
        wait_until(lambda: totals(api)["labkit_consumer_lag_records"] == 0, "all are stored")
        yield api
        lab.stop_all()


def test_every_stage_counts_the_same_tonnes(api: Api) -> None:
    # The ledger's tallies are written once a second.
    wait_until(
        lambda: f'state="agrees",topic="{api.topic}"}} 1.0' in text_of(api), "the ledger agrees"
    )
    found = totals(api)
    stages = ("producer_emitted", "producer_acked", "csv", "api_served")
    grams = {found[f"labkit_{stage}_co2_grams"] for stage in stages}
    readings = {found[f"labkit_{stage}_readings"] for stage in stages}
    assert len(grams) == len(readings) == 1
    dead = found["labkit_consumer_dead_letters"]
    assert dead > 0
    assert readings.pop() + dead == COUNT == found["labkit_consumer_position_records"]
    assert found["labkit_csv_rows"] + dead == COUNT


def expressions() -> dict[str, str]:
    """Return every PromQL expression of the dashboard and the rules, by where it stands."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    found = {
        f"{panel['title']}, {target['refId']}": target["expr"]
        for panel in panels
        for target in panel["targets"]
    }
    rules = re.findall(r"alert: (\w+)\n\s+expr: (.+)", RULES.read_text(encoding="utf-8"))
    return found | dict(rules)


def test_rules_and_dashboard_ask_only_for_what_there_is(api: Api) -> None:
    text = text_of(api)
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[:1] != "#"}
    asked = {name for one in expressions().values() for name in re.findall(r"\blabkit_\w+", one)}
    assert len(asked) >= 12
    assert asked - names == set()


@pytest.fixture
def prometheus(api: Api, tmp_path: Path) -> Iterator[str]:
    """Run a real Prometheus on the lab's own settings, but for the API's port."""
    require("prometheus", None if shutil.which("prometheus") else "it is not installed")
    folder = shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    config = folder / "prometheus.yml"
    text = config.read_text(encoding="utf-8")
    assert "127.0.0.1:8050" in text
    config.write_text(text.replace("127.0.0.1:8050", f"127.0.0.1:{api.port}").replace("5s", "1s"))
    (port,) = free_ports(1)
    command = [
        *("prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        process.terminate()
        process.wait(30)


def ask(url: str, **query: str) -> Any:
    try:
        with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
            return json.load(answer)["data"]
    except ConnectionError:
        return {}
    except urllib.error.HTTPError as error:
        if error.code == 503:  # it is starting
            return {}
        raise AssertionError(f"{query}: {error.read().decode()}") from error
    except urllib.error.URLError:
        return {}


def test_a_real_prometheus_reads_it_and_answers_every_question(prometheus: str, api: Api) -> None:
    def is_up() -> bool:
        result = ask(f"{prometheus}/query", query='up{job="labkit"}').get("result", [])
        return bool(result) and result[0]["value"][1] == "1"

    wait_until(is_up, "Prometheus reads /metrics")
    graphs = {name: one for name, one in expressions().items() if ", " in name}
    for name, expression in graphs.items():
        wait_until(
            lambda expression=expression: bool(  # type: ignore[misc]
                ask(f"{prometheus}/query", query=expression)["result"]
            ),
            f"{name} shows a line",
        )
    rules = ask(f"{prometheus}/rules")["groups"][0]["rules"]
    wait_until(
        lambda: all(
            one["health"] == "ok" for one in ask(f"{prometheus}/rules")["groups"][0]["rules"]
        ),
        "every rule is evaluated",
    )
    assert {one["name"] for one in rules} == set(expressions()) - set(graphs)


def test_promtool_finds_nothing_to_mend(api: Api) -> None:
    require("prometheus", None if shutil.which("promtool") else "promtool is not installed")
    for arguments, text in ((["metrics"], text_of(api)), (["rules", str(RULES)], "")):
        command = ["promtool", "check", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
