"""A producer after an outage that was longer than its client waits for an answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from waiting import wait_until

import labkit as lab
from labkit.producer.producer_client import RELIABLE

TOPIC = "outage"


def test_a_producer_goes_on_after_records_expired(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RELIABLE, "request_timeout_ms", 1_000)
    monkeypatch.setitem(RELIABLE, "delivery_timeout_ms", 2_000)
    broker = lab.start_broker()
    lab.ensure_topic(TOPIC, num_partitions=3)
    with lab.start_producer(TOPIC, 50) as producer:
        wait_until(lambda: producer.counts.acked > 20, "acknowledged records")
        broker.kill(1)
        wait_until(lambda: producer.counts.unknown, "records that expired")
        lab.start_broker()
        before = producer.counts.acked
        wait_until(lambda: producer.counts.acked > before + 50, "records of another client")
    counts = producer.counts
    assert counts.emitted == counts.acked + counts.failed + counts.unknown
    assert counts.acked <= (lab.describe_topic(TOPIC).records or 0) <= counts.emitted
