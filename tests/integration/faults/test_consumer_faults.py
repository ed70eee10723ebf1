"""The fault matrix, what happens to consumers: rows 1, 4, 5, 6, 12, 16, and a client that hangs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from faulty import (
    a_consumer,
    a_stream,
    assert_exactly_once,
    bytes_on_disk,
    dice,
    drain,
    flows,
    kill,
    readings,
    send,
    status_of,
    stored,
    times,
)
from oracle import assert_agrees
from require import require
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.consumer.client_health import EXIT_STATUS
from labkit.consumer.consumer import Consumer, start_consumer
from labkit.core.errors import WorkerFailed
from labkit.core.run_files import read_run_files
from labkit.pipeline.lab_status import lab_status
from labkit.sink.partition_status import read_progress

KILLS = times("KILLS", 5)
CHURNS = times("CHURNS", 1)


def test_row_01_kill_9_at_random_moments(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    """Mostly with a group of its own for each, so that nobody waits for a dead member's session."""
    roll, moments, resumed_s, group = dice("kills"), [], [], "kills"
    with a_stream(topic, 500) as stream:
        for number in range(KILLS):
            again = number == 1 or roll.random() < 0.1
            group = group if again else f"kills-{number}"
            started, before = time.monotonic(), bytes_on_disk(tmp_path / topic)
            with a_consumer(f"victim-{number}", topic, group, tmp_path) as victim:
                if roll.random() < 0.9:  # mostly while it writes, sometimes while it starts
                    while bytes_on_disk(tmp_path / topic) == before:
                        assert victim.is_running, victim.state
                        assert time.monotonic() < started + PATIENCE_S, victim.last_words()
                        time.sleep(0.005)
                    resumed_s.append((time.monotonic() - started, again))
                moments.append(round(roll.uniform(0.05, 0.8), 3))
                time.sleep(moments[-1])
        stream.stop()
    counts = drain(topic, tmp_path)

    total = assert_exactly_once(bootstrap_servers, topic, tmp_path, stream)
    slowest = {
        same: max((s for s, one in resumed_s if one is same), default=0.0) for same in (True, False)
    }
    print(
        f"{KILLS} kills, {min(moments)} to {max(moments)} s after the first rows: {total:,} "
        f"records, 0 lost, 0 doubled, 0 reordered; {counts.rows:,} stored after the last kill. "
        f"From start to first row at worst {slowest[False]:.1f} s, {slowest[True]:.1f} s in the "
        "dead one's group"
    )


@contextmanager
def frozen(consumer: Consumer) -> Iterator[psutil.Process]:
    process = psutil.Process(consumer.pid)
    process.suspend()
    try:
        yield process
    finally:
        if process.is_running():
            process.resume()


@pytest.mark.parametrize("end", ["row 4: thawed", "row 5: killed"], ids=["row_04", "row_05"])
def test_row_04_and_05_a_zombie_is_waited_for(
    bootstrap_servers: str, topic: str, tmp_path: Path, end: str
) -> None:
    with (
        a_stream(topic) as stream,
        a_consumer("zombie", topic, "zombies", tmp_path) as zombie,
    ):
        flows(tmp_path, topic)
        with a_consumer("waiter", topic, "zombies", tmp_path) as waiter:
            wait_until(lambda: waiter.partitions, "the two share the partitions")
            theirs = wait_until(lambda: zombie.partitions, "the zombie's partitions")
            with frozen(zombie):
                # Its session ends, the group gives its partitions away, but the locks it keeps.
                why = f"is being written by process {zombie.pid}"
                wait_until(lambda: why in waiter.status, "the waiter names the holder")
                found = wait_until(
                    lambda: status_of(tmp_path, topic, theirs[0]), "the partition's status"
                )
                assert why in (found.waiting or "")
                assert any(
                    why in trouble
                    for partition in lab_status()["partitions"]
                    for trouble in partition["troubles"]
                    if partition["topic"] == topic
                )
                if "killed" in end:
                    kill(zombie)  # the locks are free at once
            wait_until(
                lambda: (
                    sorted((waiter.partitions or []) + (zombie.partitions or [])) == [0, 1, 2]
                    and "is being written" not in waiter.status
                ),
                "every partition has one owner again",
            )
            flows(tmp_path, topic)
            stream.stop()
            waiter.wait_until_caught_up(PATIENCE_S)
            waiter.stop()
            if zombie.is_running:
                zombie.stop()
    drain(topic, tmp_path)
    assert_exactly_once(bootstrap_servers, topic, tmp_path, stream)


