"""The fault matrix, what happens to brokers and topics: rows 7, 8, 9, 11 and 15."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty import (
    SEED,
    a_consumer,
    a_stream,
    assert_exactly_once,
    dice,
    drain,
    flows,
    readings,
    send,
    status_of,
    stored,
    times,
)
from kafka import KafkaAdminClient, TopicPartition
from oracle import assert_agrees, read_csv, read_topic
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.broker import Broker
from labkit.consumer.consumer import start_consumer
from labkit.core.errors import BrokerUnavailable, SinkForeign, WorkerFailed
from labkit.ledger.ledger import carbon_ledger
from labkit.producer.delivery_reports import MAX_IN_FLIGHT
from labkit.sink.partition_status import read_progress

# kafka-python leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

BROKER_KILLS = times("BROKER_KILLS", 2)
FREEZE_S = times("FREEZE_S", 8)
TOPIC = "harmed"


def ask(broker: Broker) -> None:
    """Stop it as one does (SIGTERM), and start it on the same port."""
    broker.restart(1)


def kill(broker: Broker) -> None:
    """Kill -9, and start it on the same port."""
    broker.kill(1)
    time.sleep(1.0)  # long enough to be missed
    broker.restart(1)


@pytest.mark.parametrize("harm", [ask, kill], ids=["SIGTERM", "kill -9"])
def test_row_07_a_broker_that_comes_back_at_its_port(
    lab_dir: Path, harm: Callable[[Broker], None]
) -> None:
    data_dir = lab_dir / "data"
    with lab.start_broker() as broker:
        lab.ensure_topic(TOPIC, num_partitions=3)
        with a_stream(TOPIC) as stream, a_consumer("same", TOPIC, "same", data_dir) as consumer:
            flows(data_dir, TOPIC)
            harm(broker)
            back = time.monotonic()
            flows(data_dir, TOPIC)
            print(f"rows again {time.monotonic() - back:.1f} s after the broker was back")
            stream.stop()
            consumer.wait_until_caught_up(PATIENCE_S)
            consumer.stop()
        assert_exactly_once(broker.bootstrap_servers, TOPIC, data_dir, stream)


def test_offsets_whose_commit_failed_are_committed_again(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing new comes after the broker is back, and yet the group's lag ends at zero."""
    monkeypatch.setenv("LABKIT_COMMIT_INTERVAL_S", "3")
    data_dir = lab_dir / "data"
    with lab.start_broker() as broker:
        lab.ensure_topic(TOPIC, num_partitions=1)
        with a_consumer("late", TOPIC, "late", data_dir):
            send(broker.bootstrap_servers, TOPIC, readings(1))
            wait_until(lambda: stored(data_dir, TOPIC) == 1, "the first row is stored")
            time.sleep(3)  # and committed; the next commit is three seconds away
            send(broker.bootstrap_servers, TOPIC, readings(30, seed=8))
            wait_until(lambda: stored(data_dir, TOPIC) == 31, "all rows are stored")
            broker.kill(1)
            time.sleep(5)
            broker.restart(1)
            with kafka_clients.consumer(group_id="late", enable_auto_commit=False) as client:
                place = TopicPartition(TOPIC, 0)
                wait_until(lambda: client.committed(place) == 31, "all offsets are committed")


def test_row_07_20_kills_of_three_brokers(lab_dir: Path) -> None:
    """Each node in turn by chance, under acks=all: what was acknowledged is in the CSV."""
    roll, data_dir, gaps_s = dice("brokers"), lab_dir / "data", []
    with lab.start_broker(brokers=3) as broker:
        lab.ensure_topic(TOPIC, num_partitions=3)
        with (
            a_stream(TOPIC, 200) as stream,
            a_consumer("of-3", TOPIC, "of-3", data_dir) as consumer,
        ):
            flows(data_dir, TOPIC)
            for _ in range(BROKER_KILLS):
                victim = roll.randint(1, 3)
                broker.kill(victim)
                gone = time.monotonic()
                time.sleep(roll.uniform(0, 3))
                broker.restart(victim)
                flows(data_dir, TOPIC)
                gaps_s.append(time.monotonic() - gone)
                in_sync = [one.isr for one in lab.describe_topic(TOPIC).partitions]
                wait_until(
                    lambda: all(len(one.isr) == 3 for one in lab.describe_topic(TOPIC).partitions),
                    f"all replicas in sync again, after {in_sync}",
                )
            stream.stop()
            consumer.wait_until_caught_up(PATIENCE_S)
            assert consumer.is_running, consumer.state
            consumer.stop()
        total = assert_exactly_once(broker.bootstrap_servers, TOPIC, data_dir, stream)
    print(
        f"{BROKER_KILLS} kills of one of three brokers: {stream.counts.acked:,} readings "
        f"acknowledged, {total:,} records in the topic and in the CSV, 0 lost, 0 doubled; at worst "
        f"{max(gaps_s):.1f} s from a kill until the killed broker is back and rows flow"
    )


