"""Three real brokers, to be killed, frozen and restarted: the cluster goes on, and comes back.

One cluster for the whole module, in a lab of its own; the last test takes it down.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import psutil
import pytest
from own_cluster import restore
from typer.testing import CliRunner
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.broker import Broker
from labkit.broker.cluster_state import read_cluster
from labkit.cli import app
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.faults.active_faults import active_faults
from labkit.pipeline.down import stop_lab
from labkit.pipeline.lab_status import lab_status, status_view
from labkit.topics.topic_metadata import cluster, read_configs

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

TOPIC = "copied"


@pytest.fixture(autouse=True)
def whole(three_brokers: Broker) -> Iterator[None]:
    """Give each test a cluster in which everybody is alive and in sync."""
    restore(three_brokers, TOPIC)
    yield
    gc.collect()  # here, where the sockets that it finds are expected


def in_sync() -> dict[int, int]:
    return {one.partition: len(one.isr) for one in lab.describe_topic(TOPIC).partitions}


def leaders() -> dict[int, int | None]:
    return {one.partition: one.leader for one in lab.describe_topic(TOPIC).partitions}


def states(broker: Broker) -> list[str]:
    return [one.state for one in broker.nodes]


def write(partition: int, value: bytes) -> None:
    """Write one record that all replicas in sync have to take."""
    with kafka_clients.producer(acks="all", request_timeout_ms=10_000) as producer:
        producer.send(TOPIC, value, partition=partition).get(timeout=PATIENCE_S)


def read(partition: int) -> list[bytes]:
    with kafka_clients.consumer(enable_auto_commit=False, auto_offset_reset="earliest") as consumer:
        place = lab_partition(partition)
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        found: list[bytes] = []
        while consumer.position(place) < end:
            found += [record.value for record in consumer.poll(500).get(place, [])]
        return found


def lab_partition(partition: int) -> object:
    from kafka import TopicPartition

    return TopicPartition(TOPIC, partition)


def marks(broker: Broker) -> dict[int, tuple[int, int]]:
    """Return each living node's pid and port."""
    return {one.node_id: (one.process.pid, one.port) for one in broker.nodes if one.process}


def test_a_broker_comes_back_after_a_topic_was_changed_and_deleted_without_it(
    three_brokers: Broker,
) -> None:
    """Kafka 4.3.1 refuses it for ever with eligible leader replicas, which the lab has off."""
    strict = {"min.insync.replicas": 3}
    lab.fresh_topic("strict", 1, replication_factor=3, config=strict)
    three_brokers.kill(2)
    wait_until(lambda: len(lab.describe_topic("strict").partitions[0].isr) == 2)
    lab.alter_topic("strict", config={"min.insync.replicas": 2})
    lab.start_broker()
    lab.delete_topic("strict")
    three_brokers.kill(2)
    restore(three_brokers, TOPIC)
    assert states(three_brokers) == ["running"] * 3


def test_each_record_is_on_three_disks_and_counts_on_two(three_brokers: Broker) -> None:
    topic = lab.describe_topic(TOPIC)
    assert {len(one.replicas) for one in topic.partitions} == {3}
    write(0, b"copied")
    with kafka_clients.consumer(group_id="a-group", enable_auto_commit=False) as consumer:
        consumer.subscribe([TOPIC])
        wait_until(lambda: bool(consumer.poll(200) or consumer.assignment()), "an assignment")
    with kafka_clients.producer(transactional_id="a-transaction") as producer:
        producer.init_transactions()
    with cluster() as client:
        names = [TOPIC, "__consumer_offsets", "__transaction_state"]
        found = read_configs(client, names, "all")
        copies = {
            one["name"]: {len(part["replica_nodes"]) for part in one["partitions"]}
            for one in client.describe_topics(names)
        }
    assert copies == {name: {3} for name in names}
    assert {name: found[name]["min.insync.replicas"] for name in names} == dict.fromkeys(names, "2")


def test_a_killed_broker_is_replaced_and_comes_back_where_it_was(three_brokers: Broker) -> None:
    before = marks(three_brokers)
    victim = leaders()[0]
    assert victim is not None
    three_brokers.kill(victim)
    assert not any(one.is_running for one in three_brokers.nodes if one.node_id == victim)
    assert states(three_brokers)[victim - 1] == "dead"
    wait_until(lambda: leaders()[0] not in (victim, -1, None), "another leader")
    write(0, b"written while one is dead")
    (supervisor,) = {one.supervisor.pid for one in [read_cluster()] if one and one.supervisor}
    assert psutil.pid_exists(supervisor)

    again = lab.start_broker()  # finds the cluster, and starts the dead node alone
    after = marks(again)
    assert {key: after[key] for key in after if key != victim} == {
        key: before[key] for key in before if key != victim
    }
    assert after[victim][0] != before[victim][0]
    assert after[victim][1] == before[victim][1]
    wait_until(lambda: min(in_sync().values()) == 3, "three replicas in sync again")
    assert b"written while one is dead" in read(0)


