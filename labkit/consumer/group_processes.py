"""Several members of one consumer group, each in a separate process: ``consume --workers 3``.

Kafka shares the partitions out among them, so each partition has one writer at any time. More
workers than partitions are of no use: the others are idle.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from labkit.consumer.client_health import EXIT_STATUS
from labkit.consumer.consumer import Consumer
from labkit.core.errors import LabError, WorkerFailed

LOOK_EVERY_S = 0.2
SETTLED_S = 10.0  # a worker that dies sooner after its start would die again
MAX_EARLY_DEATHS = 3


class WorkerGroup:
    """The workers of one ``labkit consume --workers N``; use it in a ``with``.

    A worker that was killed, or that hung, is replaced: another can go on where it was. If one
    ends by itself with an error, its successor would meet the same error, so all are stopped.

    Parameters
    ----------
    topic, group_id, data_dir, until_end
        As for `labkit.consumer.poll_loop.consume`.
    workers : int
        How many processes.
    say : callable
        Called with a sentence when a worker starts, ends, or is replaced.
    """

    def __init__(
        self,
        topic: str,
        group_id: str,
        data_dir: Path,
        workers: int,
        say: Callable[[str], None],
        until_end: bool = False,
    ) -> None:
        self._place = (topic, group_id, data_dir)
        self._until_end = until_end
        self._say = say
        self._workers: dict[int, Consumer] = {}
        self._started_at: dict[int, float] = {}
        self._early_deaths = 0
        for number in range(1, workers + 1):
            self._run(number)

    def run(self, stop: threading.Event) -> None:
        """Watch over the workers until told to stop, or until all have ended.

        Raises
        ------
        WorkerFailed
            One ended with an error that its successor would meet again.
        """
        while self._workers and not stop.wait(LOOK_EVERY_S):
            for number, worker in list(self._workers.items()):
                if not worker.is_running:
                    self._ended(number, worker)

    def close(self) -> None:
        """Ask all workers to end, then wait until each has stored what it holds."""
        for worker in self._workers.values():
            worker.ask_to_stop()
        first_error: LabError | None = None
        for worker in self._workers.values():
            try:
                worker.stop()
            except LabError as error:
                first_error = first_error or error
        self._workers.clear()
        if first_error is not None:
            raise first_error

    def __enter__(self) -> WorkerGroup:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_exc: object) -> None:
        # Report the first error.
        with contextlib.suppress(*([LabError] if error_type else [])):
            self.close()

    def _run(self, number: int) -> None:
        worker = Consumer(f"consumer-{number}", *self._place, until_end=self._until_end)
        self._workers[number] = worker
        self._started_at[number] = time.monotonic()
        self._say(f"worker {number} started, process {worker.pid}")

    def _ended(self, number: int, worker: Consumer) -> None:
        status = worker.process.returncode
        del self._workers[number]
        worker.ask_to_stop()  # closes our end of its input
        if status == 0:
            self._say(f"worker {number} has ended: {worker.last_words(1)}")
            return
        early = time.monotonic() - self._started_at[number] < SETTLED_S
        self._early_deaths = self._early_deaths + 1 if early else 0
        if not was_killed(status) or self._early_deaths > MAX_EARLY_DEATHS:
            msg = f"worker {number} {worker.state}; the others were stopped"
            raise WorkerFailed(msg, f"read its log: {worker.log_path}")
        self._say(f"worker {number} (process {worker.pid}) {how(status)}; another takes its place")
        self._run(number)


def was_killed(status: int) -> bool:
    """Tell from its exit status whether a process was killed, or ended because it hung."""
    return status < 0 or status == EXIT_STATUS


def how(status: int) -> str:
    """Describe how a process ended."""
    if status == EXIT_STATUS:
        return "hung and ended itself"
    return f"was killed by {signal.Signals(-status).name}"