def test_row_08_a_broker_that_comes_back_at_another_port(lab_dir: Path) -> None:
    data_dir = lab_dir / "data"
    with lab.start_broker() as broker:
        lab.ensure_topic(TOPIC, num_partitions=3)
        old = broker.nodes[0].port
        with a_consumer("elsewhere", TOPIC, "elsewhere", data_dir) as consumer:
            send(broker.bootstrap_servers, TOPIC, readings(30))
            wait_until(lambda: stored(data_dir, TOPIC) == 30, "30 rows")
            broker.stop()
            wait_until(lambda: "No broker" in consumer.status, "it says what it waits for")
            wait_until(
                lambda: {one.state for one in read_progress(data_dir, TOPIC)} == {"paused"},
                "the partitions are paused",
            )
            with lab.start_broker(port=free_port()) as moved:
                assert moved.nodes[0].port != old
                assert consumer.wait(PATIENCE_S), "no client looks for it elsewhere"
                assert f"answers at {moved.bootstrap_servers} now" in consumer.state
                assert f"127.0.0.1:{old}" in consumer.state
                assert "labkit consume" in consumer.state
                send(moved.bootstrap_servers, TOPIC, readings(30, seed=8))
                drain(TOPIC, data_dir, "elsewhere")
                assert_agrees(moved.bootstrap_servers, TOPIC, data_dir)


def free_port() -> int:
    from labkit.broker.node_setup import free_ports

    return free_ports(1)[0]


def test_row_09_a_broker_that_is_frozen(lab_dir: Path) -> None:
    data_dir = lab_dir / "data"
    with lab.start_broker() as broker:
        lab.ensure_topic(TOPIC, num_partitions=3)
        with (
            a_stream(TOPIC, 2000) as stream,
            a_consumer("cold", TOPIC, "cold", data_dir) as consumer,
        ):
            flows(data_dir, TOPIC)
            broker.freeze(1)
            try:
                most = 0
                until = time.monotonic() + FREEZE_S
                while time.monotonic() < until:
                    counts = stream.counts
                    sent = counts.emitted + counts.bad
                    known = counts.acked + counts.bad_acked + counts.failed + counts.unknown
                    most = max(most, sent - known)
                    assert consumer.is_running, consumer.state
                    assert stream.is_running
                    time.sleep(0.1)
            finally:
                broker.thaw(1)
            assert most <= MAX_IN_FLIGHT + stream.counts.bad
            flows(data_dir, TOPIC)
            stream.stop(60.0)
            consumer.wait_until_caught_up(PATIENCE_S)
            consumer.stop()
        assert_exactly_once(broker.bootstrap_servers, TOPIC, data_dir, stream)
    print(f"frozen for {FREEZE_S} s: at most {most:,} records in the producer's queue")