def test_a_frozen_broker_is_given_up_and_taken_back(three_brokers: Broker) -> None:
    victim = leaders()[1]
    assert victim is not None
    three_brokers.freeze(victim)
    assert states(three_brokers)[victim - 1] == "frozen"
    assert f"node {victim} is frozen" in repr(three_brokers)
    wait_until(lambda: leaders()[1] not in (victim, -1, None), "another leader")
    write(1, b"written while one is frozen")
    lab.start_broker()  # finds it, and leaves the experiment alone
    assert states(three_brokers)[victim - 1] == "frozen"
    with pytest.raises(LabError, match="frozen already"):
        three_brokers.freeze(victim)

    three_brokers.thaw(victim)
    assert states(three_brokers) == ["running"] * 3
    wait_until(lambda: min(in_sync().values()) == 3, "three replicas in sync again")
    with pytest.raises(LabError, match="not frozen"):
        three_brokers.thaw(victim)
    assert b"written while one is frozen" in read(1)


def test_a_restart_keeps_the_port(three_brokers: Broker) -> None:
    before = marks(three_brokers)
    three_brokers.restart(3)
    after = marks(three_brokers)
    assert after[3][0] != before[3][0]
    assert [port for _, port in after.values()] == [port for _, port in before.values()]
    three_brokers.kill(3)
    with pytest.raises(LabError, match="dead already") as refused:
        three_brokers.kill(3)
    assert "restart 3" in refused.value.next_line
    three_brokers.restart(3)
    assert states(three_brokers) == ["running"] * 3


def test_without_a_majority_it_says_why_it_stands_still(three_brokers: Broker) -> None:
    three_brokers.freeze(1)
    three_brokers.freeze(2)
    with pytest.raises(BrokerUnavailable, match=r"1, 2 of 3 are frozen.*majority"):
        lab.start_broker()
    three_brokers.freeze(3)
    with pytest.raises(BrokerUnavailable, match="frozen") as refused:
        kafka_clients.bootstrap_servers()
    assert "thaw 1" in refused.value.next_line


def test_no_fault_takes_the_majority_away(three_brokers: Broker) -> None:
    three_brokers.kill(1)
    refused = "2 of 3 brokers run, and one less is not a majority"
    with pytest.raises(LabError, match=refused) as told:
        lab.inject("broker-freeze", seed=7)
    assert "labkit mend" in told.value.next_line
    assert states(three_brokers) == ["dead", "running", "running"]


def test_there_is_no_fourth_node_and_no_foreign_one(three_brokers: Broker) -> None:
    with pytest.raises(LabError, match="no node 4; it has 1, 2, 3"):
        three_brokers.kill(4)
    with pytest.raises(LabError, match="not the lab's own: the lab cannot freeze"):
        Broker("kafka.example.org:9092", "an-id").freeze(1)


def test_the_same_on_the_command_line(
    three_brokers: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    def labkit(*words: str) -> str:
        result = CliRunner().invoke(app, ["broker", *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "restart 2" in labkit("kill", "2")
    assert "node 2 is dead" in labkit("status")
    found = {one["node_id"]: one["state"] for one in lab_status()["brokers"]}
    assert found == {1: "running", 2: "dead", 3: "running"}
    assert "3 brokers" in labkit("restart", "2")
    assert "thaw 1" in labkit("freeze", "1")
    from rich.console import Console

    Console().print(status_view(lab_status()))
    assert "frozen" in capsys.readouterr().out
    labkit("thaw", "1")
    assert states(three_brokers) == ["running"] * 3


def test_down_ends_a_frozen_node_too(three_brokers: Broker) -> None:
    processes = [one.process for one in three_brokers.nodes if one.process]
    assert len(processes) == 3
    lab.inject("broker-freeze", for_s=300, seed=7)  # the fault is mended first ...
    three_brokers.freeze(next(one.node_id for one in three_brokers.nodes if one.state == "running"))
    assert states(three_brokers).count("frozen") == 2
    assert "broker" in stop_lab(lambda _: None)  # ... and who froze it by hand did not tell us
    assert active_faults() == []
    assert not any(one.is_alive for one in processes)
    assert states(three_brokers) == ["dead"] * 3
