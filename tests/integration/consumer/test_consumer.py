"""A real broker's records reach the CSV once and in order, whatever happens to the consumer."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from oracle import assert_agrees, read_csv, read_topic
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.consumer.consumer import Consumer, start_consumer
from labkit.consumer.poll_loop import consume
from labkit.core.errors import TopicNotFound, WorkerFailed
from labkit.core.run_files import read_run_files
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink.csv_log import CsvLog
from labkit.sink.partition_status import PartitionStatus, read_progress


def readings(count: int, seed: int = 7, **changes: Any) -> list[Reading]:
    stream = Fleet(seed=seed).readings(datetime.now(UTC), 1000.0)
    found = itertools.islice(stream, count)
    return [one.model_copy(update=changes) for one in found if isinstance(one, Reading)]


def send(bootstrap_servers: str, topic: str, values: list[Reading | bytes]) -> None:
    """Send with a producer that is not the lab's, and wait for every acknowledgement."""
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
    futures = []
    for number, value in enumerate(values):
        if isinstance(value, Reading):
            key, content = value.facility_id, value.to_json()
        else:
            key, content = f"key-{number}", value
        futures.append(producer.send(topic, content, key.encode()))
    producer.flush()
    for future in futures:
        future.get(timeout=30)
    producer.close()


def drain(topic: str, data_dir: Path, group_id: str = "drain") -> Any:
    return consume(topic, group_id, data_dir, threading.Event(), until_end=True)


def progress(data_dir: Path, topic: str) -> dict[int, PartitionStatus]:
    return {status.partition: status for status in read_progress(data_dir, topic)}


def stored(data_dir: Path, topic: str) -> int:
    return sum(status.rows for status in read_progress(data_dir, topic))


@contextmanager
def running(
    topic: str, group_id: str, data_dir: Path, name: str = "consumer"
) -> Iterator[Consumer]:
    consumer = start_consumer(topic, group_id, data_dir, name=name)
    try:
        yield consumer
    finally:
        if consumer.is_running:
            consumer.process.kill()
            consumer.wait()
        assert consumer.process.stdin is not None
        consumer.process.stdin.close()


