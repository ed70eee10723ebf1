"""Keys, acks, batching and compression on a real broker, as a bare consumer sees them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil
import pytest
from oracle import read_topic
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.broker.record_codecs import COMPRESSION_TYPES
from labkit.checker.checker import check_pipeline
from labkit.checker.delivery_history import delivery_log_sizes, read_deliveries
from labkit.consumer.poll_loop import consume
from labkit.core.errors import LabError
from labkit.ledger.ledger import carbon_ledger
from labkit.producer.delivery_reports import partition_for
from labkit.producer.producer import Producer
from labkit.readings.reading import Reading
from labkit.topics.topics import describe_topic

pytestmark = pytest.mark.usefixtures("lab_dir")


def send(topic: str, count: int = 600, **options: Any) -> Producer:
    producer = lab.start_producer(topic, readings_per_s=0, count=count, **options)
    assert producer.wait(60)
    producer.stop()
    return producer


def keys_by_partition(bootstrap_servers: str, topic: str) -> dict[int, set[bytes | None]]:
    found: dict[int, set[bytes | None]] = defaultdict(set)
    for partition, records in read_topic(bootstrap_servers, topic).items():
        found[partition] = {record.key for record in records}
    return found


@pytest.mark.parametrize("field", ["sector", "country"])
def test_the_key_may_be_another_field(bootstrap_servers: str, topic: str, field: Any) -> None:
    counts = send(topic, key=field, faults=0.1).counts
    assert counts.acked == counts.emitted > 500
    assert counts.bad == counts.bad_acked > 0
    for partition, records in read_topic(bootstrap_servers, topic).items():
        for record in records:
            assert partition_for(record.key, 3) == partition
    good = [
        (record.key.decode(), getattr(reading, field))
        for records in read_topic(bootstrap_servers, topic).values()
        for record in records
        if (reading := _reading(record)) is not None
    ]
    assert len(good) == counts.acked
    assert all(key == value for key, value in good)


def _reading(record: Any) -> Reading | None:
    try:
        return Reading.from_json(record.value, record.timestamp)
    except LabError:
        return None


def test_without_a_key_records_are_spread_and_the_journal_knows_where(
    bootstrap_servers: str, topic: str
) -> None:
    assert send(topic, key=None).counts.acked == 600
    found = read_topic(bootstrap_servers, topic)
    assert {record.key for records in found.values() for record in records} == {None}
    # 600 at random over three: each has 200, give or take 5 standard deviations of 11.5.
    assert all(140 < len(records) < 260 for records in found.values())
    assert check_pipeline(topic).violations == {}


def test_without_a_key_every_kind_of_bad_record_is_sent(bootstrap_servers: str, topic: str) -> None:
    counts = send(topic, 2_000, key=None, faults=0.5).counts
    assert counts.bad == counts.bad_acked > 900
    found = [one for records in read_topic(bootstrap_servers, topic).values() for one in records]
    assert len(found) == 2_000
    assert {one.key is None for one in found if one.value is None} == {False}
    assert {one.key for one in found if one.value is not None} == {None}


def test_with_acks_1_the_leader_alone_acknowledges(topic: str) -> None:
    producer = send(topic, acks=1)
    assert (producer.counts.acked, producer.counts.unknown) == (600, 0)
    assert "acks=1" in repr(producer)
    assert carbon_ledger(topic).topic.records == 600


def test_with_acks_0_nothing_is_acked_and_the_ledger_says_why(topic: str) -> None:
    producer = send(topic, acks=0)
    counts = producer.counts
    assert (counts.emitted, counts.acked, counts.unknown, counts.unasked) == (600, 0, 600, 600)
    assert counts.unknown_g == counts.emitted_g
    assert "nobody asked to acknowledge" in repr(producer)
    assert "last error" not in repr(producer)

    ledger = carbon_ledger(topic)
    assert ledger.acked.records is None
    assert "600 readings were sent with acks=0" in ledger.acked.note
    assert (ledger.emitted.records, ledger.topic.records) == (600, 600)
    assert ledger.emitted.grams == ledger.topic.grams

    topic_id = describe_topic(topic).topic_id
    deliveries = [
        delivery
        for path, size in delivery_log_sizes(topic_id).items()
        for delivery in read_deliveries(path, size)
    ]
    assert {(delivery.event, delivery.offset) for delivery in deliveries} == {("unknown", -1)}
    assert "acks=0" in deliveries[0].note
    verdict = check_pipeline(topic)
    assert (verdict.unknown, verdict.unknown_in_topic) == (600, 600)


def test_the_pipeline_agrees_also_with_acks_0(lab_dir: Path, topic: str) -> None:
    send(topic, count=200, acks=0)
    send(topic, count=100)
    consume(topic, "csv-writer", lab_dir / "data", threading.Event(), until_end=True)
    ledger = carbon_ledger(topic, lab_dir / "data")
    assert ledger.agrees, ledger
    assert "Not compared: acked (200 readings were sent with acks=0)" in ledger.sentence


def test_gzip_makes_batches_small_and_the_client_says_how_small(topic: str) -> None:
    small = lab.start_producer(topic, 400, compression_type="gzip", linger_ms=200, name="small")
    plain = lab.start_producer(topic, 400, linger_ms=0, name="plain")
    wait_until(lambda: min(small.counts.acked, plain.counts.acked) >= 400, "400 of each")
    packed, unpacked = small.metrics, plain.metrics
    small.stop()
    plain.stop()
    assert packed is not None
    assert unpacked is not None
    assert 0 < packed.compression_ratio < 0.6
    assert unpacked.compression_ratio == pytest.approx(1)
    assert packed.records_per_request > 3 * unpacked.records_per_request
    assert small.metrics is not None, "what it measured is still there when it has ended"
    assert 0 < small.metrics.compression_ratio < 0.6


def test_records_of_every_codec_are_read_whoever_compressed_them(
    lab_dir: Path, broker: Broker, bootstrap_servers: str, topic: str
) -> None:
    """Java's producer frames some codecs differently from kafka-python's."""
    tool = [sys.executable, "-m", "labkit", "kafka", "kafka-console-producer", "--topic", topic]
    java = [
        subprocess.Popen([*tool, "--compression-codec", name], stdin=subprocess.PIPE)
        for name in COMPRESSION_TYPES
    ]
    for name in COMPRESSION_TYPES:
        send(topic, count=50, compression_type=name)
    for producer in java:
        producer.communicate(b"not a reading\n" * 20)
        assert producer.returncode == 0
    counts = consume(topic, "csv-writer", lab_dir / "data", threading.Event(), until_end=True)
    assert (counts.rows, counts.dead_letters) == (200, 80)
    if sys.platform == "linux":  # /tmp may be mounted noexec
        process = broker.nodes[0].process
        assert process is not None
        mapped = [one.path for one in psutil.Process(process.pid).memory_maps()]
        assert [path for path in mapped if "/node-1/tmp/libzstd" in path]
    assert check_pipeline(topic).violations == {}
