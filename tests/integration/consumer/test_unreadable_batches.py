"""A batch that cannot be read holds up its own partition only, and says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import kafka.codec
import pytest
from faulty import a_consumer, readings, send, status_of, stored
from kafka import KafkaProducer
from oracle import read_csv
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import stop_cluster
from labkit.consumer.poll_loop import consume
from labkit.core.errors import BatchUnreadable


def test_a_codec_that_is_not_installed_is_named_and_the_other_partitions_go_on(
    bootstrap_servers: str, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = KafkaProducer(bootstrap_servers=bootstrap_servers, compression_type="gzip")
    one, *others = readings(41)
    packed.send(topic, one.to_json() * 9, b"key", partition=0).get(timeout=30)
    packed.close()
    for partition in (1, 2):
        send(bootstrap_servers, topic, list(others[:20]), partition=partition)

    monkeypatch.setattr(kafka.codec, "has_gzip", lambda: False)
    stop, said = threading.Event(), []
    thread = threading.Thread(
        target=consume, args=(topic, "g", tmp_path, stop), kwargs={"say": said.append}
    )
    thread.start()
    try:
        wait_until(lambda: stored(tmp_path, topic) == 40, "the other partitions")

        def reason() -> str:
            status = status_of(tmp_path, topic, 0)
            return (status.reason or "") if status else ""

        wait_until(lambda: "the batch at offset 0 cannot be read" in reason(), reason)
        with pytest.raises(BatchUnreadable, match="partition 0 of"):
            lab.check_pipeline(topic, tmp_path, wait_s=0)
        ledger = lab.carbon_ledger(topic, tmp_path)
        assert "the batch at offset 0 cannot be read" in (ledger.topic.note or "")
        monkeypatch.undo()
        wait_until(lambda: "Next:" not in reason(), "it goes on by itself")
    finally:
        stop.set()
        thread.join()
    assert any("partition 0 cannot go on" in line for line in said), said
    assert any("partition 0 can go on again" in line for line in said), said


@pytest.mark.skipif(sys.platform == "win32", reason="runs a line of bash")
def test_a_batch_that_is_damaged_on_disk_can_be_given_up(lab_dir: Path) -> None:
    data = lab_dir / "data"
    servers = lab.start_broker().bootstrap_servers
    lab.ensure_topic("damaged", num_partitions=2)
    sent = readings(90)
    for first in (0, 30, 60):
        send(servers, "damaged", list(sent[first : first + 30]), partition=0)
    send(servers, "damaged", list(sent), partition=1)
    stop_cluster()
    (segment,) = (lab_dir / ".labkit" / "cluster").rglob("damaged-0/*.log")
    content = bytearray(segment.read_bytes())
    at = content.index(sent[45].reading_id.encode())
    content[at] ^= 1
    segment.write_bytes(content)
    lab.start_broker()

    with a_consumer("damaged", "damaged", "g", data) as consumer:
        wait_until(lambda: len(read_csv(data / "damaged", 1)) == 90, "the other partition")
        wait_until(lambda: "is damaged" in consumer.log_path.read_text(), "the reason")
        status = status_of(data, "damaged", 0)
        assert status is not None
        assert status.state == "paused"
        before, _, next_line = (status.reason or "").partition(" Next: ")
        assert before.startswith(f"the batch at offset {status.position} is damaged")
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        subprocess.run(["bash", "-c", next_line], check=True, env=environment, cwd=lab_dir)
        wait_until(
            lambda: read_csv(data / "damaged", 0)[-1]["offset"] == "89", "the batch after it"
        )
        consumer.stop()
    assert status.position is not None
    offsets = [int(row["offset"]) for row in read_csv(data / "damaged", 0)]
    lost = set(range(90)) - set(offsets)
    assert lost == set(range(status.position, status.position + len(lost)))
    stopped = status_of(data, "damaged", 0)
    assert stopped is not None
    assert stopped.gap_records == len(lost)
