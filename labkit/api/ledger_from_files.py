"""The carbon ledger as the API tells it: from files alone, for it never asks Kafka.

`labkit ledger` weighs the topic by reading all of it. Here the topic is only counted, by the
offsets that the consumer met; the other stages are weighed by what they wrote down themselves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.api.recent_values import Recent, rate_per_s
from labkit.core.run_files import read_run_files
from labkit.ledger.flow_verdict import SETTLED_S, Flow, judge_flow
from labkit.ledger.ledger_model import MEANING, Stage, acked_stage
from labkit.producer.sent_counts import SentCounts, SentCountsReader, newest_topic_id
from labkit.sink.checkpoint import csv_topic_id
from labkit.sink.partition_status import PartitionStatus
from labkit.table.snapshot import Snapshot

NOT_WEIGHED = "counted by its offsets, dead letters included; to weigh it, read it: labkit ledger"


class LedgerFromFiles:
    """Looks at every stage again and again, and remembers the last minute.

    Parameters
    ----------
    data_dir : Path
        The data folder.
    topic : str
        The topic.
    """

    def __init__(self, data_dir: Path, topic: str) -> None:
        self._data_dir, self._topic = data_dir, topic
        self._lock = threading.Lock()  # the API answers from several threads
        self._forget()

    def _forget(self) -> None:
        """Begin anew: what was known is of another topic."""
        self._tallies = SentCountsReader()
        self._sent: Recent[SentCounts] = Recent()
        self._stored: Recent[Stage] = Recent()
        self._served: Recent[Stage] = Recent()
        self._topic_id: str | None = None
        self._acked: Recent[int] = Recent()

    def read(
        self,
        snapshot: Snapshot,
        statuses: list[PartitionStatus],
        producers: list[dict[str, Any]],
    ) -> dict[str, Any]:
        """Return every stage, whether they agree, and one sentence that says so."""
        with self._lock:
            return self._read(snapshot, statuses, {run["pid"] for run in producers})

    def _read(
        self, snapshot: Snapshot, statuses: list[PartitionStatus], at_work: set[int]
    ) -> dict[str, Any]:
        now = time.time()
        csv, csv_at = _stored(statuses), _oldest(statuses)
        served = _served(snapshot)
        sent = self._read_tallies()
        self._stored = _noted(self._stored, csv_at, csv)
        self._served = _noted(self._served, now, served)
        flow = self._flow(sent, statuses, at_work)
        stages = {**_sent(sent), "topic": Stage(note=NOT_WEIGHED), "csv": csv, "served": served}
        before: dict[str, Stage] = {}
        if (past := self._sent.before(min(now, csv_at) - SETTLED_S)) is not None:
            before |= _sent(past.value)
        for name, recent in (("csv", self._stored), ("served", self._served)):
            if (one := recent.before(now - SETTLED_S)) is not None:
                before[name] = one.value
        state, sentence = judge_flow(stages, before, flow)
        written = total([status.end_offset for status in statuses])
        stages["topic"] = Stage(records=written, note=NOT_WEIGHED)
        return {
            "topic_name": self._topic,
            "topic_id": self._topic_id,
            "stages": [_to_dict(name, stages[name]) for name in MEANING],
            "retained": _retained(statuses),
            "dead_letters": sum(status.dead_letters for status in statuses),
            "unknown": sent.unknown,
            "lag": total([status.lag for status in statuses]),
            "gap_records": flow.gap,
            "state": state,
            "agrees": state == "agrees",
            "sentence": sentence,
        }

    def acked_per_s(self, over_s: float, at_work: bool) -> float | None:
        """Return how many records the brokers acknowledge per second; None where unknown."""
        if not at_work:
            return 0.0 if self._topic_id else None
        with self._lock:
            self._read_tallies()
        return rate_per_s(self._acked, over_s)

    def _read_tallies(self) -> SentCounts:
        topic_id = csv_topic_id(self._data_dir, self._topic) or newest_topic_id(self._topic)
        if topic_id != self._topic_id:
            self._forget()
            self._topic_id = topic_id
        sent = self._tallies.read(topic_id) if topic_id else SentCounts()
        self._sent.add(self._tallies.written_at, sent)
        self._acked.add(self._tallies.written_at, sent.acked + sent.bad_acked)
        return sent

    def _flow(self, sent: SentCounts, statuses: list[PartitionStatus], at_work: set[int]) -> Flow:
        """Return what explains differences; ``at_work`` are the producers' processes."""
        hindrances = [trouble for status in statuses for trouble in status.troubles]
        if not hindrances and not any(status.is_fresh for status in statuses):
            hindrances = ["No consumer is running. Next: labkit consume"]
        can_tell = not any(status.troubles for status in statuses)
        return Flow(
            lag=total([status.lag for status in statuses]) if can_tell else None,
            gap=sum(status.gap_records for status in statuses),
            hindrance=hindrances[0] if hindrances else "",
            is_exact=all(one.is_fresh or one.state == "stopped" for one in statuses),
            undecided=sent.emitted - sent.acked - sent.failed,
            unknown=sent.unknown,
            has_ended=not at_work,
            was_killed=bool(self._tallies.running - at_work),
        )


def producers(topic: str) -> list[dict[str, Any]]:
    """Return the run files of the producers at work."""
    return [run for run in read_run_files("producer") if run.get("topic") == topic]


def _noted(history: Recent[Stage], at: float, stage: Stage) -> Recent[Stage]:
    """Add to the history of a stage; begin it anew where the CSV was started anew."""
    last = history.before(at)
    if last is not None and (stage.records or 0) < (last.value.records or 0):
        history = Recent()
    if stage.records is not None:
        history.add(at, stage)
    return history


def _sent(counts: SentCounts) -> dict[str, Stage]:
    if not counts.records:
        nobody = Stage(note="no producer of this lab has sent to it")
        return {"emitted": nobody, "acked": nobody}
    return {
        "emitted": Stage(records=counts.emitted, grams=counts.emitted_g),
        "acked": acked_stage(counts.acked, counts.acked_g, counts.unasked),
    }


def _stored(statuses: list[PartitionStatus]) -> Stage:
    if not statuses:
        return Stage(note="no consumer has said anything yet")
    rows, grams = sum(one.rows for one in statuses), sum(one.grams for one in statuses)
    return Stage(records=rows, grams=grams)


def _served(snapshot: Snapshot) -> Stage:
    if not snapshot.partitions:
        return Stage(note="there is no CSV yet")
    return Stage(records=snapshot.rows, grams=int(snapshot.totals.grams.sum()))


def _oldest(statuses: list[PartitionStatus]) -> float:
    return min((status.updated_at.timestamp() for status in statuses), default=0.0)


def total(numbers: Sequence[int | None]) -> int | None:
    """Add up; unknown as soon as one is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _retained(statuses: list[PartitionStatus]) -> int | None:
    end = total([status.end_offset for status in statuses])
    start = total([status.start_offset for status in statuses])
    return None if end is None or start is None else end - start


def _to_dict(name: str, stage: Stage) -> dict[str, Any]:
    return {
        "stage": name,
        "meaning": MEANING[name],
        "records": stage.records,
        "co2_g": stage.grams,
        "co2_kg": stage.co2_kg,
        "note": stage.note,
    }
