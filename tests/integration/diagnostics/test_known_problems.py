"""Fifteen known problems: each caused for real, answered, and gone once the next line was typed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError
from kernel import PATIENCE_S, Kernel
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.broker.cluster_state import cluster_dir
from labkit.core.errors import BrokerUnavailable
from labkit.diagnostics.error_card.error_card import answer_to
from labkit.diagnostics.known_problems import Answer

SET_UP = """
%reset -f
%load_ext labkit
import json, socket, time, warnings
warnings.simplefilter("ignore")
import labkit as lab
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
servers, topic = {servers!r}, {topic!r}

def read(consumer, count):
    found, deadline = [], time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=500).values():
            found += records
    return found

def send(*values):
    with KafkaProducer(bootstrap_servers=servers) as producer:
        for value in values:
            producer.send(topic, value).get(30)
"""
GOOD, BAD = b'{"co2_kg": 1}', b"not json"


@pytest.fixture(scope="module")
def kernel(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Return a kernel of the session's lab, as JupyterLab starts one."""
    one = Kernel(tmp_path_factory.mktemp("notebooks"))
    yield one
    one.stop()


@pytest.fixture
def notebook(kernel: Kernel, broker: Broker, topic_name: str) -> Kernel:
    """Return the kernel with the first cell of a notebook run, and nothing else in it."""
    kernel.fine(SET_UP.format(servers=broker.bootstrap_servers, topic=topic_name))
    return kernel


@pytest.fixture
def one_partition(topic_name: str, broker: Broker) -> str:
    lab.ensure_topic(topic_name, num_partitions=1)
    return topic_name


def child(code: str, servers: str, topic: str, until: str) -> None:
    """Run a program until it prints a line, and kill it there as a crash would."""
    head = f"from kafka import *\nservers, topic = {servers!r}, {topic!r}\n"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", head + code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if until in line:
                    return
            pytest.fail(f"it ended before it printed {until!r}")
        finally:
            process.kill()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_01_broker_unreachable(notebook: Kernel, one_partition: str) -> None:
    port = closed_port()
    cell = notebook.run(
        f'KafkaConsumer(topic, bootstrap_servers="127.0.0.1:{port}", bootstrap_timeout_ms=1_000)'
    )
    assert cell.error == "KafkaTimeoutError"
    assert f"Nothing listens at 127.0.0.1:{port}" in cell.note
    assert cell.next_line == (
        f"KafkaConsumer({one_partition!r}, bootstrap_servers=lab.start_broker().bootstrap_servers)"
    )
    notebook.fine(f"consumer = {cell.next_line}; assert topic in consumer.topics()")


def test_01_a_broker_that_is_frozen(notebook: Kernel, broker: Broker, one_partition: str) -> None:
    connect = "KafkaConsumer(topic, bootstrap_servers=servers, bootstrap_timeout_ms=2_000)"
    broker.freeze(1)
    try:
        cell = notebook.run(connect)
        assert cell.error == "KafkaTimeoutError"
        assert "Of this lab's brokers, 1 is frozen" in cell.note
        line = cell.next_line
        assert line == "!labkit broker thaw 1"
        command = line.removeprefix("!")
        assert f"Next: {command}" in notebook.fine("lab.doctor()").text  # it knows the same
        run(["-m", *command.split()], {})
        notebook.fine(connect)
    finally:
        if broker.nodes[0].state == "frozen":
            broker.thaw(1)


def test_02_wrong_advertised_listeners(notebook: Kernel) -> None:
    port = closed_port()
    notebook.fine(f'second = lab.start_second_broker("PLAINTEXT://127.0.0.1:{port}")')
    try:
        cell = notebook.run(
            "admin = KafkaAdminClient(bootstrap_servers=second.bootstrap_servers)\n"
            'admin.create_topics({"t": {"num_partitions": 1}})'
        )
        assert cell.error == "KafkaConnectionError"
        assert f"sends its clients on to 127.0.0.1:{port}" in cell.note
        assert cell.next_line == "second.bootstrap_servers"
        # An address without its listener's name is refused, and the broker runs on.
        refused = notebook.run('second.restart("127.0.0.1:9")')
        assert refused.error == "BrokerUnavailable"
        assert "begins with the listener's name" in refused.note
        assert notebook.fine("print(second.is_running)").stream == "True\n"
        # Another client, and another error, for the same reason.
        cell = notebook.run(
            "producer = KafkaProducer(bootstrap_servers=second.bootstrap_servers,"
            ' max_block_ms=2_000)\nproducer.send("t", b"x")'
        )
        assert cell.error == "KafkaTimeoutError"
        assert f"sends its clients on to 127.0.0.1:{port}" in cell.note
        notebook.fine("producer.close(0); admin.close()")
        notebook.fine(f'second.restart("PLAINTEXT://" + {cell.next_line})')
        notebook.fine(
            "admin = KafkaAdminClient(bootstrap_servers=second.bootstrap_servers)\n"
            'admin.create_topics({"t": {"num_partitions": 1}}); admin.close()'
        )
    finally:
        notebook.fine("second.stop()")


