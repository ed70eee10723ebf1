"""The health of the consumer's client: hangs, unreachable brokers, and kafka-python's own bugs.

Everything in this package that touches a private part of kafka-python (an attribute with an
underscore) is in this file, beside the upstream problem that makes it necessary. Written for
kafka-python 3.0.12; check each one when the client is upgraded.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Self
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import IsolationLevel
from kafka.errors import KafkaConnectionError
from kafka.record.default_records import DefaultRecordBatch

from labkit.broker.cluster_state import read_cluster
from labkit.broker.kafka_clients import bootstrap_servers, probe
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable

TICK_S = 0.5
HUNG_AFTER_S = 60.0  # longer than anything that a healthy consumer waits for
LAST_RESORT_S = 10.0
EXIT_STATUS = 75  # as sysexits.h has it: a temporary failure, try again

LOOK_EVERY_S = 5.0
PROBE_TIMEOUT_S = 1.0


class LogSource(NamedTuple):
    """From where a partition's records come: its leader, and the connection to it.

    While neither changes, no broker can have come back with another log.
    """

    leader: int | None
    epoch: int | None
    connection: Any

    def may_differ_from(self, earlier: LogSource) -> bool:
        """Tell whether the records may come from another log than earlier."""
        if self.connection is None or earlier.connection is None:  # not connected just now
            return self[:2] != earlier[:2]
        return self != earlier


class Watchdog:
    """A thread that notices when a consumer hangs, and ends the wait; use it in a ``with``.

    kafka-python talks to the brokers on a network thread, and a call that waits for that thread
    waits without a deadline. If the thread hangs, the process lives on, keeps the locks of its
    CSV files, and stores nothing. So a second thread watches both.

    The standard library's ``faulthandler.dump_traceback_later(exit=True)`` cannot replace it: it
    ends with status 1 and a traceback, it cannot write the status files or leave a notebook's
    process alive, and it counts the time in which a process was frozen. This watchdog counts
    only the ticks that it has run itself, so a laptop that slept is not taken for a hang.

    Parameters
    ----------
    client : KafkaConsumer
        The client.
    say_hung : callable
        Called with a sentence as soon as something hangs.
    owns_process : bool
        End the process if the wait cannot be interrupted.

    Attributes
    ----------
    verdict : str
        What hangs; empty as long as nothing does.
    """

    def __init__(self, client: Any, say_hung: Callable[[str], None], owns_process: bool) -> None:
        self.verdict = ""
        # Upstream: the wait in `net.run` has no timeout in 3.0 (#3123, #3124; fixed in 3.1).
        # Only the client's private event loop knows whether the network thread still runs.
        self._net = client._net
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
        """Whether the network thread has crashed or was given up: the client is of no more use."""
        return self._net._exception is not None

    def beat(self) -> None:
        """Record that the consumer's loop goes on."""
        self._loop_beats += 1

    def _watch(self) -> None:
        last, silent_ticks = [-1, -1], [0, 0]
        names = ("the consumer's loop", "the Kafka client's network thread")
        while not self._ended.wait(TICK_S):
            self._ask()
            # An open question is silence; a thread that was asked nothing is not silent.
            now = [self._loop_beats, self._answers]
            for one, beats in enumerate(now):
                silent_ticks[one] = silent_ticks[one] + 1 if beats == last[one] else 0
                if silent_ticks[one] * TICK_S >= HUNG_AFTER_S:
                    what = names[silent_ticks[1] > 2]  # the loop waits for the thread
                    self._report_hang(f"{what} has not moved for {HUNG_AFTER_S:g} s")
                    return
            last = now

    def _ask(self) -> None:
        """Ask the network thread for a sign of life, unless the last question is still open."""
        if self._questions != self._answers:
            return
        self._questions += 1
        try:
            self._net.call_soon_threadsafe(self._answer)
        except (RuntimeError, OSError, KafkaConnectionError):  # it is closed or has crashed,
            self._answers = self._questions  # and the consumer's loop gets that error itself

    async def _answer(self) -> None:
        self._answers = self._questions

    def _report_hang(self, verdict: str) -> None:
        self.verdict = verdict
        print(f"{verdict}: this consumer ends", file=sys.stderr, flush=True)  # noqa: T201
        # The client does the same when its network thread crashes: it wakes all who wait for it.
        crash = KafkaConnectionError(verdict)
        self._net._exception = crash
        self._net._fail_pending_waiters(crash)
        self._say_hung(verdict)
        if not self._ended.wait(LAST_RESORT_S) and self._owns_process:
            os._exit(EXIT_STATUS)  # the system frees the locks; what is not flushed is read again


