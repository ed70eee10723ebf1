"""From the topic into the CSV: the loop of a consumer, and the process it runs in.

Each round takes what Kafka has, judges every record, sends the bad ones to the dead-letter queue,
and writes the rest, in one write for each partition. Only then is the group's offset committed,
which tells lag tools how far we are. Our own position is the CSV, so what a crash interrupts is
done again from exactly there: what the topic retains is stored once, and in order.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from labkit.consumer.partition_assignment import Troubles
from labkit.consumer.poll_loop import ClientSpoilt, ConsumerLoop
from labkit.consumer.record_store import Counts
from labkit.core.background_workers import ChildProcess, register, replace
from labkit.core.config import load_config
from labkit.core.errors import WorkerFailed
from labkit.core.processes import fewer_gc_runs
from labkit.core.progress_bar import waiting
from labkit.core.run_files import read_run_files
from labkit.sink.partition_status import PartitionStatus, read_progress
from labkit.topics.topics import describe_topic

log = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 60.0
NO_PARTITIONS_S = 8.0  # longer than a rebalance takes: each member hears of it by a heartbeat


@fewer_gc_runs()
def consume(
    topic: str,
    group_id: str,
    data_dir: Path,
    stop: threading.Event,
    until_end: bool = False,
    *,
    owns_process: bool = False,
) -> Counts:
    """Store a topic's records as a member of a consumer group, until told to stop.

    Parameters
    ----------
    topic : str
        The topic to read; it has to exist.
    group_id : str
        The consumer group. Its members share the topic's partitions.
    data_dir : Path
        The data folder; each partition has its CSV in the topic's folder there.
    stop : threading.Event
        When it is set, what was fetched is stored, the offsets are committed, and the group is
        left, so that the others take over at once.
    until_end : bool
        Return when everything is stored that the topic held when this was called.
    owns_process : bool
        The process does nothing else, and may be ended where the client hangs for good.

    Returns
    -------
    Counts
        What this call stored.

    Raises
    ------
    TopicNotFound, BrokerUnavailable
        There is nothing to read from.
    SinkForeign, SinkDamaged
        The CSV in the folder cannot be continued.
    ConsumerHung
        The client did not move for a minute; a new process can go on.

    See: Kafka documentation, "Consumer groups"; KIP-429 (cooperative rebalancing).
    """
    counts = Counts()
    troubles: Troubles = {}
    while True:
        try:
            with ConsumerLoop(topic, group_id, data_dir, counts, owns_process) as loop:
                loop.run(stop, until_end, troubles)
                return counts
        except ClientSpoilt as spoilt:
            troubles = spoilt.troubles
            log.warning("the client is made anew: %s", spoilt)


class Consumer(ChildProcess):
    """A consumer in a process of its own: ``labkit consume``, which ends when we end.

    With several ``workers``, that process starts them, and what it says here is said of them all.
    """

    def __init__(
        self,
        name: str,
        topic: str,
        group_id: str,
        data_dir: Path,
        *,
        workers: int = 1,
        until_end: bool = False,
    ) -> None:
        self.topic, self.group_id, self.data_dir = topic, group_id, data_dir
        self.workers = workers
        options = ["--topic", topic, "--group", group_id, "--data", str(data_dir)]
        options += ["--workers", str(workers)] if workers > 1 else []
        options += ["--until-end"] if until_end else []
        super().__init__(name, ["consume", *options])

    @property
    def progress(self) -> list[PartitionStatus]:
        """What it last said of each partition it writes."""
        found = read_progress(self.data_dir, self.topic)
        pids = {run["pid"] for run in self._run_records()}
        return [status for status in found if status.pid in pids or status.pid == self.pid]

    @property
    def partitions(self) -> list[int] | None:
        """The partitions that the group gave it; None until all its workers are members."""
        runs = self._run_records()
        if len(runs) < self.workers or any(run["partitions"] is None for run in runs):
            return None
        return sorted(number for run in runs for number in run["partitions"])

    @property
    def status(self) -> str:
        """One line: what it does, and what it waits for."""
        partitions = self.partitions
        if not self.is_running or partitions is None:
            return "joining the group" if self.is_running else self.state
        progress = self.progress
        rows = sum(status.rows for status in progress)
        lags = [status.lag for status in progress if status.lag is not None]
        figures = f"{rows:,} rows stored, lag {sum(lags):,}"
        if len(lags) < len(partitions):  # a zero would be a claim, and a new one knows nothing yet
            figures = "its first figures to come"
        parts = ", ".join(map(str, partitions)) or "none"
        many = f"{self.workers} workers, " if self.workers > 1 else ""
        waits = "".join(
            f"; {number}: {why}"
            for run in self._run_records()
            for number, why in run["waiting"].items()
        )
        return f"running, {many}partitions {parts}, {figures}{waits}"

    def wait_until_member(self, timeout_s: float = JOIN_TIMEOUT_S) -> None:
        """Wait until the group has taken it in and given it partitions, or raise why not.

        A new member is given none at first where others have to give them up. Where there are
        more members than partitions it stays so: after some seconds that is taken for the answer.
        """
        start = time.monotonic()
        joined_at = None
        while not self.partitions:
            now = time.monotonic()
            if not self.is_running:
                self._failure_told = True  # here, and not once more by whoever stops it later
                raise WorkerFailed(f"the {self.name} {self.state}", f"read {self.log_path}")
            if self.partitions is not None:
                joined_at = joined_at or now
                if now - joined_at > NO_PARTITIONS_S:
                    return
            elif now - start > timeout_s:
                self.stop()
                msg = f"the group did not take the {self.name} in within {timeout_s:g} s"
                raise WorkerFailed(msg, f"read {self.log_path}")
            time.sleep(0.05)

    def wait_until_caught_up(self, timeout_s: float = 60.0) -> None:
        """Wait until every record that the topic holds now is stored or set aside.

        Raises
        ------
        WorkerFailed
            The consumer ended before, or the time is over.
        """
        ends = describe_topic(self.topic).end_offsets
        deadline = time.monotonic() + timeout_s
        while True:
            # Whoever owns a partition now: in a group, others may have written some of them.
            found = read_progress(self.data_dir, self.topic)
            positions = {status.partition: status.position for status in found}
            behind = sum(
                max(0, (end or 0) - (positions.get(number) or 0)) for number, end in ends.items()
            )
            if not behind:
                return
            if not self.is_running or time.monotonic() > deadline:
                msg = f"the {self.name} is {self.state}, and {behind:,} records are not stored yet"
                raise WorkerFailed(msg, f"read {self.log_path}")
            time.sleep(0.1)

    def _run_records(self) -> list[dict[str, Any]]:
        """Return what its process, or each of its workers, says of itself."""
        key = "pid" if self.workers == 1 else "parent_pid"
        return [run for run in read_run_files("consumer") if run.get(key) == self.pid]

    def __repr__(self) -> str:
        return f"Consumer({self.topic} as {self.group_id}, pid {self.pid}, {self.status})"


def start_consumer(
    topic: str | None = None,
    group_id: str | None = None,
    data_dir: str | Path | None = None,
    *,
    name: str = "consumer",
    workers: int = 1,
) -> Consumer:
    """Start a consumer in a process of its own, and wait until the group has taken it in.

    A process, because two consumers are two programs in Kafka's eyes: each has its heartbeat, and
    one that is stopped, frozen or killed shows what the group makes of it.

    Parameters
    ----------
    topic : str, optional
        The topic; by default the lab's own.
    group_id : str, optional
        The consumer group; by default ``csv-writer``.
    data_dir : str or Path, optional
        The data folder; a relative one lies in the lab's folder.
    name : str
        Its name in the lab. What ran under that name is stopped first.
    workers : int
        How many members of the group, each a process of its own; they share the partitions.

    Returns
    -------
    Consumer
        With ``progress``, ``status`` and ``stop()``.

    Raises
    ------
    WorkerFailed
        It ended before it became a member; the message has its last words.

    See: Kafka documentation, "Consumer groups".
    """
    config = load_config()
    replace(name)
    folder = config.data_path(data_dir)
    consumer = Consumer(
        name, topic or config.topic, group_id or config.group_id, folder, workers=workers
    )
    register(consumer)
    with waiting(f"Joining the group {consumer.group_id}"):
        consumer.wait_until_member()
    return consumer
