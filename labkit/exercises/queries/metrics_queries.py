"""What checks ask `/metrics`: samples as Prometheus reads them, compared with Kafka.

The figures of a consumer are what it reported last, so some functions also ask Kafka.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from labkit.core.run_files import runs_on
from labkit.exercises.engine.outcome import NotAttempted
from labkit.exercises.queries.api_queries import api_url, ask
from labkit.exercises.queries.broker_queries import existing_topic

ACKED = "labkit_producer_acked_readings_total"
STORED = "labkit_csv_readings_total"
SERVED = "labkit_api_served_readings_total"
LAG = "labkit_consumer_lag_records"
SAID_AT = "labkit_consumer_status_timestamp_seconds"
REQUESTS = "labkit_api_request_duration_seconds_count"
PATIENCE_S = 60.0

Samples = list[Sample]


def parse(text: str) -> Samples:
    """Return what `/metrics` says, a sample for each series: its name, its labels, its value."""
    metrics = text_string_to_metric_families(text)
    return [sample for metric in metrics for sample in metric.samples]


def scrape(url: str) -> Samples:
    """Ask an API's `/metrics` once, as Prometheus does every few seconds."""
    return parse(ask(f"{url}/metrics").text)


def total(samples: Samples, name: str) -> float:
    """Return the sum of all series that have this name."""
    return math.fsum(sample.value for sample in samples if sample.name == name)


def buckets_of(samples: Samples) -> dict[str, float]:
    """Return how many observations each bucket of a histogram counts, by its limit `le`."""
    buckets: defaultdict[str, float] = defaultdict(float)
    for one in samples:
        if "le" in one.labels:
            buckets[one.labels["le"]] += one.value
    return dict(buckets)


def requests_for(samples: Samples, route: str) -> float:
    """Return how often an API says that it was asked for one route."""
    return total([one for one in samples if one.labels.get("route") == route], REQUESTS)


def scrape_without_consumer(topic: str) -> Samples:
    """Return a scrape of an API whose consumer has died; with one running, not attempted."""
    url = api_url(topic)
    if runs_on(topic, "consumer"):
        raise NotAttempted(f"A consumer stores `{topic}` now: run the cell that kills it.")
    samples = scrape(url)
    if not any(sample.name == SAID_AT for sample in samples):
        raise NotAttempted("No consumer has run yet: run the cells above.")
    return samples


def scrape_with_consumer(topic: str, pid: int) -> Samples:
    """Return a scrape in which one process has reported on every partition."""
    url = api_url(topic)
    deadline = time.monotonic() + PATIENCE_S
    while any(one["pid"] != pid for one in ask(f"{url}/api/pipeline").json()["partitions"]):
        if time.monotonic() > deadline:
            raise NotAttempted("The consumer of this check has not reported: run the cell again.")
        time.sleep(0.1)
    return scrape(url)


def records_in(topic: str) -> int:
    """Return how many records Kafka has taken for a topic: the sum of its end offsets."""
    return sum(end or 0 for end in existing_topic(topic).end_offsets.values())
