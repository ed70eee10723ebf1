"""The consumer's loop: poll, decode, deliver dead letters, write the CSV, commit.

This file is the stage's main path, on kafka-python's own client. The difficult cases are in the
files beside it: rebalances in `rebalance_listener`, the client's bugs in `client_health`, records
that are not readings in `dead_letter_queue`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kafka.errors import KafkaError

from labkit.consumer.dead_letter_queue import DeadLetter
from labkit.consumer.group_member import GroupMember, Polled
from labkit.core.errors import BatchUnreadable, SinkError
from labkit.core.processes import fewer_gc_runs
from labkit.readings.reading import Reading
from labkit.sink.row_cache import RowCache

log = logging.getLogger(__name__)

POLL_MS = 200  # how long a round waits for records at most, and so how late it may notice a stop
FAST = True
"""If False, `optional_fast_decode` and `row_cache` are not used: the same rows, but 1.8 times the
processor time."""


@dataclass
class StoredCounts:
    """What one call of `consume` stored."""

    rows: int = 0
    dead_letters: int = 0
    grams: int = 0
    gap_records: int = 0  # deleted by the topic's retention before they could be read


@fewer_gc_runs()
def consume(
    topic: str,
    group_id: str,
    data_dir: Path,
    stop: threading.Event,
    until_end: bool = False,
    *,
    owns_process: bool = False,
    say: Callable[[str], None] = log.warning,
) -> StoredCounts:
    """Store a topic's records as a member of a consumer group, until told to stop.

    The CSV is the position: after a crash, the next owner of a partition continues after the
    CSV's last valid row. So every record that the topic retains is stored once, and in order
    within its partition. The group's offsets are committed only after the rows are written, and
    this consumer never starts from them: they are for lag tools, and tell ``until_end`` how far
    the other members are.

    Parameters
    ----------
    topic : str
        The topic to read; it has to exist.
    group_id : str
        The consumer group. Its members share the topic's partitions.
    data_dir : Path
        The data folder. It has a folder for the topic, with the CSV of each partition.
    stop : threading.Event
        When it is set, what was polled is stored and the offsets are committed. Then this member
        leaves the group, so that the other members take over at once.
    until_end : bool
        Return once everything that the topic held at the start is stored.
    owns_process : bool
        Whether the process does nothing else, so that it may be ended if the client hangs.
    say : callable
        Called with a sentence when a partition cannot go on, once a minute, and when it can.

    Returns
    -------
    StoredCounts
        What this call stored.

    Raises
    ------
    TopicNotFound, BrokerUnavailable
        There is no such topic, or no broker answers.
    SinkForeign, SinkDamaged
        The CSV in the folder cannot be continued: it is of another topic, of records that the
        topic has lost, or a row is not as it was written.
    ConsumerHung
        The client's network thread did not answer for a minute; a new process can continue.

    See: Kafka documentation, "Consumer groups"; KIP-429 (cooperative rebalancing).
    """
    stored = StoredCounts()
    decode = RowCache().decode if FAST else Reading.from_json
    with GroupMember(topic, group_id, data_dir, owns_process, FAST, say) as member:
        ends = member.end_offsets() if until_end else None
        while not stop.is_set():
            member.begin_round()
            polled: Polled = {}
            try:
                polled = member.client.poll(timeout_ms=POLL_MS)
            except (KafkaError, BatchUnreadable) as error:
                member.recover_from(error)
            polled, polled_at = member.owned(polled), datetime.now(UTC)

            letters = []
            for partition, records in polled.items():
                csv = member.logs[partition]
                for record in records:
                    try:
                        csv.append(record.offset, decode(record.value, record.timestamp))
                    except Exception as error:  # any error: one record must not stop a partition
                        letters.append(DeadLetter(record, error))
                        csv.mark(record.offset)
            undelivered = member.dead_letters.deliver(letters) if letters else {}

            for partition, records in polled.items():
                csv, trouble, is_full = member.logs[partition], None, False
                places = [one for one in undelivered if one[0] == partition.partition]
                if places:  # the CSV must not go past an undelivered dead letter
                    trouble = undelivered[min(places)]
                    csv.drop_from(min(places)[1])
                try:
                    written = csv.flush()
                    stored.rows += written.rows
                    stored.dead_letters += written.dead_letters
                    stored.grams += written.grams
                except SinkError as error:
                    trouble, is_full = f"{error.what}. Next: {error.next_line}", True
                member.end_partition(
                    partition, records, letters, polled_at, trouble=trouble, close=is_full
                )

            member.end_round()
            if offsets := member.offsets_to_commit():
                member.client.commit_async(offsets, callback=member.committed)
            if ends is not None and member.has_stored(ends):
                break
    stored.gap_records = member.gap_records
    return stored
