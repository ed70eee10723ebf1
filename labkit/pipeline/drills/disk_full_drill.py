"""The drill of a full disk: first under the consumer, then under the broker.

A consumer whose disk is full takes half a row back, waits, and says why; records wait in Kafka. A
broker whose disk is full halts, as it cannot write its log; producers and consumer wait for it.
Both go on when there is room.

The disk is a limit of the operating system (``RLIMIT_FSIZE``): a file may not grow beyond it, and
the system takes a part of the write and refuses the rest, as a full disk does. It needs no root,
and Linux and macOS have it. Windows has nothing like it: a small disk there needs an administrator.

See: setrlimit(2); Kafka documentation, "Broker configs", ``log.dirs``.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from labkit.broker.broker import Broker, start_broker, stop_cluster
from labkit.broker.node_setup import last_error
from labkit.checker.independent_csv_reader import CsvReader
from labkit.consumer.consumer import Consumer, start_consumer
from labkit.core.config import load_config
from labkit.core.environment_variables import environment
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.wait_until import wait_until
from labkit.pipeline.drills.drill import STORE_S, Drill
from labkit.producer.producer import Producer
from labkit.sink.partition_status import read_progress
from labkit.sink.segment_files import partitions, topic_dir
from labkit.topics.topics import describe_topic, ensure_topic

CSV_BYTES = 64 * 1024
BROKER_BYTES = 11 * 1024**2
"""Each of Kafka's segments reserves 10 MiB for its index, and has to get these."""
READINGS, WAITING, MANY = 2_000, 300, 100_000
HALT_S = 60.0


def disk_full(drill: Drill) -> None:
    """Run the steps; see `labkit.pipeline.drills.drill.run_drill`."""
    with drill.step(f"The consumer's files may have {CSV_BYTES:,} bytes, and readings come"):
        start_broker()
        ensure_topic()
        with _no_larger_than(CSV_BYTES):
            consumer = start_consumer()
        drill.send(READINGS)
    with drill.step("The consumer stores no more, and says why"):
        drill.found(_why_all_are_paused(consumer))
        began = time.monotonic()
    with drill.step(f"No row is torn, and {WAITING} more readings wait in Kafka"):
        drill.send(WAITING)
        drill.found(_whole_rows())
    with drill.step("There is room, and the consumer goes on"):
        stored = _stored_bytes()
        consumer = _make_room(consumer)
        _wait_until_more_is_stored(stored)
        _recovered(drill, "the consumer's disk", began)
        consumer.wait_until_caught_up(STORE_S)
        drill.check()
    with drill.step(f"The broker's files may have {BROKER_BYTES:,} bytes, and readings come"):
        stop_cluster()
        with _no_larger_than(BROKER_BYTES):
            broker = start_broker()
        producer = drill.start_sending(MANY)
        drill.found(_why_it_halted(broker, producer))
        began = time.monotonic()
    with drill.step("There is room: the broker starts, producer and consumer go on"):
        stop_cluster()
        stored = _stored_bytes()
        start_broker()
        _wait_until_more_is_stored(stored)
        _recovered(drill, "the broker's disk", began)
    with drill.step(f"All {MANY:,} readings are acknowledged, and stored once"):
        drill.wait_until_acknowledged(producer, MANY)
        consumer.wait_until_caught_up(STORE_S)
        consumer.stop()
        drill.check()


def refuse_without_limits() -> None:
    """Refuse where the operating system cannot limit a file.

    Raises
    ------
    LabError
        On Windows.
    """
    if sys.platform == "win32":
        msg = "Windows cannot limit the files of a process, so this drill runs on Linux and macOS"
        raise LabError(msg, "labkit drill disk-full   (in the Windows Subsystem for Linux)")


@contextmanager
def _no_larger_than(size: int) -> Iterator[None]:
    """Let what starts now write no file beyond this size; it inherits the limit.

    It must not write what others use later: Python would leave half a ``.pyc``, Java half a cache.
    """
    refuse_without_limits()
    import resource  # not on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with environment({"PYTHONDONTWRITEBYTECODE": "1", "LABKIT_AOT_CACHE": "false"}):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _make_room(consumer: Consumer) -> Consumer:
    """Lift the limit; Linux does that to a running process, and macOS to a new one."""
    if sys.platform == "linux":
        process = psutil.Process(consumer.pid)
        _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (hard, hard))
        return consumer
    consumer.stop()
    return start_consumer()


def _why_all_are_paused(consumer: Consumer) -> str:
    """Wait until no partition can be stored, and return what the consumer says about the first."""
    config = load_config()

    def reasons() -> list[str]:
        found = read_progress(config.data_path(), config.topic)
        return [one.reason or "" for one in found if one.state == "paused"]

    def error() -> WorkerFailed:
        return WorkerFailed(f"the consumer still stores: {consumer.status}", consumer.next_line)

    every = len(describe_topic(config.topic).end_offsets)
    wait_until(lambda: sum("takes no more" in one for one in reasons()) == every, STORE_S, error)
    return reasons()[0]


def _whole_rows() -> str:
    """Say how many rows there are and how many records wait; refuse half a row."""
    config = load_config()
    folder, rows = topic_dir(config.data_path(), config.topic), 0

    def are_whole() -> bool:
        nonlocal rows
        files = [CsvReader(folder, one) for one in partitions(folder)]
        rows = sum(not row.problem for one in files for row in one.rows())
        return not any(one.torn_bytes for one in files)

    # The consumer tries again every few seconds: half a row is there for a moment.
    wait_until(are_whole, 5.0, lambda: LabError("half a row is left in the CSV", ""))
    waits = sum(end or 0 for end in describe_topic(config.topic).end_offsets.values()) - rows
    if waits <= WAITING:
        raise LabError(f"{waits} records wait: the disk was never full", "")
    return f"{rows:,} whole rows; {waits:,} records wait."


def _stored_bytes() -> int:
    config = load_config()
    folder = topic_dir(config.data_path(), config.topic)
    return sum(path.stat().st_size for path in folder.glob("*.csv"))


def _wait_until_more_is_stored(before: int) -> None:
    wait_until(
        lambda: _stored_bytes() > before,
        STORE_S,
        lambda: WorkerFailed(f"nothing was stored for {STORE_S:g} s", "read the drill's logs"),
    )


def _recovered(drill: Drill, name: str, since: float) -> None:
    drill.recovered(name, since)
    drill.found(f"For {drill.report.rto_s[name]:.1f} s no reading was stored.")


def _why_it_halted(broker: Broker, producer: Producer) -> str:
    """Wait until the broker has ended by itself, and return what it said last."""

    def error() -> LabError:
        return LabError(f"the broker still runs: {producer!r}", "")

    wait_until(lambda: not broker.is_running, HALT_S, error)
    log = load_config().state_dir / "logs" / "broker-1.log"
    said = last_error(log)
    if os.strerror(errno.EFBIG) not in log.read_text(encoding="utf-8", errors="replace"):
        raise LabError(f"the broker ended for another reason: {said}", "")
    return said
