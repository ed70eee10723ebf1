"""The data folder is deleted, cannot be written, or becomes writable, while a consumer runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faulty import a_consumer, readings, send, stored
from oracle import assert_agrees
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.ledger.ledger import carbon_ledger
from labkit.sink.partition_status import read_progress


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps an open file in place")
@pytest.mark.parametrize("more", [0, 200])
def test_row_13_a_data_folder_that_is_deleted_is_written_again(
    bootstrap_servers: str, topic: str, tmp_path: Path, more: int
) -> None:
    data = tmp_path / "data"
    send(bootstrap_servers, topic, list(readings(200)))
    with a_consumer("deleted", topic, "g", data) as consumer:
        wait_until(lambda: stored(data, topic) == 200, "200 rows")
        shutil.rmtree(data)
        assert "a moment ago" not in carbon_ledger(topic, data).sentence
        send(bootstrap_servers, topic, list(readings(more, seed=8)))
        wait_until(lambda: stored(data, topic) == 200 + more, "all of it again")
        said = consumer.log_path.read_text()
        assert "was deleted, moved or overwritten" in said
        wait_until(
            lambda: "can go on again" in consumer.log_path.read_text(), "that it goes on again"
        )
        consumer.stop()
    assert_agrees(bootstrap_servers, topic, data)


def test_a_data_folder_that_cannot_be_written_is_said_at_once(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.write_text("a file where the folder should be: root may write into any folder")
    send(bootstrap_servers, topic, list(readings(50)))
    with a_consumer("refused", topic, "g", data) as consumer:
        wait_until(
            lambda: "partitions 0, 1, 2 cannot go on: " in consumer.log_path.read_text(),
            lambda: consumer.log_path.read_text(),
        )
        assert f"{data}" in consumer.log_path.read_text()
        found = read_progress(data, topic)
        assert {one.state for one in found} == {"paused"}, "although no status file can be written"
        assert all("cannot be written" in (one.reason or "") for one in found)
        data.unlink()
        wait_until(lambda: stored(data, topic) == 50, "it goes on by itself")
        assert {one.state for one in read_progress(data, topic)} == {"running"}
        consumer.stop()
    assert_agrees(bootstrap_servers, topic, data)


def test_a_consumer_waits_for_its_topic_if_asked(
    bootstrap_servers: str, topic_name: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "labkit", "consume", "--topic", topic_name]
    command += ["--data", str(tmp_path), "--until-end"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert refused.returncode == 1
    assert "labkit consume --wait-for-topic" in refused.stderr

    with subprocess.Popen(
        [*command, "--wait-for-topic"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waits:
        assert waits.stderr is not None
        found = (line for line in waits.stderr if "Waiting for the topic" in line)
        assert f"{topic_name!r} is not on this cluster" in next(found)
        lab.ensure_topic(topic_name, num_partitions=1)
        out, _ = waits.communicate(timeout=PATIENCE_S)
    assert waits.returncode == 0
    assert "0 records stored" in out
