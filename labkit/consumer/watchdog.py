"""A watchdog over a consumer: it notices a client that answers no more, and ends the waiting.

kafka-python does all its talking on a network thread of its own, and a call that waits for that
thread waits without an end: one that hangs there would leave a process that is alive, holds its
partitions' locks, and stores nothing. So a second thread looks at both, and breaks the wait off.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

from kafka.errors import KafkaConnectionError

TICK_S = 0.5
HUNG_AFTER_S = 60.0  # longer than anything that a consumer waits for in good health
LAST_RESORT_S = 10.0
EXIT_STATUS = 75  # as sysexits.h has it: a temporary failure, try again


class Watchdog:
    """Watches the loop of a consumer and the network thread of its client; use it in a ``with``.

    Time is counted in ticks that the watchdog itself has lived through: a process that was frozen,
    or a laptop that slept, has not hung.

    Parameters
    ----------
    consumer : KafkaConsumer
        The client.
    say_hung : callable
        Called with a sentence as soon as it hangs.
    owns_process : bool
        End the process where breaking the wait off does not help.

    Attributes
    ----------
    verdict : str
        What hangs; empty while all is well.
    """

    def __init__(self, consumer: Any, say_hung: Callable[[str], None], owns_process: bool) -> None:
        self.verdict = ""
        self._net = consumer._net  # private, but nothing else knows the network thread
        self._say_hung = say_hung
        self._owns_process = owns_process
        self._loop_beats = self._answers = self._questions = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()

    @property
    def client_is_dead(self) -> bool:
        """Whether the network thread has crashed, or was given up: the client is of no more use."""
        return self._net._exception is not None

    def beat(self) -> None:
        """Say that the loop goes on."""
        self._loop_beats += 1

    def _watch(self) -> None:
        last, silent_ticks = [-1, -1], [0, 0]
        names = ("the consumer's loop", "the Kafka client's network thread")
        while not self._ended.wait(TICK_S):
            self._ask()
            # Still waiting for an answer is silence; having nothing to answer is not.
            now = [self._loop_beats, self._answers]
            for one, beats in enumerate(now):
                silent_ticks[one] = silent_ticks[one] + 1 if beats == last[one] else 0
                if silent_ticks[one] * TICK_S >= HUNG_AFTER_S:
                    what = names[silent_ticks[1] > 2]  # the loop waits for the thread
                    self._bark(f"{what} has not moved for {HUNG_AFTER_S:g} s")
                    return
            last = now

    def _ask(self) -> None:
        """Have the network thread say that it lives, unless it has not even answered before."""
        if self._questions != self._answers:
            return
        self._questions += 1
        try:
            self._net.call_soon_threadsafe(self._answer)
        except (RuntimeError, OSError, KafkaConnectionError):  # it is closed, or has crashed:
            self._answers = self._questions  # the loop hears of that by itself

    async def _answer(self) -> None:
        self._answers = self._questions

    def _bark(self, verdict: str) -> None:
        self.verdict = verdict
        print(f"{verdict}: this consumer ends", file=sys.stderr, flush=True)  # noqa: T201
        # What the client itself does when its network thread crashes: it wakes who waits for it.
        crash = KafkaConnectionError(verdict)
        self._net._exception = crash
        self._net._fail_pending_waiters(crash)
        self._say_hung(verdict)
        if not self._ended.wait(LAST_RESORT_S) and self._owns_process:
            os._exit(EXIT_STATUS)  # the system frees the locks; what is not flushed is read again
