"""``/metrics``: the lab's figures for Prometheus.

Prometheus reads this address every few seconds and stores every answer, so that its users can query
how a figure grew (``rate``) and get an alert when one is wrong. The names follow its rules: a
counter ends in ``_total`` and starts again with the process or the topic; the unit, seconds or
grams, is part of the name; figures that cannot be added up have separate names, not labels.

Like the whole API, it reads the CSV and the small files beside it, and never asks Kafka.

See: prometheus.io, "Metric and label naming" and "Exposition formats".
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any, get_args

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from labkit.api.data_source import VERSION, CurrentState, DataSource
from labkit.ledger.ledger_model import LedgerState
from labkit.sink.partition_status import PartitionStatus

METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
DURATIONS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STATES = get_args(PartitionStatus.model_fields["state"].annotation)

LEDGER_STAGES = {
    "emitted": ("labkit_producer_emitted", "made by the simulated chimneys and sent"),
    "acked": ("labkit_producer_acked", "acknowledged by the broker"),
    "csv": ("labkit_csv", "stored in the CSV"),
    "served": ("labkit_api_served", "in the table that the API answers from"),
}
"""The metric of each stage of the carbon ledger, and its meaning."""

COUNTERS = {
    "end_offset": (
        "labkit_topic_records",
        "Records ever written to the partition: its end offset, dead letters included",
    ),
    "position": (
        "labkit_consumer_position_records",
        "The consumer's position: every offset below it is stored",
    ),
    "rows": ("labkit_csv_rows", "Rows in the partition's CSV, one for each good reading"),
    "dead_letters": (
        "labkit_consumer_dead_letters",
        "Records that were not valid readings, and went to the dead-letter queue",
    ),
    "gap_records": (
        "labkit_consumer_gap_records",
        "Records that the topic's retention deleted before they were stored: lost to us",
    ),
}
"""The fields of a partition's status that only grow: metric and meaning."""

GAUGES = {
    "lag": ("labkit_consumer_lag_records", "Records in the topic that are not stored yet"),
    "lag_s": (
        "labkit_consumer_lag_seconds",
        "How far behind the consumer is in time: the age of the newest stored record; 0 without "
        "lag",
    ),
}
"""The fields of a partition's status that go up and down."""

blueprint = Blueprint("metrics", __name__)
# Otherwise each counter gets a second series with its start time, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]


def install(app: Flask, data: DataSource) -> None:
    """Let an app answer at ``/metrics``, and time each of its answers."""
    registry = CollectorRegistry()
    registry.register(LabCollector(data))
    duration = Histogram(
        "labkit_api_request_duration_seconds",
        "How long the API took for an answer, by route, method and status. Its _count counts the "
        "requests",
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
        build = GaugeMetricFamily("labkit_build_info", "Always 1; its label is the version")
        build.add_sample(build.name, {"version": VERSION}, 1)
        yield build
        ledger = self._data.ledger(state)
        yield from _stages(topic, {one["stage"]: one for one in ledger["stages"]})
        yield _one_of(
            "labkit_ledger_state",
            "Whether the stages of the carbon ledger hold the same tonnes: 1 for the state it is "
            "in. unreported, phantom and altered are disagreements",
            get_args(LedgerState),
            [({"topic": topic}, ledger["state"])],
        )
        yield from _partitions(state.statuses)
        yield from _moments(topic, state)


def _stages(topic: str, stages: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """Yield readings and grams of each stage where they are known."""
    for stage, (name, meaning) in LEDGER_STAGES.items():
        for key, unit, what in (
            ("records", "readings", "Readings"),
            ("co2_g", "co2_grams", "Grams of CO2 in the readings"),
        ):
            family = CounterMetricFamily(f"{name}_{unit}", f"{what} {meaning}", labels=["topic"])
            if stages[stage][key] is not None:
                family.add_metric([topic], stages[stage][key])
            yield family


def _partitions(statuses: list[PartitionStatus]) -> Iterator[Metric]:
    """Yield the last status of each partition."""
    labels = ["topic", "group", "partition"]
    families: list[tuple[str, CounterMetricFamily | GaugeMetricFamily]] = [
        *((key, CounterMetricFamily(*named, labels=labels)) for key, named in COUNTERS.items()),
        *((key, GaugeMetricFamily(*named, labels=labels)) for key, named in GAUGES.items()),
    ]
    for key, family in families:
        for status in statuses:
            value = getattr(status, key)
            if value is not None:
                family.add_metric(list(_place(status).values()), value)
        yield family
    yield _one_of(
        "labkit_consumer_state",
        "The last state that a partition's writer reported: 1 for that state. A killed writer "
        "reports nothing more: see labkit_consumer_status_timestamp_seconds",
        STATES,
        [(_place(status), status.state) for status in statuses],
    )
    reported = GaugeMetricFamily(
        "labkit_consumer_status_timestamp_seconds",
        "When a partition's writer last reported, in seconds since 1970: about once a second while "
        "it runs",
        labels=labels,
    )
    for status in statuses:
        reported.add_metric(list(_place(status).values()), status.updated_at.timestamp())
    yield reported


def _moments(topic: str, state: CurrentState) -> Iterator[Metric]:
    newest = GaugeMetricFamily(
        "labkit_newest_reading_timestamp_seconds",
        "When the newest stored reading was made, in seconds since 1970",
        labels=["topic"],
    )
    if state.snapshot.newest_ms is not None:
        newest.add_metric([topic], state.snapshot.newest_ms / 1000)
    yield newest
    running = GaugeMetricFamily(
        "labkit_producers", "Producers of this lab that send to the topic now", labels=["topic"]
    )
    running.add_metric([topic], len(state.producers))
    yield running


def _place(status: PartitionStatus) -> dict[str, str]:
    return {
        "topic": status.topic,
        "group": status.group_id,
        "partition": str(status.partition),
    }


def _one_of(
    name: str, meaning: str, states: tuple[str, ...], found: list[tuple[dict[str, str], str]]
) -> Metric:
    """Return one series for each possible state: 1 for the current one, else 0."""
    family = GaugeMetricFamily(name, meaning)
    for labels, state in found:
        for one in states:
            family.add_sample(name, {**labels, "state": one}, float(one == state))
    return family