SLOW = """
import sys, threading, time
from pathlib import Path
from labkit.consumer import group_member, poll_loop

topic, folder, brake = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
group_member.MAX_POLL_INTERVAL_MS = 6_000
class SlowMember(group_member.GroupMember):
    def owned(self, polled):
        if brake.exists():
            brake.rename(brake.with_suffix(".used"))
            time.sleep(15)
        return super().owned(polled)
poll_loop.GroupMember = SlowMember
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
poll_loop.consume(topic, "slow", folder, stop)
"""


def test_row_06_who_does_not_poll_in_time_leaves_and_comes_back(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    brake = tmp_path / "brake"
    script = [sys.executable, "-c", SLOW, topic, str(tmp_path), str(brake)]
    with (
        a_stream(topic) as stream,
        subprocess.Popen(script, stdin=subprocess.PIPE) as slow,
    ):

        def owned() -> list[int]:
            runs = [run for run in read_run_files("consumer") if run["pid"] == slow.pid]
            return runs[0]["partitions"] or [] if runs else []

        try:
            wait_until(owned, "the slow one is a member")
            with a_consumer("quick", topic, "slow", tmp_path) as quick:
                wait_until(
                    lambda: quick.partitions and len(owned()) + len(quick.partitions) == 3,
                    "the two share the partitions",
                )
                brake.touch()
                wait_until(lambda: quick.partitions == [0, 1, 2], "the other is given all")
                wait_until(
                    lambda: (
                        len(owned()) + len(quick.partitions or []) == 3
                        and owned()
                        and "is being written" not in quick.status
                    ),
                    "the slow one is back",
                )
                stream.stop()
                quick.wait_until_caught_up(PATIENCE_S)
                quick.stop()
        finally:
            assert slow.stdin is not None
            slow.stdin.close()
            slow.wait(PATIENCE_S)
    assert slow.returncode == 0
    drain(topic, tmp_path)
    assert_exactly_once(bootstrap_servers, topic, tmp_path, stream)


# faketime 0.9 breaks Python's own sleep, which waits for a moment of the monotonic clock.
CLOCK_OFF = """
import os, sys, threading, time
time.sleep = lambda seconds: threading.Event().wait(seconds) and None
os.environ["LABKIT_STOP_WITH_PARENT"] = "1"
from labkit.cli import main
main(["consume", *sys.argv[1:]])
"""


def test_row_12_a_clock_that_is_an_hour_off(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    missing = None if shutil.which("faketime") else "the command faketime is not installed"
    require("faketime", missing)
    options = ["--topic", topic, "--group", "clocks", "--data", str(tmp_path)]
    with a_stream(topic) as stream:
        for hours in ("+1h", "-1h"):
            command = ["faketime", "-f", hours, sys.executable, "-c", CLOCK_OFF, *options]
            # A stepped clock moves the time of day; the monotonic clock goes on.
            environment = {**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as off:
                try:
                    flows(tmp_path, topic)
                    found = wait_until(lambda: read_progress(tmp_path, topic), "a status file")
                    off_s = found[0].updated_at.timestamp() - time.time()
                    assert abs(off_s) > 3000, "its clock is not off, and nothing is tested"
                finally:
                    assert off.stdin is not None
                    off.stdin.close()
                    off.wait(PATIENCE_S)
            assert off.returncode == 0
        stream.stop()
    drain(topic, tmp_path, "clocks")
    assert_exactly_once(bootstrap_servers, topic, tmp_path, stream)


def test_row_16_churn_from_one_to_three_and_back(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    with (
        a_stream(topic) as stream,
        a_consumer("stays", topic, "churn", tmp_path) as stays,
    ):
        wait_until(lambda: stays.partitions == [0, 1, 2], "one has all")
        for number in range(CHURNS):
            with start_consumer(topic, "churn", tmp_path, name=f"pair-{number}", workers=2) as pair:
                wait_until(
                    lambda pair=pair: (
                        len(stays.partitions or ()) == 1
                        and sorted([*(stays.partitions or ()), *(pair.partitions or ())])
                        == [0, 1, 2]
                    ),
                    "each of three has one",
                )
                flows(tmp_path, topic)
            wait_until(lambda: stays.partitions == [0, 1, 2], "one has all again")
            flows(tmp_path, topic)
        stream.stop()
        stays.wait_until_caught_up(PATIENCE_S)
        stays.stop()
    drain(topic, tmp_path)
    total = assert_exactly_once(bootstrap_servers, topic, tmp_path, stream)
    print(f"{CHURNS} times 1 to 3 to 1: {total:,} records, 0 lost, 0 doubled")


def test_a_worker_that_is_killed_is_replaced_and_an_end_is_everybodys(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    group = start_consumer(topic, "workers", tmp_path, workers=3)
    try:
        wait_until(lambda: "3 workers, partitions 0, 1, 2" in repr(group), "one each")
        members = [
            psutil.Process(run["pid"])
            for run in read_run_files("consumer")
            if run["parent_pid"] == group.pid
        ]
        assert len(members) == 3
        members[0].kill()
        said = f"(process {members[0].pid}) was killed by SIGKILL; another takes its place"
        wait_until(lambda: said in group.log_path.read_text(), "it is noticed and reported")
        wait_until(lambda: group.partitions == [0, 1, 2], "three members again")
        send(bootstrap_servers, topic, readings(300))
        wait_until(lambda: stored(tmp_path, topic) == 300, "300 rows")
        lab.delete_topic(topic)
        lab.ensure_topic(topic, num_partitions=3)
        assert group.wait(PATIENCE_S), "an error that a successor would meet ends all of them"
        assert "created again" in group.log_path.read_text()
        psutil.wait_procs(members, PATIENCE_S)
        with pytest.raises(WorkerFailed):
            group.stop()
        # Not in the last lines for certain: the members write into the same log as they end.
        assert "the others were stopped" in group.log_path.read_text()
    finally:
        kill(group)
    assert not any(one.is_running() for one in members)


HUNG = """
import sys, threading, time
from pathlib import Path
from labkit.consumer import client_health, group_member, poll_loop
from labkit.cli import main

client_health.HUNG_AFTER_S = 5.0
brake = Path(sys.argv[1])
class Member(group_member.GroupMember):
    def __enter__(self):
        member = super().__enter__()
        async def hang():
            time.sleep(3600)  # on the client's own network thread
        def step_on_it():
            while not brake.exists():
                time.sleep(0.1)
            member.client._net.call_soon_threadsafe(hang)
        threading.Thread(target=step_on_it, daemon=True).start()
        return member
poll_loop.GroupMember = Member
main(["consume", *sys.argv[2:]])
"""


def test_a_client_whose_network_thread_hangs_is_ended(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    brake = tmp_path / "brake"
    options = ["--topic", topic, "--group", "hung", "--data", str(tmp_path)]
    script = [sys.executable, "-c", HUNG, str(brake), *options]
    with subprocess.Popen(script, stderr=subprocess.PIPE, text=True) as hung:
        try:
            send(bootstrap_servers, topic, readings(50))
            wait_until(lambda: stored(tmp_path, topic) == 50, "50 rows")
            idle_until = time.monotonic() + 8  # longer than the watchdog's patience
            while time.monotonic() < idle_until:
                assert hung.poll() is None, "an idle topic does not count as hanging"
                time.sleep(0.2)
            brake.touch()
            _, said = hung.communicate(timeout=PATIENCE_S)
        finally:
            hung.kill()
    assert hung.returncode == EXIT_STATUS
    assert "network thread has not moved for 5 s" in said
    assert {one.state for one in read_progress(tmp_path, topic)} == {"failed"}
    send(bootstrap_servers, topic, readings(50, seed=8))
    drain(topic, tmp_path, "hung")
    assert_agrees(bootstrap_servers, topic, tmp_path)


def test_a_batch_that_fails_its_checksum_is_fetched_until_it_is_whole(
    broker: Broker, bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    send(bootstrap_servers, topic, readings(20), partition=0)
    (last, *_) = send(bootstrap_servers, topic, readings(20, seed=8), partition=0)
    assert broker.data_dir is not None
    (segment,) = broker.data_dir.glob(f"node-1/**/{topic}-0/00000000000000000000.log")
    whole = segment.read_bytes()
    with segment.open("r+b") as file:  # in place, for the broker has it open
        file.seek(-50, os.SEEK_END)
        file.write(bytes([whole[-50] ^ 1]))
    with a_consumer("checksums", topic, "checksums", tmp_path) as consumer:
        wait_until(lambda: "fails its checksum" in consumer.status, "it says why it waits")
        send(bootstrap_servers, topic, readings(30, seed=9), partition=1)
        wait_until(
            lambda: (
                (status_of(tmp_path, topic, 1) or consumer).rows == 30
                if status_of(tmp_path, topic, 1)
                else False
            ),
            "the other partition flows",
        )
        with segment.open("r+b") as file:
            file.seek(len(whole) - 50)
            file.write(whole[-50:-49])
        wait_until(lambda: stored(tmp_path, topic) == 70, "all of it, once it is whole")
        consumer.stop()
    assert last.offset >= 20
    assert_agrees(bootstrap_servers, topic, tmp_path)
