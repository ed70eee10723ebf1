"""The whole pipeline as Prometheus sees it: every stage counts the same tonnes."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from require import require
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.broker.broker import Broker

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "dashboards" / "journey.json"
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


def test_the_journeys_dashboard_asks_only_for_what_there_is(api: Api) -> None:
    text = text_of(api)
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[:1] != "#"}
    asked = set(re.findall(r"\blabkit_\w+", DASHBOARD.read_text(encoding="utf-8")))
    assert len(asked) >= 12
    assert asked - names == set()


def test_promtool_finds_nothing_to_mend(api: Api) -> None:
    require("prometheus", None if shutil.which("promtool") else "promtool is not installed")
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=text_of(api), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