class Reachability:
    """Whether the brokers can be reached; tested when no records come.

    To a Kafka client, a broker that is gone looks like a topic without new records: the client
    tries again, in silence. It knows only the addresses that it was started with, and those that
    the brokers gave it. If a broker comes back on another port, the client never learns of it
    (KIP-899 would help; kafka-python does not have it). So a consumer that receives nothing
    tests the connection itself.

    Attributes
    ----------
    problem : str
        Why no broker can be reached; empty as long as one can.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._known = _all_addresses()
        self._look_at = time.monotonic() + LOOK_EVERY_S

    def heard(self) -> None:
        """Record that records came."""
        self.problem = ""
        self._look_at = time.monotonic() + LOOK_EVERY_S

    def lost(self, why: str) -> None:
        """Record that the client has lost its connection; the next test tells if it lasts."""
        self.problem = why

    def look(self) -> None:
        """Try to connect, if nothing was heard for some seconds.

        Raises
        ------
        BrokerUnavailable
            The lab's broker runs at another address now, which this client does not know.
        """
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        try:
            probe(bootstrap_servers(), PROBE_TIMEOUT_S)
        except BrokerUnavailable as error:
            self.problem = error.what
            return
        self.problem = ""
        now = _all_addresses()
        if not now & self._known:
            msg = (
                f"the broker answers at {', '.join(sorted(now))} now, and this client was started "
                f"for {', '.join(sorted(self._known))}: it will not look for it elsewhere"
            )
            raise BrokerUnavailable(msg, "labkit consume   (starts it again, at the new address)")
        self._known |= now


def _all_addresses() -> set[str]:
    """Return the addresses of all brokers, also of dead ones: they come back there."""
    configured = load_config().bootstrap_servers
    cluster = None if configured else read_cluster()
    servers = cluster.bootstrap_servers if cluster is not None else bootstrap_servers()
    return set(servers.split(","))


def finish_join(client: KafkaConsumer) -> None:
    """Continue a join that the client has started and would now forget.

    A join is two requests, JoinGroup and SyncGroup, and may take longer than one poll. The next
    poll continues it, as long as kafka-python finds that it has to join. If only a change of the
    topic's partitions asked for the join, the leader notes their new number between the two
    requests, and from then on nothing asks for it. A poll that ends right there leaves a member
    that is half in the group, with its heartbeat switched off for the join: the group expels it,
    and it never learns of that. Under load, a start can meet this, because the first join is
    often made before the client knows the topic's partitions.

    Upstream: ``join_group_async`` in 3.0.12, whose loop ends with ``need_rejoin``; not reported.
    ``tests/integration/consumer/test_join.py`` fails once the client no longer needs this.
    """
    # Safe here: between two polls, nothing on the network thread writes these.
    coordinator = client._coordinator
    if coordinator.rejoining and not coordinator.need_rejoin():
        # The next poll waits for the join in flight; one that has ended is made once more.
        coordinator.request_rejoin()


def resume(client: KafkaConsumer, partition: TopicPartition) -> None:
    """Fetch a paused partition again, from the position that was set by `seek`.

    Upstream: since #2981 the fetcher sets aside what it had parsed of a partition when it was
    paused, and may never look at it again; then it fetches that partition no more. So that is
    dropped first.
    """
    fetcher = client._fetcher
    fetcher._paused_partition_records.pop(partition, None)
    fetcher._paused_completed_fetches.pop(partition, None)
    client.resume(partition)


def topic_uuid(client: KafkaConsumer, topic: str) -> UUID | None:
    """Return the id of a topic, as the client's metadata has it now; None: not known yet.

    Upstream: the client has no public way to ask, and goes on fetching by name in a new topic of
    the same name as if nothing had happened (KIP-516 has topic ids for this).
    """
    uuid: UUID | None = client._cluster.topic_id(topic)
    return uuid


def log_source(client: KafkaConsumer, partition: TopicPartition) -> LogSource:
    """Return from where a partition's records come now.

    Upstream: the client connects again, and learns of a new leader, without a word to its caller.
    """
    leader = client._cluster.leader_for_partition(partition)
    epoch = client._cluster.leader_epoch_for_partition(partition)
    return LogSource(leader, epoch, client._manager._conns.get(leader))


def read_position(client: KafkaConsumer, partition: TopicPartition) -> int | None:
    """Return how far a partition was read, without asking a broker; None: it is not assigned.

    Upstream: the public ``position`` may ask the brokers, and raises what they answer.
    """
    state = client._subscription.assignment.get(partition)
    return state.position.offset if state is not None and state.position is not None else None


def is_aborted(records: Any, batch: DefaultRecordBatch) -> bool:
    """Tell whether a fetched batch is of an aborted transaction.

    Call it for each batch in turn: a marker ends its producer's transaction. Upstream: this is a
    part of ``Fetcher.PartitionRecords._unpack_records``, which `optional_fast_decode` replaces.
    """
    if records.isolation_level != IsolationLevel.READ_COMMITTED or not batch.has_producer_id():
        return False
    records._consume_aborted_transactions_up_to(batch.last_offset)
    if records._contains_abort_marker(batch):
        records.aborted_producer_ids.discard(batch.producer_id)
        return False
    return bool(records._is_batch_aborted(batch))


def replace_record_reader(client: KafkaConsumer, reader: type) -> None:
    """Let a client unpack what it fetches with another class; see `optional_fast_decode`.

    Upstream: the fetcher has no setting for this.
    """
    client._fetcher.PartitionRecords = reader


def batch_bytes(batch: DefaultRecordBatch) -> tuple[bytes, int]:
    """Return a batch's uncompressed bytes, and where its first record begins.

    Upstream: the batch has no public way to its bytes.
    """
    batch._maybe_uncompress()
    return bytes(batch._buffer), batch._pos
