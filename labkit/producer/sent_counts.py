"""The counts of each producer run: what it sent, and what became of it.

They are the first two stages of the ledger. Only the producer knows what it emitted and what the
brokers acknowledged: the delivery log says it record by record. Once a second the producer adds it
up, in ``<state_dir>/tally/<topic_id>/<run>.json``, and notes how many bytes of the log are counted.
A reader adds the lines behind them. So the counts are as true as the log, also after a kill, and
nobody reads a long log from its beginning.

A topic's id, unlike its name, is never used again, so the counts of a deleted topic cannot mix
with those of its successor.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from labkit.core.config import load_config
from labkit.core.json_files import read_json, write_json
from labkit.core.run_files import everywhere
from labkit.producer.delivery_log import delivery_log_dir, read_events

UNASKED = "acks=0: no acknowledgement was asked for"
"""The note of a record that no broker was asked to acknowledge."""


@dataclass(slots=True)
class SentCounts:
    """Records and grams of CO2, by what became of them.

    ``emitted`` = ``acked`` + ``failed`` + ``unknown`` + those still in flight. Deliberately
    malformed records are not readings and are counted separately: ``bad`` of them were sent,
    ``bad_acked`` of those acknowledged.
    """

    emitted: int = 0
    emitted_g: int = 0
    acked: int = 0
    """In the log, and as safe as the producer's ``acks`` makes it: with ``all``, on every replica
    in sync; with ``1``, on the leader alone, and lost with it."""
    acked_g: int = 0
    failed: int = 0
    """Certainly not in the topic: refused, or looked for and not found."""
    failed_g: int = 0
    unknown: int = 0
    """No answer in time: only reading the topic tells whether they are in the log."""
    unknown_g: int = 0
    bad: int = 0
    bad_acked: int = 0
    unasked: int = 0
    """The part of ``unknown`` that was sent with ``acks=0``: no broker was asked to answer."""
    unasked_g: int = 0

    @property
    def records(self) -> int:
        """How many records were sent, good and bad."""
        return self.emitted + self.bad

    @property
    def in_flight(self) -> int:
        """Readings that were sent and have no answer yet."""
        return self.emitted - self.acked - self.failed - self.unknown

    def add(self, event: str, co2_g: int | None, note: str = "") -> None:
        """Count one event of a delivery log; ``co2_g`` is None for a malformed record."""
        if co2_g is None:
            self.bad += event == "sent"
            self.bad_acked += event in ("acked", "found")
            return
        if event == "sent":
            self.emitted += 1
            self.emitted_g += co2_g
        elif event in ("acked", "found"):
            self.acked += 1
            self.acked_g += co2_g
        elif event in ("failed", "absent"):
            self.failed += 1
            self.failed_g += co2_g
        else:
            self.unknown += 1
            self.unknown_g += co2_g
            if note.startswith(UNASKED):
                self.unasked += 1
                self.unasked_g += co2_g
        if event in ("found", "absent"):  # until then it was unknown
            self.unknown -= 1
            self.unknown_g -= co2_g

    def give_up(self) -> None:
        """Count what is in flight as unknown: its producer was killed."""
        self.unknown_g = self.emitted_g - self.acked_g - self.failed_g
        self.unknown += self.in_flight

    def __add__(self, other: SentCounts) -> SentCounts:
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in fields(SentCounts))
        return SentCounts(*sums)


class SentCountsFile:
    """The file with the counts of one producer run."""

    def __init__(self, topic: str, topic_id: str, name: str) -> None:
        started = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        # The random end keeps two runs of one second apart.
        self.run = f"{started}-{os.getpid()}-{name}-{secrets.token_hex(4)}"
        self._record: dict[str, Any] = {
            "run": self.run,
            "topic": topic,
            "topic_id": topic_id,
            "pid": os.getpid(),
        }
        self.path = counts_path(topic_id, self.run)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, counts: SentCounts, state: str, log_bytes: int | None = None) -> None:
        """Replace the file.

        Parameters
        ----------
        counts : SentCounts
            The run's counts.
        state : str
            ``running`` or ``ended``.
        log_bytes : int, optional
            How much of the delivery log they count; None if the run keeps none.
        """
        record = {**self._record, "state": state, "log_bytes": log_bytes, **asdict(counts)}
        write_json(self.path, record)


def read_sent_counts(topic_id: str) -> SentCounts:
    """Add up the counts of all runs into a topic, also of other processes and of ended runs.

    What a killed run had in flight is unknown.
    """
    return SentCountsReader().read(topic_id)


def read_runs(topic_id: str) -> list[Run]:
    """Return all runs into a topic, each with its counts."""
    reader = SentCountsReader()
    reader.read(topic_id)
    return reader.runs


@dataclass
class Run:
    """One run, as its files are now: ended, running, or killed."""

    name: str
    state: Literal["ended", "running", "killed"]
    counts: SentCounts
    log_path: Path


class SentCountsReader:
    """Reads the counts of a topic repeatedly; a run only if its files have changed.

    Attributes
    ----------
    written_at : float
        When the newest counts were written, in seconds since 1970.
    runs : list of Run
        The runs as they were at the last read.
    """

    def __init__(self) -> None:
        self.written_at = 0.0
        self.runs: list[Run] = []
        self._known: dict[Path, tuple[_Stamp, SentCounts, bool]] = {}

    def read(self, topic_id: str) -> SentCounts:
        """Add up what all runs into a topic sent; see `read_sent_counts`."""
        running = {run.get("run") for run in everywhere("producer")}
        known, self._known, self.runs = self._known, {}, []
        # A run is in both folders, or only in one: retention and power cuts leave either.
        logs = (counts_path(topic_id, log.stem) for log in delivery_log_dir(topic_id).glob("*.csv"))
        for path in {*_folder(topic_id).glob("*.json"), *logs}:
            log_path = delivery_log_dir(topic_id) / f"{path.stem}.csv"
            stamp = _stamp(path, log_path)
            if path not in known or known[path][0] != stamp:
                read = _read_run(path, log_path)
                if read is None:
                    continue
                known[path] = stamp, *read
            self._known[path] = known[path]
            _, counts, has_ended = known[path]
            is_running = path.stem in running and not has_ended
            counts = replace(counts)
            if not is_running:
                counts.give_up()
            state: Any = "ended" if has_ended else "running" if is_running else "killed"
            self.runs.append(Run(path.stem, state, counts, log_path))
        stamps = [stamp for stamp, _, _ in self._known.values()]
        self.written_at = max((max(stamp[:2]) for stamp in stamps), default=0.0)
        return sum((run.counts for run in self.runs), start=SentCounts())


_Stamp = tuple[float, float, int]  # when a run's counts and its log were written; the log's size


def _read_run(path: Path, log_path: Path) -> tuple[SentCounts, bool] | None:
    """Return a run's counts, and whether it has ended."""
    record = read_json(path)
    if record is None:  # removed, or emptied by a power cut
        if not log_path.exists():
            return None
        record = {"state": "running", "log_bytes": 0}
    counts = SentCounts(**{one.name: record.get(one.name, 0) for one in fields(SentCounts)})
    counted = record.get("log_bytes")
    if counted is not None and log_path.exists():  # retention may have removed the log
        for event in read_events(log_path, counted):
            counts.add(event.event, event.co2_g, event.note)
    return counts, record["state"] == "ended"


def _stamp(path: Path, log_path: Path) -> _Stamp:
    try:
        log = log_path.stat()
    except FileNotFoundError:
        return _written_at(path) or 0.0, 0.0, 0
    return _written_at(path) or 0.0, log.st_mtime, log.st_size


def newest_topic_id(topic: str) -> str | None:
    """Return the id of the topic of this name that the newest run produces to.

    A run's name begins with its start; when its file was written says less, once it was copied.
    """
    newest: dict[str, str] = {}  # by topic id: a folder of its own, and of one topic
    for path in _folder("").glob("*/*.json"):
        newest[path.parent.name] = max(path.stem, newest.get(path.parent.name, ""))
    for topic_id in sorted(newest, key=newest.__getitem__, reverse=True):
        record = read_json(counts_path(topic_id, newest[topic_id]))
        if record is not None and record["topic"] == topic:
            return topic_id
    return None


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # replaced or removed at this moment
        return None


def counts_path(topic_id: str, run: str) -> Path:
    """Return the path of a run's counts."""
    return _folder(topic_id) / f"{run}.json"


def _folder(topic_id: str) -> Path:
    return load_config().state_dir / "tally" / topic_id