@pytest.mark.parametrize("fault", ["latency", "frozen-connections", "cut-connections"])
def test_row_11_a_network_that_fails(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Producer and consumer both go through the lab's proxy; frozen for longer than a session."""
    data_dir = lab_dir / "data"
    monkeypatch.setenv("LABKIT_PROXY_URL", "")  # undone at the end, whatever `start_proxy` sets
    monkeypatch.delenv("LABKIT_PROXY_URL")
    with lab.start_broker() as broker:
        lab.ensure_topic(TOPIC, num_partitions=3)
        proxy = lab.start_proxy()
        with a_stream(TOPIC) as stream, a_consumer("far", TOPIC, "far", data_dir) as consumer:
            flows(data_dir, TOPIC)
            assert proxy.connections >= 2
            with lab.inject(fault, for_s=8, seed=SEED, topic=TOPIC) as harm:
                assert harm.wait(PATIENCE_S)
            assert consumer.is_running, consumer.state
            flows(data_dir, TOPIC)
            stream.stop(60.0)
            consumer.wait_until_caught_up(PATIENCE_S)
            consumer.stop()
        assert_exactly_once(broker.bootstrap_servers, TOPIC, data_dir, stream)


@pytest.mark.parametrize("is_missed", [False, True], ids=["at-once", "after-it-was-missed"])
def test_row_15_a_topic_made_anew_is_not_written_into_the_old_csv(
    bootstrap_servers: str, topic: str, tmp_path: Path, is_missed: bool
) -> None:
    send(bootstrap_servers, topic, readings(30))
    with a_consumer("anew", topic, "anew", tmp_path) as consumer:
        wait_until(lambda: stored(tmp_path, topic) == 30, "30 rows")
        before = {path: path.read_bytes() for path in (tmp_path / topic).glob("*.csv")}
        lab.delete_topic(topic)
        if is_missed:
            wait_until(lambda: consumer.partitions == [], "its partitions taken away")
        lab.ensure_topic(topic, num_partitions=3)
        send(bootstrap_servers, topic, readings(100, seed=8))
        assert consumer.wait(PATIENCE_S), "it refuses"
        assert "created again has another topic_id" in consumer.state
        assert {one.state for one in consumer.progress} == {"failed"}
        with pytest.raises(WorkerFailed, match="topic_id"):
            consumer.stop()
    with pytest.raises(SinkForeign, match="topic_id"):
        drain(topic, tmp_path)

    assert {path: path.read_bytes() for path in before} == before


def delete_up_to(bootstrap_servers: str, offsets: dict[TopicPartition, int]) -> None:
    """Do at once what retention does in time."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    admin.delete_records(offsets)
    admin.close()


def test_row_15_what_retention_deleted_is_counted_as_a_gap(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    lab.start_producer(topic, 0, count=90, name="before").wait(PATIENCE_S)
    drain(topic, tmp_path)
    lab.start_producer(topic, 0, seed=8, count=90, name="after").wait(PATIENCE_S)
    records = read_topic(bootstrap_servers, topic)
    kept = {number: group[-1].offset for number, group in records.items() if group}
    delete_up_to(bootstrap_servers, {TopicPartition(topic, n): end for n, end in kept.items()})
    before = {number: len(read_csv(tmp_path / topic, number)) for number in kept}

    counts = drain(topic, tmp_path)

    gone = {number: kept[number] - before[number] for number in kept}
    assert counts.gap_records == sum(gone.values()) > 0
    assert counts.rows == len(kept)
    for number in kept:
        status = status_of(tmp_path, topic, number)
        assert status is not None
        assert status.start_offset == kept[number]
        assert "deleted by the topic's retention" in (status.reason or "")
        assert status.gap_records == gone[number]
    assert drain(topic, tmp_path).gap_records == 0, "a gap is counted once"
    assert {one.partition: one.gap_records for one in read_progress(tmp_path, topic)} == gone
    ledger = carbon_ledger(topic, tmp_path)
    assert ledger.state == "unreported"
    assert f"Retention deleted {sum(gone.values()):,} records before" in ledger.sentence


def test_row_15_retention_passes_a_consumer_that_runs(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    """Its partition is locked by another, so it waits, and what comes next is deleted meanwhile."""
    found = lab.describe_topic(topic)
    ids = {"topic_id": found.topic_id, "cluster_id": found.cluster_id}
    with start_consumer(topic, "passed", tmp_path) as consumer:
        send(bootstrap_servers, topic, readings(20), partition=0)
        wait_until(lambda: stored(tmp_path, topic) == 20, "20 rows")
    from labkit.sink.csv_log import CsvLog

    with (
        CsvLog(tmp_path, topic, 0, **ids),
        a_consumer("passed", topic, "passed", tmp_path) as consumer,
    ):
        wait_until(lambda: "is being written" in consumer.status, "it waits")
        send(bootstrap_servers, topic, readings(40, seed=8), partition=0)
        delete_up_to(bootstrap_servers, {TopicPartition(topic, 0): 50})
    with start_consumer(topic, "passed", tmp_path) as consumer:
        wait_until(lambda: stored(tmp_path, topic) == 30, "the 10 that are left")
        status = status_of(tmp_path, topic, 0)
        assert status is not None
        assert status.gap_records == 30


def test_a_broker_that_is_gone_is_told_at_once(lab_dir: Path) -> None:
    with lab.start_broker() as broker:
        lab.ensure_topic(TOPIC, num_partitions=1)
        broker.stop()
        with pytest.raises(BrokerUnavailable, match="No broker"):
            drain(TOPIC, lab_dir / "data")
