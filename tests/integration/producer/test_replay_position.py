"""A replay that stops goes on where it stopped, and no row is in the topic twice."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from kafka import TopicPartition
from oracle import read_topic
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker.kafka_clients import admin
from labkit.core.errors import ReplayComplete, ReplayError
from labkit.producer.producer import start_producer
from labkit.readings.replay import Replay

pytestmark = pytest.mark.usefixtures("lab_dir")
ROWS = 3_000
START = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def table(tmp_path) -> Path:
    """A table of a row each ten seconds, of seven plants."""
    rows = [
        f"{START + timedelta(seconds=10 * n):%Y-%m-%dT%H:%M:%SZ},P{n % 7},{n}.25"
        for n in range(ROWS)
    ]
    path = tmp_path / "table.csv"
    path.write_text("time,plant,co2_kg\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def in_topic(bootstrap_servers: str, topic: str) -> Counter:
    """Count the amounts in a topic, in grams; each row of the table has another one."""
    found = [one for part in read_topic(bootstrap_servers, topic).values() for one in part]
    return Counter(round(json.loads(record.value)["co2_kg"] * 1000) for record in found)


def every_row_once() -> Counter:
    return Counter({n * 1000 + 250: 1 for n in range(ROWS)})


def send_all(topic: str, source: object, **options: object) -> None:
    producer = start_producer(topic, replay=source, speed=0, **options)
    assert producer.wait(PATIENCE_S)
    producer.stop()


def test_stopped_and_continued(bootstrap_servers, topic, table):
    producer = start_producer(topic, replay=table, speed=2_000)
    wait_until(lambda: producer.counts.acked >= 100)
    producer.stop()
    sent = producer.counts.acked
    assert sent < ROWS
    producer = start_producer(topic, replay=table, speed=0)
    assert producer.position is not None
    assert producer.position.told.startswith(f"{sent:,} of {ROWS:,} readings are in the topic")
    assert producer.wait(PATIENCE_S)
    producer.stop()
    assert in_topic(bootstrap_servers, topic) == every_row_once()
    with pytest.raises(ReplayComplete, match=r"are in the topic .* already"):
        start_producer(topic, replay=table, speed=0)
    send_all(topic, table, again=True)
    assert set(in_topic(bootstrap_servers, topic).values()) == {2}


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.2])
def test_killed_and_continued(bootstrap_servers, topic, table, after_s):
    """The position's file is up to a second old: the topic tells about the rows after it."""
    command = [sys.executable, "-m", "labkit", "replay", str(table), "--yes", "--speed", "6000"]
    with subprocess.Popen([*command, "--topic", topic], stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: len(in_topic(bootstrap_servers, topic)) > 10)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.kill()
    before = in_topic(bootstrap_servers, topic)
    assert 10 < len(before) < ROWS
    send_all(topic, table)
    assert in_topic(bootstrap_servers, topic) == every_row_once()


def test_records_of_which_nobody_knows_are_looked_for_in_the_topic(
    bootstrap_servers, topic, table, lab_dir
):
    """As after a broker's outage: records are in the topic, and no acknowledgement came."""
    send_all(topic, table, acks=0)
    (path,) = (lab_dir / ".labkit" / "replay").glob("*/*.json")
    assert not json.loads(path.read_text(encoding="utf-8"))["settled"]
    with pytest.raises(ReplayComplete):
        start_producer(topic, replay=table, speed=0)
    assert in_topic(bootstrap_servers, topic) == every_row_once()


def test_a_part_first_and_the_rest_in_two_runs(bootstrap_servers, topic, table):
    """The position is no longer one line, so what is there is known by its ids."""
    send_all(topic, Replay(table, from_line=2_000))
    assert len(in_topic(bootstrap_servers, topic)) == ROWS - 1_998
    send_all(topic, table, count=100)
    send_all(topic, table)
    assert in_topic(bootstrap_servers, topic) == every_row_once()
    with pytest.raises(ReplayComplete):
        start_producer(topic, replay=Replay(table, from_line=2_000), speed=0)