def test_03_wrong_client(tmp_path: Path, session_lab_dir: Path) -> None:
    fork = tmp_path / "kafka_python_ng-2.2.3.dist-info"
    fork.mkdir()
    (fork / "METADATA").write_text("Metadata-Version: 2.1\nName: kafka-python-ng\nVersion: 2.2.3\n")
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "__init__.py").write_text("from kafka.vendor.six.moves import range\n")
    shadowed = {"PYTHONPATH": str(tmp_path)}
    shell = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance(colors='nocolor')\n"
        "shell.run_cell('%load_ext labkit')\n"
        "result = shell.run_cell('from kafka import KafkaConsumer')\n"
        "print('error:', type(result.error_in_exec).__name__)\n"
    )
    remove = "uninstall -y kafka-python-ng"
    install = 'pip install --force-reinstall "kafka-python>=3.0.12,<3.1"'
    said = run(["-c", shell], shadowed)
    assert "error: ModuleNotFoundError" in said
    assert "`import kafka` is kafka-python-ng 2.2.3 here".replace("`", "") in said
    assert f"Next: %pip {remove}" in said
    assert f"%{install}" in said
    checks = {
        one["name"]: one for one in json.loads(run(["-m", "labkit", "doctor", "--json"], shadowed))
    }
    assert checks["kafka client"]["verdict"] == "broken"
    assert checks["kafka client"]["next_line"].endswith(install)
    assert remove in checks["kafka client"]["next_line"]
    # pip takes away what the fork brought: then the client itself is found.
    assert "error: NoneType" in run(["-c", shell], {})


def run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )
    return done.stdout


def test_04_consumer_sees_nothing(notebook: Kernel, one_partition: str) -> None:
    notebook.fine("send(b'1', b'2', b'3')")
    cell = notebook.fine(
        "consumer = KafkaConsumer(topic, bootstrap_servers=servers, group_id='late')\n"
        "while not consumer.assignment(): consumer.poll(timeout_ms=200)\n"
        "print(consumer.poll(timeout_ms=1_000)); consumer.close(autocommit=False)"
    )
    assert cell.stream.strip() == "{}"  # nothing, and no error
    cell = notebook.fine("lab.doctor(topic=topic, group_id='late')")
    assert "Group 'late' has committed nothing" in cell.text
    assert "→ 3 (the end)" in cell.text
    assert "auto_offset_reset='earliest'" in cell.next_line
    assert "<td>nothing</td>" in cell.shown[0]["text/html"]
    assert 'role="note"' in cell.shown[0]["text/html"]
    asked = ["doctor", "--topic", one_partition, "--group", "late"]  # and in a terminal
    assert cell.next_line in run(["-m", "labkit", *asked], {})
    told = json.loads(run(["-m", "labkit", *asked, "--json"], {}))
    assert (told["partitions"][0]["begins_at"], told["answers"][0]["pain"]) == (3, 4)
    again = notebook.fine(f"print(len(read({cell.next_line}, 3)))")
    assert again.stream.strip() == "3"
    # The same with the start left open, which kafka-python does say.
    cell = notebook.run(
        "consumer = KafkaConsumer(topic, bootstrap_servers=servers, group_id='open',\n"
        "    auto_offset_reset='none')\n"
        "read(consumer, 3)"
    )
    assert cell.error == "NoOffsetForPartitionError"
    assert cell.next_line == "consumer.seek_to_beginning()"
    notebook.fine(f"{cell.next_line}\nassert len(read(consumer, 3)) == 3")


