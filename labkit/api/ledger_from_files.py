"""The carbon ledger from files alone: the API never asks Kafka.

`labkit ledger` reads the whole topic. Here the topic holds what its brokers acknowledged; the
producers' delivery logs, the partitions' status files and the table give the other stages. They are
read against the stream, and what a later stage holds counts for the earlier ones, too, so no stage
is ever ahead of the one before it. Each file is written at its own moment, so a difference counts
only once no figure has changed for a while (`labkit.ledger.ledger_verdict`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from labkit.api.recent_values import Recent, rate_per_s
from labkit.ledger import ledger_verdict
from labkit.ledger.ledger_model import (
    MEANING,
    SentStages,
    Stage,
    known_topic_id,
    not_of_this_topic,
    sent_stages,
    with_removed,
)
from labkit.ledger.ledger_verdict import Circumstances, judge
from labkit.ledger.verdict_sentences import earlier_topic
from labkit.producer.sent_counts import SentCounts, SentCountsReader
from labkit.sink.partition_status import PartitionStatus
from labkit.table.snapshot import Snapshot

NOT_WEIGHED = "as its brokers acknowledged; to read each record back: labkit ledger"


class CurrentState(NamedTuple):
    """The state at one moment: readings, the partitions' status files, the running producers."""

    snapshot: Snapshot
    statuses: list[PartitionStatus]
    producers: list[dict[str, Any]]


class LedgerFromFiles:
    """The ledger that the API serves; safe to use from several threads."""

    def __init__(self, data_dir: Path, topic: str) -> None:
        self._data_dir, self._topic = data_dir, topic
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        """Start again: what was known belongs to another topic."""
        self._sent = SentCountsReader()
        self._acked: Recent[int] = Recent()
        self._topic_id: str | None = None
        self._figures: dict[str, Stage] = {}
        self._changed_at = 0.0

    def read(self, state: CurrentState) -> dict[str, Any]:
        """Return every stage, whether they agree, and a sentence that says so."""
        statuses = state.statuses
        with self._lock:
            served = _served(state.snapshot)
            is_moving = not self._figures or self._unchanged_s() < ledger_verdict.SETTLED_S
            counts = self._read_sent()
            csv = _stored(statuses, served, is_moving, was_sent=bool(self._sent.runs))
            earlier = earlier_topic(self._data_dir, self._topic, self._topic_id)
            if earlier:
                csv, served = not_of_this_topic(csv, served)
                statuses = []
            sent = sent_stages(counts, csv)
            figures = {**sent.stages, "csv": csv, "served": served}
            if figures != self._figures:
                self._figures, self._changed_at = figures, time.monotonic()
            around = self._circumstances(sent, csv, statuses, bool(state.producers), earlier)
            topic_id = self._topic_id
        verdict, sentence = judge(figures, around)
        written = total([status.end_offset for status in statuses])
        oldest = total([status.start_offset for status in statuses])
        in_topic = Stage(records=sent.acked.records, grams=sent.acked.grams, note=NOT_WEIGHED)
        stages = {**figures, "topic": in_topic if sent.acked.records is not None else Stage()}
        return {
            "topic_name": self._topic,
            "topic_id": topic_id,
            "stages": [_to_dict(name, stages[name]) for name in MEANING],
            "retained": None if written is None or oldest is None else written - oldest,
            "dead_letters": sum(status.dead_letters for status in statuses),
            "failed": sent.failed.records,
            "unknown": sent.unknown.records,
            "lag": total([status.lag for status in statuses]),
            "gap_records": around.gap,
            "state": verdict,
            "agrees": verdict == "agrees",
            "sentence": sentence,
        }

    def _unchanged_s(self) -> float:
        return time.monotonic() - self._changed_at

    def acked_per_s(self, over_s: float, producer_runs: bool) -> float | None:
        """Return how many records the brokers acknowledge per second; None if unknown."""
        if not producer_runs:
            return 0.0 if self._topic_id else None
        with self._lock:
            self._read_sent()
        return rate_per_s(self._acked, over_s)

    def _read_sent(self) -> SentCounts:
        topic_id = known_topic_id(self._data_dir, self._topic)
        if topic_id != self._topic_id:
            self._forget()
            self._topic_id = topic_id
        sent = self._sent.read(topic_id) if topic_id else SentCounts()
        self._acked.add(self._sent.written_at, sent.acked + sent.bad_acked)
        return sent

    def _circumstances(
        self,
        sent: SentStages,
        csv: Stage,
        statuses: list[PartitionStatus],
        producer_runs: bool,
        earlier: str,
    ) -> Circumstances:
        hindrances = [earlier] if earlier else []
        hindrances += [trouble for status in statuses for trouble in status.troubles]
        lag = total([status.lag for status in statuses])
        consumer_runs = any(status.is_fresh for status in statuses)
        if not consumer_runs:
            oldest = min((status.updated_at.timestamp() for status in statuses), default=0.0)
            if self._sent.written_at > oldest:
                # What was sent after the consumer's last status is behind its position, not lost.
                lag = max(lag or 0, (sent.emitted.records or 0) - (csv.records or 0))
        return Circumstances(
            lag=lag,
            gap=sum(status.gap_records for status in statuses),
            producer_runs=producer_runs,
            consumer_runs=consumer_runs,
            failed=sent.failed,
            unknown=sent.unknown,
            nobody_sent=bool(csv.records and not self._sent.runs),
            hindrance=hindrances[0] if hindrances else "",
            earlier_topic=earlier,
            unchanged_s=self._unchanged_s(),
        )


def _stored(
    statuses: list[PartitionStatus], served: Stage, is_moving: bool, *, was_sent: bool
) -> Stage:
    """Return the CSV's totals as the consumer reported them, about once a second.

    The table may have read rows that are not reported yet, or never will be: their consumer was
    killed. What is served then certainly is in the CSV. The partitions are reported at different
    moments, so rows and grams are compared, each.
    """
    if not statuses:
        # With readings of the lab's own producers, its consumer was killed in its first second.
        is_stored = was_sent and served.records
        return served if is_stored else Stage(note="no consumer has said anything yet")
    rows, grams = sum(one.rows for one in statuses), sum(one.grams for one in statuses)
    was_killed = any(not one.is_fresh and one.state in ("running", "paused") for one in statuses)
    is_behind = (served.records or 0) > rows or (served.grams or 0) > grams
    if (is_moving or was_killed) and is_behind:
        return served
    removed = sum(one.removed_rows for one in statuses)
    gone_g = sum(one.removed_grams for one in statuses)
    return with_removed(Stage(records=rows - removed, grams=grams - gone_g), removed, gone_g)


def _served(snapshot: Snapshot) -> Stage:
    if not snapshot.partitions:
        return Stage(note="there is no CSV yet")
    present = Stage(records=snapshot.rows, grams=int(snapshot.totals.grams.sum()))
    return with_removed(present, snapshot.removed_rows, snapshot.removed_grams)


def total(numbers: Sequence[int | None]) -> int | None:
    """Add up; None as soon as one number is unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _to_dict(name: str, stage: Stage) -> dict[str, Any]:
    return {
        "stage": name,
        "meaning": MEANING[name],
        "records": stage.records,
        "co2_g": stage.grams,
        "co2_kg": stage.co2_kg,
        "note": stage.note,
    }
