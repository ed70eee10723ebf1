"""A CSV whose records the topic no longer holds is refused; one from a backup is continued."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty import a_consumer, drain, readings, send, stored
from oracle import assert_agrees, read_csv, read_topic
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import stop_cluster
from labkit.core.errors import SinkForeign

# Records before the copy, lost with it, and sent after it was put back.
HISTORIES = {"grown-past": (100, 60, 80), "as-long": (50, 20, 20), "last-only": (30, 1, 1)}


@pytest.mark.skipif(sys.platform == "win32", reason="freezes a process, and runs a line of sh")
def test_a_brokers_older_copy_that_has_grown_past_the_csv_is_refused_by_name(
    lab_dir: Path,
) -> None:
    cluster, copy, data = lab_dir / ".labkit" / "cluster", lab_dir / "copy", lab_dir / "data"
    servers = lab.start_broker().bootstrap_servers
    for name, (before, _lost, _after) in {**HISTORIES, "running": HISTORIES["grown-past"]}.items():
        lab.ensure_topic(name, num_partitions=1)
        send(servers, name, list(readings(before, seed=1)))
    stop_cluster()
    shutil.copytree(cluster, copy)
    servers = lab.start_broker().bootstrap_servers
    for name, (_before, lost, _after) in HISTORIES.items():
        send(servers, name, list(readings(lost, seed=2)))
        drain(name, data)

    with a_consumer("frozen", "running", "g", data) as consumer:
        send(servers, "running", list(readings(60, seed=2)))
        wait_until(lambda: stored(data, "running") == 160, "160 rows")
        consumer.process.send_signal(signal.SIGSTOP)
        stop_cluster()
        shutil.rmtree(cluster)
        copy.rename(cluster)
        servers = lab.start_broker().bootstrap_servers
        for name, (_before, _lost, after) in HISTORIES.items():
            send(servers, name, list(readings(after, seed=3)))
        send(servers, "running", list(readings(80, seed=3)))
        consumer.process.send_signal(signal.SIGCONT)
        assert consumer.wait(60.0)
        said = consumer.log_path.read_text()
        assert "the rows of partition 0" in said, said
        assert len(read_csv(data / "running", 0)) == 160, "none of the other history"

    for name, (before, lost, _after) in HISTORIES.items():
        with pytest.raises(SinkForeign, match="the rows of partition 0") as refused:
            drain(name, data)
        kept = (data / name / "0.csv").read_bytes()
        assert len(read_csv(data / name, 0)) == before + lost
        # The way on that it names loses nothing: the old rows are kept, the topic is stored.
        subprocess.run(["sh", "-c", refused.value.next_line], check=True)
        drain(name, data)
        assert (data / f"{name}.old" / "0.csv").read_bytes() == kept
        assert_agrees(servers, name, data)


def whole_folder(backup: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)


def csv_files(backup: Path, folder: Path) -> None:
    for path in backup.glob("*.csv"):
        shutil.copy(path, folder)


def one_partition(backup: Path, folder: Path) -> None:
    shutil.copy(backup / "0.csv", folder)
    shutil.copy(backup / "0.json", folder)


@pytest.mark.parametrize("put_back", [whole_folder, csv_files, one_partition])
@pytest.mark.parametrize("while_running", [False, True])
def test_a_csv_that_is_put_back_from_a_backup_is_continued(
    bootstrap_servers: str,
    topic: str,
    tmp_path: Path,
    put_back: Callable[[Path, Path], None],
    while_running: bool,
) -> None:
    data = tmp_path / "data"
    send(bootstrap_servers, topic, list(readings(200, seed=1)))
    drain(topic, data)
    shutil.copytree(data / topic, tmp_path / "backup")
    send(bootstrap_servers, topic, list(readings(200, seed=2)))
    if while_running:
        with a_consumer("running", topic, "g", data) as consumer:
            wait_until(lambda: stored(data, topic) == 400, "400 rows")
            put_back(tmp_path / "backup", data / topic)
            send(bootstrap_servers, topic, list(readings(200, seed=3)))

            def is_complete() -> bool:
                counts = {
                    n: len(found) for n, found in read_topic(bootstrap_servers, topic).items()
                }
                return counts == {n: len(read_csv(data / topic, n)) for n in counts}

            wait_until(is_complete, "a row of each record")
            consumer.stop()
    else:
        drain(topic, data)
        put_back(tmp_path / "backup", data / topic)
        drain(topic, data)
    assert_agrees(bootstrap_servers, topic, data)
