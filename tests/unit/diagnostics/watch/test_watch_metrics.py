"""The metrics of a watch: Prometheus' parser reads them, and old figures are not among them."""

from __future__ import annotations

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from require import require
from watch_reports import TOPIC, cluster, group, partition, report

from labkit.core.errors import LabError
from labkit.diagnostics.watch.watch_metrics import MEANING, STALE_S, MetricsServer, ReportCollector
from labkit.diagnostics.watch.watch_report import KINDS, WatchReport


def families(found: WatchReport | None) -> dict[str, Metric]:
    registry = CollectorRegistry()
    registry.register(ReportCollector(lambda: found))
    text = generate_latest(registry).decode()
    return {
        one.name.removeprefix("labkit_watch_"): one for one in text_string_to_metric_families(text)
    }


def value(found: dict[str, Metric], name: str) -> float:
    (sample,) = found[name].samples
    return float(sample.value)


def test_every_metric_is_there_named_and_explained() -> None:
    found = families(report())
    assert {name.removesuffix("_total") for name in MEANING} == set(found)
    for name, metric in found.items():
        assert len(metric.documentation) >= 20, name
        for sample in metric.samples:
            assert sample.name.endswith("_total") == (metric.type == "counter"), sample.name


def test_it_says_what_the_report_says() -> None:
    parts = (partition(0, leader=None, in_sync=(1,)), partition(1), partition(2, in_sync=(1,)))
    groups = (group(400, 50.0), group(9, 1.5, group_id="other", state="Empty"))
    found = families(report(cluster=cluster(*parts, missing=(2,), brokers=(1, 3)), groups=groups))
    said = {
        "kafka_up": 1,
        "brokers": 2,
        "missing_brokers": 1,
        "partitions": 3,
        "under_replicated_partitions": 2,
        "offline_partitions": 1,
        "end_offsets": 300,
        "dead_letters": 7,
        "disk_free_bytes": 40,
        "disk_size_bytes": 100,
        "data_bytes": 5,
    }
    assert {name: value(found, name) for name in said} == said
    lags = {one.labels["group"]: one.value for one in found["lag_records"].samples}
    assert lags == {"csv-writer": 400, "other": 9}
    ages = {one.labels["group"]: one.value for one in found["lag_seconds"].samples}
    assert ages == {"csv-writer": 50.0, "other": 1.5}
    active = {one.labels["group"]: one.value for one in found["group_active"].samples}
    assert active == {"csv-writer": 1, "other": 0}
    wrong = {one.labels["kind"] for one in found["problem"].samples if one.value}
    assert wrong == {"offline", "under-replicated", "behind", "silent"}
    assert {one.labels["kind"] for one in found["problem"].samples} == set(KINDS)


def test_promtool_finds_nothing_to_mend() -> None:
    require("prometheus", None if shutil.which("promtool") else "promtool is not installed")
    registry = CollectorRegistry()
    registry.register(ReportCollector(report))
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=generate_latest(registry),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_unknown_figure_has_no_series() -> None:
    found = families(
        report(
            cluster=cluster(partition(end_offset=None), partition(1)),
            groups=(group(None, None),),
            dead_letters=None,
        )
    )
    for name in ("end_offsets", "lag_records", "lag_seconds", "dead_letters"):
        assert found[name].samples == [], name
    assert value(found, "committed_records") == 1_234


def test_without_a_broker_there_are_no_figures_of_kafka() -> None:
    found = families(report(cluster=None, groups=()))
    assert value(found, "kafka_up") == 0
    assert not {"brokers", "partitions", "offline_partitions", "end_offsets"} & set(found)


def test_an_old_report_gives_its_age_and_nothing_else() -> None:
    old = report()
    old = report(read_at=old.read_at - STALE_S - 1)
    assert set(families(old)) == {"read_timestamp_seconds", "read_duration_seconds"}
    assert families(None) == {}


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    server = MetricsServer(report, 0)
    yield server
    server.close()


def test_it_is_served_on_this_machine_alone(server: MetricsServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(server.url) as answer:
        text = answer.read().decode()
    assert f'labkit_watch_lag_records{{group="csv-writer",topic="{TOPIC}"}} 0.0' in text


def test_a_page_on_the_web_cannot_read_it_under_a_name_of_its_own(server: MetricsServer) -> None:
    asked = urllib.request.Request(server.url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked)
    with refused.value as answer:
        assert answer.code == 400
        assert b"labkit_watch" not in answer.read()


def test_a_port_that_is_taken_is_said_in_a_sentence(server: MetricsServer) -> None:
    taken = int(server.url.split(":")[2].split("/")[0])
    with pytest.raises(LabError, match=f"the port {taken} cannot be used") as refused:
        MetricsServer(report, taken)
    assert refused.value.next_line.startswith("labkit watch --port 0")