def test_records_that_retention_deleted_cannot_be_looked_for(bootstrap_servers, topic, table):
    send_all(topic, table, acks=0, count=100)
    with admin() as client:
        client.delete_records({TopicPartition(topic, number): -1 for number in range(3)})
    with pytest.raises(ReplayError, match="retention has deleted records") as caught:
        start_producer(topic, replay=table, speed=0)
    assert "--again --from-line N" in caught.value.next_line
    send_all(topic, Replay(table, from_line=102), again=True)
    assert in_topic(bootstrap_servers, topic) == Counter(
        {n * 1000 + 250: 1 for n in range(100, ROWS)}
    )


def test_a_corrected_version_sends_only_what_is_new(bootstrap_servers, topic, table):
    whole = table.read_text(encoding="utf-8")
    broken = table.with_name("broken.csv")
    broken.write_text(whole.replace(",1500.25\n", ",\n"), encoding="utf-8")
    with pytest.raises(ReplayError, match=r"line 1502.*nothing was sent"):
        start_producer(topic, replay=broken, speed=0)
    assert in_topic(bootstrap_servers, topic) == Counter()
    send_all(topic, Replay(broken, skip_empty=True))
    assert len(in_topic(bootstrap_servers, topic)) == ROWS - 1
    send_all(topic, table)
    assert in_topic(bootstrap_servers, topic) == every_row_once()


def test_two_tables_that_do_not_name_a_facility(bootstrap_servers, topic, tmp_path):
    for name, amounts in (("north.csv", (5.5, 6.5)), ("south.csv", (5.5, 7.5))):
        rows = [f"2025-01-01 0{hour}:00,{amount}" for hour, amount in enumerate(amounts)]
        (tmp_path / name).write_text("time,co2_kg\n" + "\n".join(rows), encoding="utf-8")
    send_all(topic, tmp_path / "north.csv")
    with pytest.raises(ReplayError, match=r"neither did north\.csv") as caught:
        start_producer(topic, replay=tmp_path / "south.csv", speed=0)
    assert "--set facility=NAME" in caught.value.next_line
    send_all(topic, Replay(tmp_path / "south.csv", values={"facility": "South"}))
    assert in_topic(bootstrap_servers, topic) == Counter({5500: 2, 6500: 1, 7500: 1})


def test_a_topic_that_was_created_again_has_none_of_it(bootstrap_servers, topic, table):
    send_all(topic, table)
    lab.delete_topic(topic)
    lab.ensure_topic(topic)
    send_all(topic, table)
    assert in_topic(bootstrap_servers, topic) == every_row_once()


def test_one_process_at_a_time(bootstrap_servers, topic, table):
    producer = start_producer(topic, replay=table, speed=1)
    with pytest.raises(ReplayError, match=r"being replayed into .* by another process"):
        start_producer(topic, replay=table, speed=0, name="another")
    producer.stop()
    send_all(topic, table)
    assert in_topic(bootstrap_servers, topic) == every_row_once()


# kafka-python leaves the sockets of refused connections to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_broker_that_was_gone(table):
    with lab.start_broker() as broker:
        lab.ensure_topic("co2-emissions", num_partitions=3)
        producer = start_producer("co2-emissions", replay=table, speed=3_000)
        wait_until(lambda: producer.counts.acked >= 200)
        (node,) = broker.nodes
        psutil.Process(node.process.pid).kill()
        wait_until(lambda: producer.counts.emitted > producer.counts.acked + 100)
        producer.stop(timeout_s=PATIENCE_S)
        assert producer.counts.unknown > 0
        lab.start_broker()  # on the port it had
        send_all("co2-emissions", table)
        assert in_topic(broker.bootstrap_servers, "co2-emissions") == every_row_once()
