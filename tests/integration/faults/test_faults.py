"""Every fault of the vocabulary, once, on real processes: it is seen, it is mended, all flows on.

One lab for the whole module: a broker, a proxy, a producer and two consumers behind it. The faults
that destroy something come last.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from own_cluster import own_cluster
from waiting import wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.consumer.consumer import Consumer
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.run_files import read_run_files
from labkit.faults import consumer_faults
from labkit.faults.active_faults import active_faults
from labkit.faults.faults import FAULTS, Fault
from labkit.faults.network_proxy import Proxy
from labkit.pipeline.down import stop_lab
from labkit.pipeline.lab_status import lab_status, status_view
from labkit.producer.producer import Producer
from labkit.sink.partition_status import PartitionStatus, read_progress
from labkit.sink.segment_files import segments, topic_dir

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

TOPIC = "co2-emissions"
SEED = 7
INJECTOR = """
import sys, time
import labkit as lab
print(lab.inject("consumer-freeze", for_s=300, seed=7).victim, flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a broker in a lab of its own."""
    with own_cluster(tmp_path_factory.mktemp("faults"), brokers=1) as broker:
        lab.ensure_topic(TOPIC, num_partitions=3)
        yield broker
        with contextlib.suppress(WorkerFailed):  # those that were killed, or refused a new topic
            lab.stop_all()
        stop_lab(lambda _: None)


@pytest.fixture(scope="module")
def proxy(broker: Broker) -> Proxy:
    """Return the proxy that everything started later goes through."""
    return lab.start_proxy()


@pytest.fixture(scope="module")
def producer(proxy: Proxy) -> Producer:
    """Return a producer that sends all the time."""
    return lab.start_producer(readings_per_s=100, seed=SEED)


@pytest.fixture(autouse=True)
def flowing(producer: Producer) -> Iterator[None]:
    """Begin and end each test with nothing broken, and two consumers that keep up."""
    for name in ("a", "b"):
        if not any(one.name == name for one in lab.running()):
            lab.start_consumer(name=name)
    wait_until(keeps_up, "two consumers that keep up")
    yield
    lab.mend()
    assert active_faults() == []
    gc.collect()  # here, where the sockets that it finds are expected


def progress() -> list[PartitionStatus]:
    return read_progress(load_config().data_path(), TOPIC)


def keeps_up() -> bool:
    """Tell whether everything in the topic of this moment is in the CSV a moment later."""
    ends = lab.describe_topic(TOPIC).end_offsets
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        found = {one.partition: one.position or 0 for one in progress() if one.state == "running"}
        if all(found.get(number, -1) >= (end or 0) for number, end in ends.items()):
            return True
        time.sleep(0.1)
    return False


def consumers() -> dict[int, Consumer]:
    return {one.pid: one for one in lab.running() if isinstance(one, Consumer)}


def victim_pid(fault: Fault) -> int:
    return int(fault.victim.split("process ")[1].split()[0])


def inject(name: str, for_s: float = 60.0, **wishes: object) -> Fault:
    print(f"{name}, seed {SEED}")
    return lab.inject(name, for_s=for_s, seed=SEED, **wishes)  # type: ignore[arg-type]


def offsets(partition: int) -> list[int]:
    """Return the offset of every row of a partition's CSV, read with nothing of the lab's."""
    files = segments(topic_dir(load_config().data_path(), TOPIC), partition)
    rows = itertools.chain.from_iterable(path.read_bytes().splitlines()[1:] for path in files)
    return [int(row.split(b",")[1]) for row in rows]


def test_a_killed_consumer_is_replaced_at_the_end(producer: Producer) -> None:
    with inject("consumer-kill") as fault:
        wait_until(lambda: victim_pid(fault) not in consumers(), "its end")
        assert "consumer-kill" in lab_status()["faults"][0]["in_words"]
    wait_until(keeps_up, "another consumer in its place")
    (revived,) = {run["pid"] for run in read_run_files("consumer")} - consumers().keys()
    psutil.Process(revived).terminate()  # as `labkit down` does
    for child in consumer_faults._revived:
        child.wait(60)
    wait_until(lambda: len(read_run_files("consumer")) == 1, "its end")


def test_a_frozen_consumer_is_seen_and_thawed_when_its_time_is_over() -> None:
    fault = inject("consumer-freeze", for_s=3.0)
    process = psutil.Process(victim_pid(fault))
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "a frozen process")
    assert fault.wait(60)  # nobody mends it
    wait_until(lambda: process.status() != psutil.STATUS_STOPPED, "a thawed process")
    assert repr(fault) == "<Fault consumer-freeze: mended>"


def test_mend_undoes_what_a_killed_injector_has_broken() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INJECTOR], stdout=subprocess.PIPE, text=True
    ) as injector:
        assert injector.stdout is not None
        pid = int(injector.stdout.readline().split("process ")[1].split()[0])
        injector.kill()
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "a frozen process")
    (left,) = active_faults()
    assert "who broke it is gone. Next: labkit mend" in left.description
    assert lab.mend() == [f"consumer-freeze: {left.victim}"]
    assert psutil.Process(pid).status() != psutil.STATUS_STOPPED
    assert lab.mend() == []


def test_mend_asks_the_process_that_broke_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "labkit", "break", "slow-consumer", "--for", "5m", "--seed", "7"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as injector:
        assert injector.stdout is not None
        assert "slow-consumer (seed 7): consumer in process" in injector.stdout.readline()
        assert len(lab.mend()) == 1
        assert injector.wait(60) == 0
        assert injector.stdout.read() == "slow-consumer: mended.\n"


def test_a_slow_consumer_lags() -> None:
    with inject("slow-consumer") as fault:
        pid = victim_pid(fault)
        statuses = {psutil.Process(pid).status() for _ in range(40) if not time.sleep(0.05)}
        assert psutil.STATUS_STOPPED in statuses
    assert psutil.Process(pid).status() != psutil.STATUS_STOPPED


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process's files")
def test_a_full_disk_pauses_partitions_which_go_on_by_themselves() -> None:
    with inject("disk-full") as fault:
        wait_until(lambda: [one for one in progress() if one.state == "paused"], "a pause")
        wait_until(
            lambda: any("File too large" in (one.reason or "") for one in progress()), "the reason"
        )
        assert victim_pid(fault) in consumers() or psutil.pid_exists(victim_pid(fault))
    wait_until(keeps_up, "rows again")


@pytest.mark.parametrize(
    ("name", "state"),
    [("broker-kill", "dead"), ("broker-freeze", "frozen"), ("broker-restart", "dead")],
)
def test_a_broken_broker_comes_back(
    name: str, state: str, broker: Broker, producer: Producer
) -> None:
    port = broker.nodes[0].port
    with inject(name) as fault:
        assert fault.victim == f"broker 1 at 127.0.0.1:{port}"
        assert [one.state for one in broker.nodes] == [state]
        with pytest.raises(LabError, match="no broker runs"):
            inject("broker-kill")
    assert [(one.state, one.port) for one in broker.nodes] == [("running", port)]
    before = producer.counts.acked
    wait_until(lambda: producer.counts.acked > before, "acknowledgements again")
    wait_until(keeps_up, "rows again")


def test_a_rebalance_storm_moves_partitions() -> None:
    def shared_out() -> set[int]:
        return {number for one in consumers().values() for number in one.partitions or ()}

    wait_until(lambda: shared_out() == {0, 1, 2}, "the members have all partitions")
    with inject("rebalance-storm"):
        wait_until(lambda: shared_out() != {0, 1, 2}, "a partition that the idle member has")
    wait_until(lambda: shared_out() == {0, 1, 2}, "all partitions back")
    wait_until(keeps_up, "rows again")


def test_a_hot_partition_gets_all_the_traffic() -> None:
    def ends() -> dict[int, int]:
        return {key: end or 0 for key, end in lab.describe_topic(TOPIC).end_offsets.items()}

    before = ends()
    with inject("hot-partition"):
        wait_until(lambda: sum(ends().values()) > sum(before.values()) + 800, "800 records")
        growth = sorted(end - before[key] for key, end in ends().items())
    assert growth[2] > sum(growth[:2])


def test_poison_records_become_dead_letters_and_nothing_stops() -> None:
    before = sum(one.dead_letters for one in progress())
    assert inject("poison-records", for_s=8.0).wait(60)
    from labkit.readings.malformed_values import BAD_RECORDS

    wait_until(
        lambda: sum(one.dead_letters for one in progress()) == before + len(BAD_RECORDS),
        f"{len(BAD_RECORDS)} dead letters",
    )
    wait_until(keeps_up, "rows behind them")


def test_a_queue_that_refuses_holds_its_partition() -> None:
    lab.ensure_topic(f"{TOPIC}.dlq")
    with inject("dlq-refuses"):
        inject("poison-records", for_s=1.0)
        wait_until(lambda: [one for one in progress() if one.state == "paused"], "a pause")
    assert "message.timestamp.before.max.ms" not in lab.describe_topic(f"{TOPIC}.dlq").config
    wait_until(keeps_up, "rows again")


def test_latency_delays_each_acknowledgement(proxy: Proxy) -> None:
    from labkit.broker import kafka_clients

    def ask_s() -> float:
        with kafka_clients.admin() as client:
            client.describe_cluster()
            began = time.monotonic()
            client.describe_cluster()
            return time.monotonic() - began

    with inject("latency") as fault:
        delay_s = int(fault.victim.split(": ")[1].split()[0]) / 1000
        time.sleep(0.3)  # the proxy looks ten times a second
        assert ask_s() >= 2 * delay_s
    wait_until(keeps_up, "rows again")


@pytest.mark.parametrize("name", ["frozen-connections", "cut-connections"])
def test_nothing_gets_through_until_it_is_mended(
    name: str, proxy: Proxy, producer: Producer
) -> None:
    with inject(name):
        time.sleep(0.5)
        acked = producer.counts.acked
        time.sleep(1.0)
        assert producer.counts.acked == acked
        if name == "cut-connections":
            assert proxy.connections == 0
    wait_until(lambda: producer.counts.acked > acked, "acknowledgements again")


def test_without_a_proxy_the_network_cannot_be_reached_into(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path / ".labkit"))
    with pytest.raises(LabError, match="no proxy of this lab runs") as refused:
        inject("latency")
    assert "labkit proxy" in refused.value.next_line


def test_status_and_names_teach(capsys: pytest.CaptureFixture[str]) -> None:
    with inject("consumer-freeze"):
        from rich.console import Console

        Console(width=200).print(status_view(lab_status()))
        assert "consumer-freeze: consumer in process" in capsys.readouterr().out
    with pytest.raises(LabError, match="near it: broker-kill"):
        inject("broker-kil")
    for name in (kind.name for kind in FAULTS.values() if kind.destroys):
        with pytest.raises(LabError, match=f"{name} destroys") as refused:
            inject(name)
        assert "destroy=True" in refused.value.next_line


def test_after_all_that_each_record_is_stored_once_and_in_order(producer: Producer) -> None:
    producer.stop()
    ends = lab.describe_topic(TOPIC).end_offsets
    wait_until(
        lambda: {one.partition: one.position for one in progress()} == ends, "the whole topic"
    )
    for partition, end in ends.items():
        assert offsets(partition) == list(range(end or 0))


def test_a_queue_that_is_gone_is_made_again(proxy: Proxy) -> None:
    before = lab.describe_topic(f"{TOPIC}.dlq")
    with inject("dlq-gone", destroy=True):
        assert inject("poison-records", for_s=1.0).wait(60)
    wait_until(keeps_up, "rows again")
    after = lab.describe_topic(f"{TOPIC}.dlq")
    assert after.topic_id != before.topic_id
    assert after.num_partitions == before.num_partitions


def test_retention_that_passes_the_reader_leaves_a_gap_that_is_counted(proxy: Proxy) -> None:
    with lab.start_producer(readings_per_s=200, name="again"):
        time.sleep(1.0)
        fault = inject("retention-passes", for_s=6.0, destroy=True)
        partition = int(fault.victim.split()[1])
        fault.mend()
        wait_until(keeps_up, "rows again")
    found = offsets(partition)
    assert found == sorted(set(found))
    assert len(found) < found[-1] + 1, "no gap"


def test_a_topic_that_was_made_anew_is_not_written_behind_the_old_one(proxy: Proxy) -> None:
    before = lab.describe_topic(TOPIC).topic_id
    rows = {partition: len(offsets(partition)) for partition in range(3)}
    with inject("topic-recreated", destroy=True):
        assert lab.describe_topic(TOPIC).topic_id != before
        with lab.start_producer(readings_per_s=100, name="anew"):
            wait_until(
                lambda: any(
                    "created again" in (one.reason or "") or one.state == "failed"
                    for one in progress()
                ),
                "an explicit error",
            )
    assert {partition: len(offsets(partition)) for partition in range(3)} == rows
    stop_lab(lambda _: None)
