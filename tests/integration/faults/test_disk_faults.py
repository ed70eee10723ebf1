"""The fault matrix, row 10: a disk that is full, until it is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from faulty import a_consumer, readings, send, stored
from oracle import assert_agrees, read_topic
from require import require
from waiting import wait_until

from labkit.api.data_source import DataSource
from labkit.core.errors import FolderNotWritable
from labkit.producer.send_loop import fleet_source, produce
from labkit.producer.sent_counts import read_sent_counts
from labkit.producer.unanswered_records import settle
from labkit.readings.pacing import Pace
from labkit.sink.partition_status import read_progress
from labkit.topics.topics import describe_topic


def says_why(data_dir: Path, topic: str) -> bool:
    found = read_progress(data_dir, topic)
    reasons = [one.reason or "" for one in found if one.state == "paused"]
    return any("takes no more" in one and "Next: " in one for one in reasons)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux sets the limits of another process")
def test_row_10_a_file_that_may_not_grow(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE: a part of the write is taken without a word, then EFBIG."""
    with a_consumer("full", topic, "full", tmp_path) as consumer:
        send(bootstrap_servers, topic, readings(50))
        wait_until(lambda: stored(tmp_path, topic) == 50, "50 rows")
        child = psutil.Process(consumer.pid)
        largest = max(path.stat().st_size for path in (tmp_path / topic).glob("*.csv"))
        child.rlimit(psutil.RLIMIT_FSIZE, (largest + 2_000, psutil.RLIM_INFINITY))
        send(bootstrap_servers, topic, readings(500, seed=8))
        wait_until(lambda: says_why(tmp_path, topic), "a paused partition says why")
        health = DataSource(tmp_path, topic).health()
        assert health["status"] == "degraded"
        assert any("takes no more" in problem for problem in health["problems"])
        child.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        wait_until(lambda: stored(tmp_path, topic) == 550, "all of it, once there is room")
        consumer.stop()
    assert_agrees(bootstrap_servers, topic, tmp_path)
    assert DataSource(tmp_path, topic).health()["status"] == "ok"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with a file system of 128 KiB, of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    missing = None
    if sys.platform != "linux" or os.geteuid() != 0:
        missing = "only root may mount one, on Linux"
    else:
        mounted = subprocess.run(command, capture_output=True, text=True)
        missing = mounted.stderr.strip() or None
    require("tmpfs", missing)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_row_10_a_disk_that_is_full(bootstrap_servers: str, topic: str, small_disk: Path) -> None:
    """ENOSPC, for the CSV and for everything else that lies beside it."""
    with a_consumer("enospc", topic, "enospc", small_disk) as consumer:
        send(bootstrap_servers, topic, readings(50))
        wait_until(lambda: stored(small_disk, topic) == 50, "50 rows")
        send(bootstrap_servers, topic, readings(1000, seed=8))
        why = "No space left on device"
        wait_until(lambda: why in consumer.status, "it says why it waits")
        wait_until(lambda: f"Next: df -h {small_disk}" in consumer.log_path.read_text(), "the line")
        assert consumer.is_running, consumer.state
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        wait_until(lambda: stored(small_disk, topic) == 1050, "all of it, once there is room")
        consumer.stop()
    assert_agrees(bootstrap_servers, topic, small_disk)


def test_row_10_a_full_disk_under_the_delivery_log(
    bootstrap_servers: str, topic: str, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing leaves without its line, and once there is room the ledger's counts are true."""
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", bootstrap_servers)
    monkeypatch.setenv("LABKIT_STATE_DIR", str(small_disk))
    with pytest.raises(FolderNotWritable, match="No space left on device") as refused:
        produce(topic, fleet_source(Pace(0, 0.0)), threading.Event(), count=5_000)
    assert refused.value.next_line.startswith(f"df -h {small_disk}")
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    topic_id = describe_topic(topic).topic_id
    settle(topic, topic_id)
    counts = read_sent_counts(topic_id)
    in_topic = sum(map(len, read_topic(bootstrap_servers, topic).values()))
    assert counts.acked == in_topic > 0
    assert counts.emitted == counts.acked + counts.failed
    assert counts.unknown == 0
