"""The report of a watch for Prometheus.

A scrape only writes down the newest report, which is read in the background, so it costs a few
milliseconds however slow Kafka is. A figure that is not known has no series, and an old report has
none at all: Prometheus must never take a last good figure for a present one.

The names begin with ``labkit_watch_``: this is what Kafka and the disks say. What the consumer and
the API say of themselves are other metrics, which the API serves (``prometheus_metrics.csv``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from labkit.core.errors import LabError
from labkit.diagnostics.watch.watch_report import KINDS, WatchReport

HOST = "127.0.0.1"
STALE_S = 30.0
MEANING = {
    "kafka_up": "Whether brokers answer: 1 or 0",
    "brokers": "Brokers of the cluster that answer",
    "missing_brokers": "Brokers that have replicas and do not answer",
    "partitions": "Partitions of all topics, internal ones included",
    "under_replicated_partitions": "Partitions with a replica that is not in sync",
    "offline_partitions": "Partitions without a leader: nobody can read or write them",
    "end_offsets_total": "Records ever written to a topic: the sum of its end offsets",
    "committed_records_total": "The sum of the offsets that a group has committed in a topic",
    "lag_records": "Records of a topic that a group has not committed yet",
    "lag_seconds": "Age of the oldest record that a group has not committed yet; 0 without lag",
    "group_active": "Whether a group has members: 1 or 0",
    "dead_letters_total": "Records ever written to the topic's dead-letter queue",
    "disk_free_bytes": "Free space of the disk that a folder is on",
    "disk_size_bytes": "Size of the disk that a folder is on",
    "data_bytes": "Disk space that the files of a folder take",
    "problem": "What is wrong, by kind: 1 or 0. labkit watch says it in a sentence",
    "read_timestamp_seconds": "When the figures were read, in seconds since 1970",
    "read_duration_seconds": "How long it took to read them",
}


class ReportCollector(Collector):
    """A collector that writes down the newest report."""

    def __init__(self, newest: Callable[[], WatchReport | None]) -> None:
        self._newest = newest

    def describe(self) -> list[Metric]:
        """Return no metrics: registering must not need a report."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that is known."""
        report = self._newest()
        if report is None:
            return
        yield _gauge("read_timestamp_seconds", report.read_at)
        yield _gauge("read_duration_seconds", report.took_s)
        if time.time() - report.read_at < STALE_S:
            yield from _of_kafka(report)
            yield from _of_groups(report)
            yield from _of_disks(report)
            problem = _family("problem", "kind")
            found = {one.kind for one in report.problems}
            for kind in KINDS:
                problem.add_metric([kind], float(kind in found))
            yield problem


def _of_kafka(report: WatchReport) -> Iterator[Metric]:
    cluster = report.cluster
    yield _gauge("kafka_up", float(cluster is not None))
    if cluster is None:
        return
    yield _gauge("brokers", len(cluster.brokers))
    yield _gauge("missing_brokers", len(cluster.missing))
    yield _gauge("partitions", len(cluster.partitions))
    yield _gauge("under_replicated_partitions", len(cluster.under_replicated))
    yield _gauge("offline_partitions", len(cluster.offline))
    ends: dict[str, list[int | None]] = {}
    for one in cluster.partitions:
        ends.setdefault(one.topic, []).append(one.end_offset)
    written = _counter("end_offsets_total", "topic")
    for topic, offsets in ends.items():
        if None not in offsets:
            written.add_metric([topic], sum(one or 0 for one in offsets))
    yield written
    dead = _counter("dead_letters_total", "topic")
    if report.dead_letters is not None:
        dead.add_metric([report.topic], report.dead_letters)
    yield dead


def _of_groups(report: WatchReport) -> Iterator[Metric]:
    committed = _counter("committed_records_total", "topic", "group")
    lag, age = _family("lag_records", "topic", "group"), _family("lag_seconds", "topic", "group")
    active = _family("group_active", "topic", "group")
    for one in report.groups:
        labels = [one.topic, one.group_id]
        committed.add_metric(labels, one.committed)
        active.add_metric(labels, float(one.is_active))
        if one.lag.records is not None:
            lag.add_metric(labels, one.lag.records)
        if one.lag.seconds is not None:
            age.add_metric(labels, one.lag.seconds)
    yield from (committed, lag, age, active)


def _of_disks(report: WatchReport) -> Iterator[Metric]:
    for name in ("free_bytes", "size_bytes", "data_bytes"):
        family = _family(name if name == "data_bytes" else f"disk_{name}", "folder")
        for one in report.disks:
            family.add_metric([one.path], getattr(one, name))
        yield family


def _family(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"labkit_watch_{name}", MEANING[name], labels=labels)


def _counter(name: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"labkit_watch_{name}", MEANING[name], labels=labels)


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"labkit_watch_{name}", MEANING[name], value=value)


class _Silent(WSGIRequestHandler):
    """A request handler that does not log each scrape."""

    def log_message(self, format: str, *_arguments: object) -> None:
        """Write nothing."""


class MetricsServer:
    """Serves the newest report at ``/metrics``, on this machine only.

    Raises
    ------
    LabError
        The port is taken.
    """

    def __init__(self, newest: Callable[[], WatchReport | None], port: int) -> None:
        registry = CollectorRegistry()
        registry.register(ReportCollector(newest))
        self._app = make_wsgi_app(registry)
        try:
            self._server = make_server(HOST, port, self._answer, ThreadingWSGIServer, _Silent)
        except OSError as error:
            msg = f"the port {port} cannot be used: {error.strerror}"
            raise LabError(msg, "labkit watch --port 0   (any free port)") from error
        self.url = f"http://{HOST}:{self._server.server_port}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, name="labkit-metrics")
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer, unless a web page asks by a name of its own (DNS rebinding)."""
        if environ.get("HTTP_HOST", "").partition(":")[0] not in (HOST, "localhost"):
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [b"This address is for Prometheus on this machine.\n"]
        return self._app(environ, start_response)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Stop to serve."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
