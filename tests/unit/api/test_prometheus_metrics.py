"""``/metrics``: Prometheus' own parsers read it, its rules for names hold, its figures are true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from csv_feed import TOPIC, CsvFeed
from flask.testing import FlaskClient
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from labkit.api.app import create_app
from labkit.sink.partition_status import PartitionStatus

OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """Ask an API with three rounds of readings, and one partition whose consumer has said it."""
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path / ".labkit"))
    feed = CsvFeed(tmp_path)
    feed.write(rounds=3)
    status = PartitionStatus(
        partition=1, topic=TOPIC, group_id="csv-writer", member_id="m", pid=1, state="paused"
    )
    numbers = {"position": 24, "end_offset": 31, "lag": 7, "lag_s": 2.5, "rows": 22}
    told = status.model_copy(update={**numbers, "dead_letters": 2, "gap_records": 1})
    told.write(tmp_path)
    client = create_app(tmp_path, TOPIC).test_client()
    client.get("/api/summary")  # waits until the CSV has been read
    yield client
    feed.close()


def families(client: FlaskClient) -> dict[str, Metric]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {one.name: one for one in text_string_to_metric_families(answer.text)}


def values(metric: Metric, label: str = "topic") -> dict[str, float]:
    """Return the samples of a metric by one of its labels."""
    return {one.labels[label]: one.value for one in metric.samples}


def test_each_metric_is_named_and_explained_as_prometheus_asks(client: FlaskClient) -> None:
    found = families(client)
    for name, metric in found.items():
        assert name.startswith("labkit_"), name
        assert len(metric.documentation) >= 20, f"{name} is not explained"
        assert "kilo" not in name, f"{name}: base units have no prefix"
        for sample in metric.samples:
            is_total = sample.name.endswith("_total")
            assert is_total == (metric.type == "counter"), sample.name
    assert {"labkit_consumer_lag_seconds", "labkit_csv_co2_grams"} <= set(found)


def test_a_stricter_format_is_given_to_who_asks_for_it(client: FlaskClient) -> None:
    answer = client.get("/metrics", headers={"Accept": OPEN_METRICS})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert {one.name for one in open_metrics(answer.text)} >= set(families(client))


def test_it_says_what_the_consumers_said(client: FlaskClient) -> None:
    found = families(client)
    said = {
        "labkit_topic_records": 31,
        "labkit_consumer_position_records": 24,
        "labkit_consumer_lag_records": 7,
        "labkit_consumer_lag_seconds": 2.5,
        "labkit_csv_rows": 22,
        "labkit_consumer_dead_letters": 2,
        "labkit_consumer_gap_records": 1,
    }
    assert {name: values(found[name], "partition") for name in said} == {
        name: {"1": value} for name, value in said.items()
    }
    (sample,) = found["labkit_consumer_lag_records"].samples
    assert sample.labels == {"topic": TOPIC, "group": "csv-writer", "partition": "1"}
    states = values(found["labkit_consumer_state"], "state")
    assert states == {"running": 0, "paused": 1, "stopped": 0, "failed": 0}


def test_it_serves_what_the_api_serves(client: FlaskClient) -> None:
    found = families(client)
    ledger = client.get("/api/ledger").get_json()
    served = ledger["stages"][-1]
    assert values(found["labkit_api_served_readings"]) == {TOPIC: served["records"]}
    assert values(found["labkit_api_served_co2_grams"]) == {TOPIC: served["co2_g"]}
    assert served["records"] > 0
    states = values(found["labkit_ledger_state"], "state")
    assert [state for state, value in states.items() if value] == [ledger["state"]]
    assert not found["labkit_producer_emitted_readings"].samples, "nobody has sent anything"


def test_requests_are_counted_and_timed(client: FlaskClient) -> None:
    for _ in range(3):
        client.get("/api/health")
    client.get("/api/health?no=1")
    counted = {
        (one.labels["route"], one.labels["method"], one.labels["status"]): one.value
        for one in families(client)["labkit_api_request_duration_seconds"].samples
        if one.name.endswith("_count")
    }
    assert counted[("/api/health", "GET", "200")] == 3
    assert counted[("/api/health", "GET", "422")] == 1


def test_who_makes_addresses_and_methods_up_makes_no_series(client: FlaskClient) -> None:
    for number in range(20):
        client.get(f"/nothing-{number}")
        client.open("/api/health", method=f"BREW{number}")
        client.get("/api/health", headers={"Host": f"evil-{number}.com"})
    samples = families(client)["labkit_api_request_duration_seconds"].samples
    seen = {tuple(one.labels[name] for name in ("route", "method", "status")) for one in samples}
    assert ("none", "GET", "404") in seen
    assert len(seen) <= 6, seen


def test_an_empty_lab_has_metrics_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path / ".labkit"))
    found = families(create_app(tmp_path / "nowhere", TOPIC).test_client())
    assert values(found["labkit_producers"]) == {TOPIC: 0}
    assert not found["labkit_consumer_lag_records"].samples
