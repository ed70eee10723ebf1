"""`start_consumer`: a consumer in a separate process, and the object that stands for it.

The process runs ``labkit consume``, whose loop is `labkit.consumer.poll_loop`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from labkit.core.background_workers import ChildProcess, called, register, replace
from labkit.core.config import load_config
from labkit.core.errors import WorkerFailed
from labkit.core.progress_bar import waiting
from labkit.core.run_files import read_run_files
from labkit.core.wait_until import wait_until
from labkit.sink.partition_status import PartitionStatus, read_progress
from labkit.topics.topics import describe_topic

JOIN_TIMEOUT_S = 60.0
NO_PARTITIONS_S = 8.0  # longer than a rebalance takes: each member hears of it by a heartbeat


class Consumer(ChildProcess):
    """A consumer in a separate process: ``labkit consume``, which ends when this process ends.

    With several ``workers``, that process starts them, and this object speaks for them all.
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
    def start_line(self) -> str:
        """The line that starts it again, with the same name, topic, group, folder and workers."""
        arguments = [repr(self.topic), repr(self.group_id)]
        if self.data_dir != load_config().data_path(None):
            arguments.append(repr(str(self.data_dir)))
        arguments += [f"name={self.name!r}"] if self.name != "consumer" else []
        arguments += [f"workers={self.workers}"] if self.workers > 1 else []
        variable = self.name if self.name.isidentifier() else "consumer"
        return f"{variable} = lab.start_consumer({', '.join(arguments)})"

    @property
    def progress(self) -> list[PartitionStatus]:
        """The last status of each partition that it writes."""
        found = read_progress(self.data_dir, self.topic)
        pids = {run["pid"] for run in self._run_records()}
        return [status for status in found if status.pid in pids or status.pid == self.pid]

    @property
    def partitions(self) -> list[int] | None:
        """The partitions that the group assigned to it; None until all its workers are members."""
        runs = self._run_records()
        if len(runs) < self.workers or any(run.get("partitions") is None for run in runs):
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
        if len(lags) < len(partitions):  # not known yet, which is not the same as 0
            figures = "its first figures to come"
        parts = ", ".join(map(str, partitions)) or "none"
        many = f"{self.workers} workers, " if self.workers > 1 else ""
        waits = "".join(
            f"; {number}: {why}"
            for run in self._run_records()
            for number, why in run.get("waiting", {}).items()
        )
        return f"running, {many}partitions {parts}, {figures}{waits}"

    def wait_until_member(self, timeout_s: float = JOIN_TIMEOUT_S) -> None:
        """Wait until it is a member of the group and has partitions, or raise why not.

        A new member has no partitions at first if others have to give them up. If there are more
        members than partitions, it gets none at all: after some seconds that is the answer.
        """
        start = time.monotonic()
        joined_at = None
        while not self.partitions:
            now = time.monotonic()
            if not self.is_running:
                raise self.failure()
            if self.partitions is not None:
                joined_at = joined_at or now
                if now - joined_at > NO_PARTITIONS_S:
                    return
            elif now - start > timeout_s:
                self.stop()
                msg = f"the group did not take {called(self)} in within {timeout_s:g} s"
                raise WorkerFailed(msg, f"read {self.log_path}")
            time.sleep(0.05)

    def wait_until_caught_up(self, timeout_s: float = 60.0) -> None:
        """Wait until every record that the topic holds now is stored or set aside.

        Raises
        ------
        WorkerFailed
            The consumer ended before, or the time is up.
        """
        ends = describe_topic(self.topic).end_offsets
        behind = 0

        def is_caught_up() -> bool:
            nonlocal behind
            # Of any owner: in a group, other members may have written some of them.
            found = read_progress(self.data_dir, self.topic)
            positions = {status.partition: status.position for status in found}
            behind = sum(
                max(0, (end or 0) - (positions.get(number) or 0)) for number, end in ends.items()
            )
            if behind and not self.is_running:
                raise failed()
            return not behind

        def failed() -> WorkerFailed:
            msg = f"{behind:,} records are not stored yet; {called(self)}: {self.state}"
            return WorkerFailed(msg, self.next_line)

        wait_until(is_caught_up, timeout_s, failed, every_s=0.1)

    def _run_records(self) -> list[dict[str, Any]]:
        """Return the run file of its process, or of each of its workers."""
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
    """Start a consumer in a separate process, and wait until it is a member of its group.

    To Kafka, two consumers are two programs, each with its own heartbeat. In a process, one can be
    stopped, frozen or killed, to see how the group reacts.

    Parameters
    ----------
    topic : str, optional
        The topic; by default the lab's own.
    group_id : str, optional
        The consumer group; by default ``csv-writer``.
    data_dir : str or Path, optional
        The data folder; a relative path starts at the lab's folder.
    name : str
        Its name in the lab. A consumer that runs under this name is stopped first.
    workers : int
        How many members of the group, each in a separate process; they share the partitions.

    Returns
    -------
    Consumer
        With ``progress``, ``status`` and ``stop()``.

    Raises
    ------
    WorkerFailed
        It ended before it became a member; the message says where its log is.

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