def test_05_records_vanish_without_flush(
    notebook: Kernel, broker: Broker, one_partition: str
) -> None:
    program = (
        "producer = KafkaProducer(bootstrap_servers=servers, linger_ms=60_000)\n"
        "for number in range(10): producer.send(topic, b'x')\n"
    )
    waits = "print('sent', flush=True); import time; time.sleep(60)"
    child(program + waits, *where(broker, one_partition), "sent")
    cell = notebook.fine("lab.doctor(topic=topic, sent=10)")
    assert "Only 0 of the 10 records were written" in cell.text
    assert cell.next_line == "producer.flush()"
    mended = f"{program}{cell.next_line}\n{waits}"
    child(mended, *where(broker, one_partition), "sent")
    assert "records were written" not in notebook.fine("lab.doctor(topic=topic, sent=10)").text
    # A program that ends by itself loses nothing: the client sends the rest at exit.
    head = f"from kafka import *\nservers, topic = {where(broker, one_partition)!r}\n"
    run(["-W", "ignore", "-c", head + program], {})
    assert "records were written" not in notebook.fine("lab.doctor(topic=topic, sent=20)").text


def where(broker: Broker, topic: str) -> tuple[str, str]:
    return broker.bootstrap_servers, topic


def test_06_poison_pill(notebook: Kernel, broker: Broker, one_partition: str) -> None:
    notebook.fine(f"send({GOOD!r}, {BAD!r}, {GOOD!r})")
    cell = notebook.run(
        "consumer = KafkaConsumer(topic, bootstrap_servers=servers, group_id='pill',\n"
        "    auto_offset_reset='earliest', value_deserializer=json.loads)\n"
        "read(consumer, 3)"
    )
    assert cell.error == "JSONDecodeError"
    mended = cell.next_line
    assert mended.startswith("consumer.close(); consumer = KafkaConsumer(")
    assert "value_deserializer" not in mended
    # And the next poll never returns: the time that it was given is long over.
    cell = notebook.run(
        "started = time.monotonic()\n"
        "import threading\n"
        "late = threading.Timer(4, print, ['still polling'], {'flush': True}); late.start()\n"
        "consumer.poll(timeout_ms=500)",
        interrupt_at="still polling",
    )
    assert cell.error == "KeyboardInterrupt"
    assert "This poll was to end after 500 ms" in cell.note
    assert cell.next_line == mended
    # The first record was handed out, and `close` commits; what follows is there as bytes.
    cell = notebook.fine(f"{mended}\nprint([record.value for record in read(consumer, 2)])")
    assert cell.stream.strip() == str([BAD, GOOD])
    # A learner's own loop, and the record that it could not read.
    cell = notebook.run(
        "for record in KafkaConsumer(topic, bootstrap_servers=servers,\n"
        "        auto_offset_reset='earliest', consumer_timeout_ms=10_000):\n"
        "    json.loads(record.value)"
    )
    assert "partition 0, offset 1" in cell.note
    assert f"producer.send('{one_partition}.dlq', record.value" in cell.next_line


def test_07_topic_exists_or_does_not(notebook: Kernel, one_partition: str) -> None:
    cell = notebook.run(
        "admin = KafkaAdminClient(bootstrap_servers=servers)\n"
        "admin.create_topics({topic: {'num_partitions': 1, 'replication_factor': 1}})"
    )
    assert cell.error == "TopicAlreadyExistsError"
    assert cell.next_line == f"lab.ensure_topic({one_partition!r}, num_partitions=1)"
    notebook.fine(cell.next_line)
    missing = "a-name-like-no-other"
    send = (
        "producer = KafkaProducer(bootstrap_servers=servers, max_block_ms=2_000)\n"
        f"producer.send({missing!r}, b'x').get(30)"
    )
    cell = notebook.run(send)
    assert cell.error == "KafkaTimeoutError"
    assert cell.next_line == f"lab.ensure_topic({missing!r})"
    notebook.fine(cell.next_line)
    notebook.fine(send)


def test_07_a_misspelt_topic(notebook: Kernel, one_partition: str) -> None:
    wrong = f"{one_partition}s"
    asks = f"Did you mean {one_partition!r}?"
    producer = "KafkaProducer(bootstrap_servers=servers, max_block_ms=2_000)"
    cell = notebook.run(f"{producer}.send({wrong!r}, b'x')")
    assert asks in cell.note
    assert cell.next_line == f"{producer}.send({one_partition!r}, b'x')"
    cell = notebook.run(f"lab.describe_topic({wrong!r})")
    assert cell.error == "TopicNotFound"
    assert asks in cell.note
    assert cell.next_line == f"lab.describe_topic({one_partition!r})"
    # A consumer gets no error, and no records.
    consumer = f"KafkaConsumer({wrong!r}, bootstrap_servers=servers, consumer_timeout_ms=2_000)"
    cell = notebook.run(f"consumer = {consumer}\nconsumer.poll(1_000)")
    assert not cell.error
    assert asks in cell.text
    cell = notebook.run(f"other = {consumer}\nnext(other)")
    assert cell.error == "StopIteration"
    assert asks in cell.note
    notebook.fine("consumer.close(); other.close()")
    cell = notebook.run(f"lab.start_consumer({wrong!r})")
    assert cell.error == "WorkerFailed"
    assert asks in cell.note
    assert cell.next_line == f"lab.describe_topic({one_partition!r})"


