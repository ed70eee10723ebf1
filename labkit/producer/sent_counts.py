"""The counts of each producer run: what it sent, and what became of it.

They are the first two columns of the ledger. Only the producer knows what it emitted and what the
brokers acknowledged. It writes that once a second, to ``<state_dir>/tally/<topic_id>/<run>.json``.
A topic's id, unlike its name, is never used again, so the counts of a deleted topic cannot mix
with those of its successor.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from labkit.core.config import load_config
from labkit.core.json_files import read_json, write_json
from labkit.core.wait_until import wait_until


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
    """Certainly refused: not in the log."""
    failed_g: int = 0
    unknown: int = 0
    """No answer in time: only reading the topic tells whether they are in the log."""
    unknown_g: int = 0
    bad: int = 0
    bad_acked: int = 0
    unasked: int = 0
    """The part of ``unknown`` that was sent with ``acks=0``: no broker was asked to answer."""

    @property
    def records(self) -> int:
        """How many records were sent, good and bad."""
        return self.emitted + self.bad

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
        self.path = _folder(topic_id) / f"{self.run}.json"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, counts: SentCounts, state: str) -> None:
        """Replace the file; ``state`` is ``running`` or ``ended``."""
        write_json(self.path, {**self._record, "state": state, **asdict(counts)})


def read_sent_counts(topic_id: str) -> SentCounts:
    """Add up the counts of all runs into a topic, also of other processes and of ended runs.

    A run that was killed lacks at most its last second.
    """
    return SentCountsReader().read(topic_id)


class SentCountsReader:
    """Reads the counts of a topic repeatedly; a file only if it has changed.

    Attributes
    ----------
    written_at : float
        When the newest one was written, in seconds since 1970.
    running : set of int
        The processes of the runs whose file does not say that they ended: running, or killed.
    """

    def __init__(self) -> None:
        self.written_at = 0.0
        self.running: set[int] = set()
        self._known: dict[Path, tuple[float, SentCounts, int | None]] = {}

    def read(self, topic_id: str) -> SentCounts:
        """Add up what all runs into a topic sent; see `read_sent_counts`."""
        known, self._known = self._known, {}
        for path in _folder(topic_id).glob("*.json"):
            written_at = _written_at(path)
            if path not in known or known[path][0] != written_at:
                record = read_json(path)
                if written_at is None or record is None:
                    continue
                counts = {one.name: record.get(one.name, 0) for one in fields(SentCounts)}
                pid = record["pid"] if record["state"] == "running" else None
                known[path] = written_at, SentCounts(**counts), pid
            self._known[path] = known[path]
        runs = self._known.values()
        self.written_at = max((written_at for written_at, _, _ in runs), default=0.0)
        self.running = {pid for _, _, pid in runs if pid is not None}
        return sum((counts for _, counts, _ in runs), start=SentCounts())


def newest_topic_id(topic: str) -> str | None:
    """Return the id of the topic of this name that was last produced to."""
    found = [
        (_written_at(path) or 0.0, record["topic_id"])
        for path in _folder("").glob("*/*.json")
        if (record := read_json(path)) is not None and record["topic"] == topic
    ]
    return max(found)[1] if found else None


def wait_for_sent_counts(
    topic_id: str, pids: Collection[int], since: float, timeout_s: float
) -> None:
    """Wait until the running producers have written what they sent up to a moment.

    Parameters
    ----------
    topic_id : str
        The topic they produce to.
    pids : collection of int
        The processes of the producers that run now.
    since : float
        The moment, in seconds since 1970.
    timeout_s : float
        How long to wait at most, without an error: a producer that is frozen writes nothing.
    """

    def have_written() -> bool:
        return not any(
            record["state"] == "running" and record["pid"] in pids
            for path in _folder(topic_id).glob("*.json")
            if _written_before(path, since) and (record := read_json(path)) is not None
        )

    with contextlib.suppress(TimeoutError):
        wait_until(have_written, timeout_s, TimeoutError)


def _written_before(path: Path, moment: float) -> bool:
    return (_written_at(path) or moment) < moment


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # replaced or removed at this moment
        return None


def _folder(topic_id: str) -> Path:
    return load_config().state_dir / "tally" / topic_id