@pytest.mark.quick
def test_every_record_is_stored_once_and_in_order(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    sent = readings(500)
    send(bootstrap_servers, topic, sent[:300])
    first = drain(topic, tmp_path)
    send(bootstrap_servers, topic, sent[300:])
    second = drain(topic, tmp_path)

    assert (first.rows, second.rows) == (300, 200)
    records = assert_agrees(bootstrap_servers, topic, tmp_path)
    assert sum(map(len, records.values())) == 500
    assert first.grams + second.grams == sum(round(one.co2_kg * 1000) for one in sent)
    assert drain(topic, tmp_path).rows == 0, "nothing is stored twice"


def test_the_csv_is_the_position_and_not_the_groups_offsets(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    send(bootstrap_servers, topic, readings(60))
    drain(topic, tmp_path / "a")
    for path in (tmp_path / "a" / topic).glob("*.csv"):
        os.truncate(path, path.stat().st_size - 100)  # a torn row, and whole ones lost

    drain(topic, tmp_path / "a")
    drain(topic, tmp_path / "b")
    assert_agrees(bootstrap_servers, topic, tmp_path / "a")
    assert_agrees(bootstrap_servers, topic, tmp_path / "b")
    for number in range(3):
        one, other = (tmp_path / part / topic / f"{number}.csv" for part in "ab")
        assert one.read_bytes() == other.read_bytes()


def test_text_that_a_spreadsheet_would_run_is_neutralised(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "'x", '=HYPERLINK("http://evil","x")', "a,=b", '"q"']
    sent = [
        one.model_copy(update={"facility": n}) for one, n in zip(readings(8), names, strict=True)
    ]
    send(bootstrap_servers, topic, sent)
    drain(topic, tmp_path)

    records = assert_agrees(bootstrap_servers, topic, tmp_path)
    seen = {json.loads(one.value)["facility"] for group in records.values() for one in group}
    assert seen == set(names)
    for number in range(3):
        for row in read_csv(tmp_path / topic, number):
            assert row["facility"][0] not in "=+-@"


def test_a_consumer_waits_for_its_first_record_and_ends_gracefully(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    with running(topic, "graceful", tmp_path) as consumer:
        assert consumer.partitions == [0, 1, 2]
        # Its partitions are known a moment before its first figures are written.
        wait_until(
            lambda: "partitions 0, 1, 2, 0 rows stored" in repr(consumer), lambda: repr(consumer)
        )
        (record,) = (one for one in read_run_files("consumer") if one["pid"] == consumer.pid)
        assert (record["topic"], record["group_id"]) == (topic, "graceful")
        send(bootstrap_servers, topic, readings(200))
        wait_until(lambda: stored(tmp_path, topic) == 200, "200 rows in the status files")
        assert {status.state for status in consumer.progress} == {"running"}
        assert {status.lag for status in consumer.progress} == {0}
        assert {status.lag_s for status in consumer.progress} == {0.0}
        consumer.stop()

    assert consumer.process.returncode == 0
    assert {status.state for status in read_progress(tmp_path, topic)} == {"stopped"}
    assert not [one for one in read_run_files("consumer") if one["pid"] == consumer.pid]
    records = assert_agrees(bootstrap_servers, topic, tmp_path)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    committed = admin.list_group_offsets("graceful")["graceful"]
    admin.close()
    ends = {TopicPartition(topic, number): len(group) for number, group in records.items()}
    assert {one: offset.offset for one, offset in committed.items()} == ends


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_storing_what_it_has(
    bootstrap_servers: str, topic: str, tmp_path: Path, signum: signal.Signals
) -> None:
    with running(topic, "signalled", tmp_path) as consumer:
        send(bootstrap_servers, topic, readings(300))
        wait_until(lambda: stored(tmp_path, topic) > 0, "the first rows")
        consumer.process.send_signal(signum)
        assert consumer.wait(PATIENCE_S)

    assert consumer.process.returncode in (0, 128 + signum)
    for status in read_progress(tmp_path, topic):
        assert status.state == "stopped"
        rows = read_csv(tmp_path / topic, status.partition)
        assert status.position == (int(rows[-1]["offset"]) + 1 if rows else 0)
        with CsvLog(  # the lock is free, and nothing was torn
            tmp_path,
            topic,
            status.partition,
            topic_id=lab.describe_topic(topic).topic_id,
            cluster_id=lab.describe_topic(topic).cluster_id,
        ) as log:
            assert log.cut_bytes == 0
    drain(topic, tmp_path)
    assert_agrees(bootstrap_servers, topic, tmp_path)


PARENT = """
import sys, time
from labkit.consumer.consumer import start_consumer
consumer = start_consumer(sys.argv[1], "orphan", sys.argv[2])
print(consumer.pid, flush=True)
time.sleep(600)
"""


def test_a_consumer_ends_when_its_parent_is_killed(topic: str, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, topic, str(tmp_path)], stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        parent.wait()
        child.wait(PATIENCE_S)

    assert {status.state for status in read_progress(tmp_path, topic)} == {"stopped"}


@pytest.mark.skipif(os.name == "nt", reason="there are no signals")
def test_a_wait_for_a_killed_consumer_says_how_to_start_it_again(
    bootstrap_servers: str, topic: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(topic, "killed", tmp_path) as consumer:
        os.kill(consumer.pid, signal.SIGKILL)
        assert consumer.wait(PATIENCE_S)
        send(bootstrap_servers, topic, readings(20))
        with pytest.raises(WorkerFailed, match="20 records are not stored yet") as caught:
            consumer.wait_until_caught_up()
        line = f"consumer = lab.start_consumer({topic!r}, 'killed', {str(tmp_path)!r})"
        assert caught.value.next_line == line
        again: dict[str, Any] = {"lab": lab}
        exec(line, again)
        assert "the consumer was killed by signal 9" in capsys.readouterr().err.lower()
        again["consumer"].wait_until_caught_up()
        assert stored(tmp_path, topic) == 20
        again["consumer"].stop()


def test_two_members_share_the_partitions_and_double_nothing(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    send(bootstrap_servers, topic, readings(300))
    with (
        running(topic, "pair", tmp_path, "one") as one,
        running(topic, "pair", tmp_path, "two") as two,
    ):

        def shared() -> bool:
            parts = sorted((one.partitions or []) + (two.partitions or []))
            return parts == [0, 1, 2] and bool(one.partitions) and bool(two.partitions)

        wait_until(shared, "each member has partitions of its own")
        send(bootstrap_servers, topic, readings(300, seed=8))
        wait_until(lambda: stored(tmp_path, topic) == 600, "600 rows")
        assert {status.pid for status in read_progress(tmp_path, topic)} == {one.pid, two.pid}
        one.stop()
        wait_until(lambda: two.partitions == [0, 1, 2], "the other takes all over")
        send(bootstrap_servers, topic, readings(300, seed=9))
        wait_until(lambda: stored(tmp_path, topic) == 900, "900 rows")
        two.stop()

    assert_agrees(bootstrap_servers, topic, tmp_path)


def test_a_partition_whose_lock_is_held_waits_and_says_for_whom(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    send(bootstrap_servers, topic, readings(200))
    found = lab.describe_topic(topic)
    ids = {"topic_id": found.topic_id, "cluster_id": found.cluster_id}
    with (
        CsvLog(tmp_path, topic, 1, **ids),
        running(topic, "second", tmp_path) as consumer,
    ):
        wait_until(
            lambda: f"1: partition 1 is being written by process {os.getpid()}" in repr(consumer),
            "the reason",
        )
        records = read_topic(bootstrap_servers, topic)
        others = len(records[0]) + len(records[2])
        wait_until(lambda: stored(tmp_path, topic) == others, "the other partitions flow")
        consumer.stop()
    with running(topic, "second", tmp_path):
        wait_until(lambda: stored(tmp_path, topic) == 200, "all of it, once the lock is free")

    assert_agrees(bootstrap_servers, topic, tmp_path)


def test_a_topic_that_is_not_there(bootstrap_servers: str, tmp_path: Path) -> None:
    with pytest.raises(TopicNotFound):
        drain("no-such-topic", tmp_path)
    with pytest.raises(WorkerFailed, match="no-such-topic"):
        start_consumer("no-such-topic", "g", tmp_path)