def test_an_iterator_says_where_it_stands(notebook: Kernel, one_partition: str) -> None:
    made = "KafkaConsumer(bootstrap_servers=servers, consumer_timeout_ms=1_500)"
    place = f"from kafka import TopicPartition\nplace = TopicPartition({one_partition!r}, 0)\n"
    notebook.fine(f"{place}seeker = {made}\nseeker.assign([place])\nseeker.seek_to_end(place)")
    cell = notebook.run("next(seeker)")
    assert cell.error == "StopIteration"
    assert "It is at the end of the log already: offset" in cell.note
    notebook.fine("seeker.close()")
    for call in ("next(seeker)", "seeker.poll(100)"):
        cell = notebook.run(call)
        assert "This KafkaConsumer is closed" in cell.note, (call, cell)
        assert cell.next_line.startswith("seeker = KafkaConsumer(bootstrap_servers=")
    notebook.fine("one = KafkaProducer(bootstrap_servers=servers)\none.close()")
    cell = notebook.run(f"one.send({one_partition!r}, b'x')")
    assert "This KafkaProducer is closed" in cell.note
    notebook.fine("admin = KafkaAdminClient(bootstrap_servers=servers)\nadmin.close()")
    cell = notebook.run("admin.list_topics()")
    assert "This KafkaAdminClient is closed" in cell.note


def test_a_record_that_the_broker_refuses(notebook: Kernel, topic_name: str) -> None:
    producer = "one = KafkaProducer(bootstrap_servers=servers)\n"
    send = f"one.send({topic_name!r}, b'x' * 5_000).get(timeout=10)"
    notebook.fine(f"lab.ensure_topic({topic_name!r}, 1, config={{'max.message.bytes': 1_000}})")
    cell = notebook.run(f"{producer}{send}")
    assert cell.error == "MessageSizeTooLargeError"
    assert f"max.message.bytes of {topic_name!r}, 1,000 bytes" in cell.note
    assert cell.next_line.startswith(f"lab.alter_topic({topic_name!r}, ")
    notebook.fine(cell.next_line)
    assert notebook.run(send).error == "MessageSizeTooLargeError"  # the client sends no more
    notebook.fine("one.close()")
    # The broker learns of the new limit a moment later.
    wait_until(lambda: not notebook.run(f"{producer}{send}").error, "it takes the record", 30)
    notebook.fine("one.close()")


def test_a_seek_in_a_partition_that_is_not_assigned(notebook: Kernel, one_partition: str) -> None:
    cell = notebook.run(
        "from kafka import TopicPartition\n"
        "one = KafkaConsumer(bootstrap_servers=servers)\n"
        f"one.assign([TopicPartition({one_partition!r}, 0)])\n"
        f"one.seek(TopicPartition({one_partition!r}, 1), 0)"
    )
    assert cell.error == "ValueError"
    assert "Partition 1 is not assigned" in cell.note
    assert f"It has partition 0 of {one_partition!r}" in cell.note
    notebook.fine(cell.next_line)
    notebook.fine("one.close()")


