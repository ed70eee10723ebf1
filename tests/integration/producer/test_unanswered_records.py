"""What became of readings whose answer never came: the topic is asked, and the log completed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from faulty import readings
from kafka import KafkaProducer, TopicPartition
from waiting import wait_until

import labkit as lab
from labkit.broker.kafka_clients import admin
from labkit.checker.checker import check_pipeline
from labkit.core.run_files import RunFile
from labkit.ledger.ledger import carbon_ledger
from labkit.producer.delivery_log import DeliveryLog, read_events
from labkit.producer.send_loop import fleet_source, produce
from labkit.producer.sent_counts import SentCounts, SentCountsFile, read_sent_counts
from labkit.producer.unanswered_records import Settlement, settle
from labkit.readings.pacing import Pace
from labkit.readings.reading import grams


def a_killed_run(
    topic: str, topic_id: str, bootstrap_servers: str, arrived: int, absent: int
) -> tuple[SentCountsFile, Path]:
    """Leave what a producer leaves that is killed with readings in flight."""
    counts_file = SentCountsFile(topic, topic_id, "producer")
    log = DeliveryLog(topic_id, counts_file.run)
    counts_file.write(SentCounts(), "running", log.bytes_written)
    client = KafkaProducer(bootstrap_servers=bootstrap_servers)
    for number, reading in enumerate(readings(arrived + absent), start=1):
        value = reading.to_json()
        log.sent(number, 0, value, reading.reading_id, co2_g=grams(reading.co2_kg))
        if number <= arrived:
            client.send(topic, value, partition=0)
    client.flush(timeout=30)
    client.close(timeout=10)
    log.close()
    with log.path.open("ab") as file:
        file.write(b"acked,1,0,")  # the line that it was writing
    return counts_file, log.path


def test_each_is_found_or_absent_and_counted_once(
    topic: str, bootstrap_servers: str, lab_dir: Path
) -> None:
    topic_id = lab.describe_topic(topic).topic_id
    _, log = a_killed_run(topic, topic_id, bootstrap_servers, arrived=3, absent=2)
    before = read_sent_counts(topic_id)
    assert (before.emitted, before.acked, before.unknown) == (5, 0, 5)
    ledger = carbon_ledger(topic, lab_dir / "data")
    assert (ledger.state, ledger.acked.records, ledger.unknown.records) == ("agrees", 3, 2)

    assert settle(topic, topic_id) == Settlement(found=3, absent=2)
    after = read_sent_counts(topic_id)
    assert (after.emitted, after.acked, after.failed, after.unknown) == (5, 3, 2, 0)
    assert after.emitted_g == after.acked_g + after.failed_g
    assert [event.event for event in read_events(log)].count("found") == 3
    assert settle(topic, topic_id) == Settlement(), "nothing is settled twice"
    verdict = check_pipeline(topic, lab_dir / "data", wait_s=0)
    assert (verdict.acked, verdict.failed, verdict.unknown, verdict.violations) == (3, 2, 0, {})


def test_a_running_producer_is_left_alone(
    topic: str, bootstrap_servers: str, lab_dir: Path
) -> None:
    topic_id = lab.describe_topic(topic).topic_id
    counts_file, _ = a_killed_run(topic, topic_id, bootstrap_servers, arrived=1, absent=1)
    run_file = RunFile("producer", "producer", os.getpid(), topic=topic, run=counts_file.run)
    assert settle(topic, topic_id) == Settlement()
    assert read_sent_counts(topic_id).in_flight == 2
    run_file.remove()
    assert settle(topic, topic_id) == Settlement(found=1, absent=1)


def test_the_next_producer_settles_the_account(
    topic: str, bootstrap_servers: str, lab_dir: Path
) -> None:
    topic_id = lab.describe_topic(topic).topic_id
    a_killed_run(topic, topic_id, bootstrap_servers, arrived=1, absent=1)
    produce(topic, fleet_source(Pace(0, 0.0)), threading.Event(), count=10)
    counts = read_sent_counts(topic_id)
    assert (counts.emitted, counts.acked, counts.failed, counts.unknown) == (12, 11, 1, 0)


def test_what_retention_may_have_deleted_stays_unknown(
    topic: str, bootstrap_servers: str, lab_dir: Path
) -> None:
    topic_id = lab.describe_topic(topic).topic_id
    a_killed_run(topic, topic_id, bootstrap_servers, arrived=2, absent=1)
    with admin() as client:
        client.delete_records({TopicPartition(topic, 0): 1})
    assert settle(topic, topic_id) == Settlement(found=1, left=2)
    assert read_sent_counts(topic_id).unknown == 2


def test_stopped_brokers_leave_an_account_that_the_next_producer_settles(lab_dir: Path) -> None:
    """As in two notebooks: one stops the broker, while the other one's producer runs."""
    with lab.start_broker():
        topic = lab.ensure_topic("co2-emissions", num_partitions=1)
        producer = lab.start_producer(topic.name, readings_per_s=500)
        wait_until(lambda: producer.counts.acked > 100, "some are acknowledged")
    wait_until(lambda: producer.counts.in_flight > 50, "others wait for an answer")
    producer.stop()
    left = producer.counts.unknown
    assert left > 50
    assert carbon_ledger().unknown.records == left
    with lab.start_broker():
        lab.start_producer(topic.name, readings_per_s=0, count=10).wait()
        ledger, verdict = carbon_ledger(), check_pipeline(wait_s=0)
    assert ledger.agrees, ledger
    assert (ledger.unknown.records, verdict.unknown, verdict.violations) == (0, 0, {})
    assert ledger.acked.records == ledger.topic.records
    assert ledger.emitted.records == (ledger.acked.records or 0) + (ledger.failed.records or 0)
