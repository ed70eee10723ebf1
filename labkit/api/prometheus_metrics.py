"""``/metrics``: the lab's figures for Prometheus.

The names follow Prometheus's rules: a counter ends in ``_total`` and starts again with the process
or the topic; the unit, seconds or grams, is part of the name; figures that cannot be added up have
separate names, not labels. Like the whole API, it never asks Kafka.

``prometheus_metrics.csv`` holds each metric's name and meaning, and the field that it shows: of the
ledger's stages, or of a partition's status (counters only grow, gauges go up and down).

See: prometheus.io, "Metric and label naming" and "Exposition formats".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib import resources
from time import perf_counter
from typing import Any, get_args

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from labkit.api.data_source import VERSION, DataSource
from labkit.api.ledger_from_files import CurrentState
from labkit.ledger.ledger_model import LedgerState
from labkit.sink.partition_status import PartitionStatus

METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
DURATIONS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STATES = get_args(PartitionStatus.model_fields["state"].annotation)

with (resources.files("labkit") / "api" / "prometheus_metrics.csv").open(encoding="utf-8") as _file:
    _ROWS = list(csv.DictReader(_file))
MEANING = {row["metric"]: row["meaning"] for row in _ROWS}


def _metrics_of(source: str) -> dict[str, str]:
    """Return each metric that shows a field of ``source``, by the field."""
    return {row["field"]: row["metric"] for row in _ROWS if row["source"] == source}


blueprint = Blueprint("metrics", __name__)
# Otherwise each counter gets a second series with its start time, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]


def install(app: Flask, data: DataSource) -> None:
    """Let an app answer at ``/metrics``, and time each of its answers."""
    registry = CollectorRegistry()
    registry.register(LabCollector(data))
    duration = Histogram(
        "labkit_api_request_duration_seconds",
        MEANING["labkit_api_request_duration_seconds"],
        ("route", "method", "status"),
        buckets=DURATIONS_S,
        registry=registry,
    )

    def observe(response: Response) -> Response:
        # The route and not the address, so that made-up addresses do not create new series.
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        took_s = perf_counter() - g.labkit_began
        duration.labels(route, method, str(response.status_code)).observe(took_s)
        return response

    def begin() -> None:
        g.labkit_began = perf_counter()

    app.before_request(begin)
    app.after_request(observe)
    app.extensions["labkit-metrics"] = registry
    app.register_blueprint(blueprint)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return every metric, in the format that the client prefers."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    registry = current_app.extensions["labkit-metrics"]
    return Response(encode(registry), content_type=content_type)


class LabCollector(Collector):
    """A collector that reads the lab's state on each request; it stores nothing."""

    def __init__(self, data: DataSource) -> None:
        self._data = data

    def describe(self) -> list[Metric]:
        """Return no metrics: registering must not read the lab's state."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric except those of the requests."""
        state = self._data.current()
        topic = self._data.topic
        build = _gauge("labkit_build_info")
        build.add_sample(build.name, {"version": VERSION}, 1)
        yield build
        ledger = self._data.ledger(state)
        stages = {one["stage"]: one for one in ledger["stages"]}
        if state.statuses:  # as the consumer last reported: the report's time is a metric, too
            rows, grams = (
                [one.rows for one in state.statuses],
                [one.grams for one in state.statuses],
            )
            stages["csv"] = {"records": sum(rows), "co2_g": sum(grams)}
        yield from _stages(topic, stages)
        yield _one_of(
            "labkit_ledger_state",
            get_args(LedgerState),
            [({"topic": topic}, ledger["state"])],
        )
        yield from _partitions(state.statuses)
        yield from _moments(topic, state)


def _stages(topic: str, stages: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """Yield readings and grams of each stage where they are known."""
    for stage, name in _metrics_of("ledger").items():
        for key, unit, what in (
            ("records", "readings", "Readings"),
            ("co2_g", "co2_grams", "Grams of CO2 in the readings"),
        ):
            family = CounterMetricFamily(
                f"{name}_{unit}", f"{what} {MEANING[name]}", labels=["topic"]
            )
            if stages[stage][key] is not None:
                family.add_metric([topic], stages[stage][key])
            yield family


def _partitions(statuses: list[PartitionStatus]) -> Iterator[Metric]:
    """Yield the last status of each partition."""
    labels = ["topic", "group", "partition"]
    kinds = (("status counter", CounterMetricFamily), ("status gauge", GaugeMetricFamily))
    for source, kind in kinds:
        for field, name in _metrics_of(source).items():
            family = kind(name, MEANING[name], labels=labels)
            for status in statuses:
                value = getattr(status, field)
                if value is not None:
                    family.add_metric(list(_place(status).values()), value)
            yield family
    yield _one_of(
        "labkit_consumer_state",
        STATES,
        [(_place(status), status.state) for status in statuses],
    )
    reported = _gauge("labkit_consumer_status_timestamp_seconds", *labels)
    for status in statuses:
        reported.add_metric(list(_place(status).values()), status.updated_at.timestamp())
    yield reported


def _moments(topic: str, state: CurrentState) -> Iterator[Metric]:
    newest = _gauge("labkit_newest_reading_timestamp_seconds", "topic")
    if state.snapshot.newest_ms is not None:
        newest.add_metric([topic], state.snapshot.newest_ms / 1000)
    yield newest
    running = _gauge("labkit_producers", "topic")
    running.add_metric([topic], len(state.producers))
    yield running


def _place(status: PartitionStatus) -> dict[str, str]:
    partition = str(status.partition)
    return {"topic": status.topic, "group": status.group_id, "partition": partition}


def _gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, MEANING[name], labels=labels)


def _one_of(name: str, states: tuple[str, ...], found: list[tuple[dict[str, str], str]]) -> Metric:
    """Return one series for each possible state: 1 for the current one, else 0."""
    family = _gauge(name)
    for labels, state in found:
        for one in states:
            family.add_sample(name, {**labels, "state": one}, float(one == state))
    return family