def test_08_group_confusion(notebook: Kernel, one_partition: str) -> None:
    notebook.fine(
        "both = [KafkaConsumer(topic, bootstrap_servers=servers, group_id='pair', client_id=name,\n"
        "    metadata_max_age_ms=1_000) for name in ('one', 'two')]\n"
        "admin, deadline = KafkaAdminClient(bootstrap_servers=servers), time.monotonic() + 60\n"
        "def members(): return admin.describe_groups(['pair'])['pair']\n"
        "def settle(busy):\n"
        "    while time.monotonic() < deadline:\n"
        "        for one in both: one.poll(timeout_ms=200)\n"
        "        group = members()\n"
        "        if group['group_state'] == 'Stable' and len(group['members']) == 2:\n"
        "            if sum(bool(one.assignment()) for one in both) == busy: return\n"
        "    raise TimeoutError(members())\n"
        "settle(1)"
    )
    cell = notebook.fine("lab.doctor(topic=topic, group_id='pair')")
    assert "1 of 2 members" in cell.text
    line = f"lab.alter_topic({one_partition!r}, num_partitions=2)"
    assert f"Next: {line}" in cell.text
    notebook.fine(line)
    notebook.fine("settle(2)")
    cell = notebook.fine("lab.doctor(topic=topic, group_id='pair')")
    assert "group confusion" not in cell.text
    # Taking partitions oneself beside the group's sharing.
    cell = notebook.run("both[0].assign([TopicPartition(topic, 0)])")
    assert cell.error == "IllegalStateError"
    assert "both" not in cell.note
    assert cell.next_line.startswith("consumer.unsubscribe(); consumer.assign([")
    notebook.fine(f"consumer = both[0]\n{cell.next_line}")
    # Offsets without a group to keep them for.
    cell = notebook.run(
        "alone = KafkaConsumer(topic, bootstrap_servers=servers)\nread(alone, 0); alone.commit()"
    )
    assert cell.error == "IllegalStateError"
    assert "belong to a group, and this consumer has none" in cell.note
    notebook.fine(f"{cell.next_line}\nalone.commit()")


def test_09_commit_failed(notebook: Kernel, one_partition: str) -> None:
    notebook.fine("send(b'1', b'2')")
    cell = notebook.run(
        "consumer = KafkaConsumer(topic, bootstrap_servers=servers, group_id='slow',\n"
        "    auto_offset_reset='earliest', enable_auto_commit=False, max_poll_interval_ms=1_000)\n"
        "read(consumer, 2)\n"
        "admin, deadline = KafkaAdminClient(bootstrap_servers=servers), time.monotonic() + 60\n"
        "while admin.describe_groups(['slow'])['slow']['members']:\n"  # a handler that is too slow
        "    assert time.monotonic() < deadline; time.sleep(0.1)\n"
        "consumer.commit()"
    )
    assert cell.error == "CommitFailedError"
    assert "max_poll_interval_ms = 1,000 ms" in cell.note
    assert "max_poll_records=50" in cell.next_line
    notebook.fine(cell.next_line)
    notebook.fine("assert len(read(consumer, 2)) == 2; consumer.commit()")


def test_10_duplicates_after_a_restart(
    notebook: Kernel, broker: Broker, one_partition: str
) -> None:
    notebook.fine("send(*[b'x'] * 5)")
    program = (
        "consumer = KafkaConsumer(topic, bootstrap_servers=servers, group_id='crash',\n"
        "    auto_offset_reset='earliest', auto_commit_interval_ms=60_000,\n"
        "    session_timeout_ms=6_000)\n"
        "for number, record in enumerate(consumer, 1):\n"
        "    if number == 5:\n"
        "        {then}\n"
        "        print('handled', number, flush=True)\n"
    )
    # The position is committed once, so that the group is known: at 0.
    notebook.fine(
        "consumer = KafkaConsumer(bootstrap_servers=servers, group_id='crash')\n"
        "consumer.assign([TopicPartition(topic, 0)]); consumer.seek_to_beginning()\n"
        "consumer.position(TopicPartition(topic, 0)); consumer.commit(); consumer.close()"
    )
    child(program.format(then="pass"), *where(broker, one_partition), "handled 5")
    cell = notebook.fine("lab.doctor(topic=topic, group_id='crash')")
    assert "gets 5 records: again, where they were handled already" in cell.text
    line = "consumer.commit()"
    assert f"Next: {line}" in cell.text
    child(program.format(then=line), *where(broker, one_partition), "handled 5")
    cell = notebook.fine("lab.doctor(topic=topic, group_id='crash')")
    assert "again, where" not in cell.text
    assert "has committed all there is" in cell.text


def test_11_more_replicas_than_brokers(notebook: Kernel, topic_name: str) -> None:
    cell = notebook.run(
        "admin = KafkaAdminClient(bootstrap_servers=servers)\n"
        "admin.create_topics({topic: {'num_partitions': 2, 'replication_factor': 3}})"
    )
    assert cell.error == "InvalidReplicationFactorError"
    assert "there is 1" in cell.note
    line = f"lab.ensure_topic({topic_name!r}, num_partitions=2, replication_factor=1)"
    assert cell.next_line == line
    notebook.fine(line)


def test_11_too_few_brokers_left(lab_dir: Path) -> None:
    with lab.start_broker(brokers=3) as broker:
        lab.ensure_topic("three", 1, 3)
        servers = broker.bootstrap_servers
        settings = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 2_000}
        producer = KafkaProducer(bootstrap_servers=servers, **settings)
        producer.send("three", b"x").get(60)
        broker.kill(2)
        broker.kill(3)
        found = waited_for(producer)
        producer.close(timeout=0)
        assert "2 and 3 are dead" in found.sentence
        assert found.next_line == "lab.start_broker()"
        lab.start_broker()
        mended = KafkaProducer(bootstrap_servers=servers)
        mended.send("three", b"x").get(60)
        mended.close(timeout=10)


def waited_for(producer: KafkaProducer) -> Answer:
    """Send until that fails, and return what the error card says of the failure."""
    for _ in range(10):  # a leader may still have taken one for the others
        try:
            producer.send("three", b"x").get(15)
        except KafkaError as error:
            found = answer_to(error, {"producer": producer})
            assert found
            return found
    pytest.fail("every record was acknowledged")


def test_12_stale_storage(lab_dir: Path) -> None:
    with lab.start_broker():
        pass
    meta = cluster_dir() / "node-1" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=2"))  # another node's folder
    with pytest.raises(BrokerUnavailable, match="node"):
        lab.start_broker()
    report = lab.doctor()
    (storage,) = [check for check in report.checks if check.name == "storage"]
    assert storage.verdict == "broken"
    assert "is of node 2" in storage.sentence
    line = storage.next_line.partition("   (")[0]
    assert line == "labkit reset"
    run(["-m", *line.split(), "--yes"], {})
    with lab.start_broker() as broker:
        assert broker.is_running


def test_13_docker(notebook: Kernel, tmp_path: Path) -> None:
    pytest.importorskip("docker")
    cell = notebook.run(
        "import docker\n"
        f"docker.DockerClient(base_url='unix://{tmp_path / 'none.sock'}', version='auto')"
    )
    assert cell.error == "DockerException"
    assert "No Docker engine answers, and the lab needs none" in cell.note
    assert cell.next_line == "broker = lab.start_broker()"
    assert "Apache Kafka" in notebook.fine(f"{cell.next_line}; print(broker)").stream


def test_14_port_in_use(notebook: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        cell = notebook.run(f"from flask import Flask\nFlask('page').run(port={port})")
        assert cell.error == "SystemExit"
        assert f"Port {port} of this machine is taken" in cell.note
        assert cell.next_line == "app.run(port=0)"
        cell = notebook.run(f"lab.start_api(port={port})")  # the lab's own, with its own line
        assert "start_api(port=0)" in cell.note
        notebook.fine("lab.start_api(port=0).stop()")
        cell = notebook.run(f"socket.create_server(('127.0.0.1', {port}))")
        assert cell.next_line == "port = 0"
        notebook.fine(f"{cell.next_line}; socket.create_server(('127.0.0.1', port)).close()")


def test_15_notebook_hangs(notebook: Kernel, one_partition: str) -> None:
    notebook.fine("send(b'1')")
    loop = "for record in consumer: print('got', record.value, flush=True)"
    # A thread says so later: an interrupt right after a print can land in the print itself.
    say = "import threading; threading.Timer(1, print, ['waiting'], {'flush': True}).start()\n"
    cell = notebook.run(
        "consumer = KafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset='earliest')\n"
        + say
        + loop,
        interrupt_at="waiting",
    )
    assert cell.error == "KeyboardInterrupt"
    assert "it waits for records without end" in cell.note
    assert "consumer_timeout_ms=5000" in cell.next_line
    cell = notebook.fine(f"{cell.next_line}\n{loop}")  # it ends by itself now
    assert "got" in cell.stream
    # And one poll with a long time to wait: the doctor is asked why nothing comes.
    cell = notebook.run(
        "consumer = KafkaConsumer(topic, bootstrap_servers=servers, group_id='waits')\n"
        "while not consumer.assignment(): consumer.poll(timeout_ms=200)\n"
        + say
        + "consumer.poll(timeout_ms=600_000)",
        interrupt_at="waiting",
    )
    assert cell.next_line == f"lab.doctor(topic={one_partition!r}, group_id='waits')"
    assert "has committed nothing" in notebook.fine(cell.next_line).text
