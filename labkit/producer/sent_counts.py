"""What each producer run sent, and what became of it: the first two columns of the ledger.

The producer alone knows what it emitted and what the brokers acknowledged. Once a second it leaves
that in ``<state_dir>/tally/<topic_id>/<run>.json``. A topic's id, unlike its name, is never used
again, so the tally of a deleted topic cannot mix with that of its successor.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from labkit.core.config import load_config
from labkit.core.json_files import read_json, write_json


@dataclass(slots=True)
class Counts:
    """Records and grams of CO2, by what became of them.

    ``emitted`` = ``acked`` + ``failed`` + ``unknown`` + what is still in flight. Records that were
    bad on purpose are no readings and are counted apart: ``bad`` of them sent, ``bad_acked`` of
    those acknowledged.
    """

    emitted: int = 0
    emitted_g: int = 0
    acked: int = 0
    """In the log, and as safe as the producer's ``acks`` makes it: with ``all``, on every replica
    in sync; with ``1``, on the leader alone, and lost with it."""
    acked_g: int = 0
    failed: int = 0
    """Refused for certain: not in the log."""
    failed_g: int = 0
    unknown: int = 0
    """No answer in time: in the log or not, only reading the topic tells."""
    unknown_g: int = 0
    bad: int = 0
    bad_acked: int = 0
    unasked: int = 0
    """Those of the unknown that were sent with ``acks=0``: no broker was asked for an answer."""

    @property
    def records(self) -> int:
        """How many records were sent, good and bad."""
        return self.emitted + self.bad

    def __add__(self, other: Counts) -> Counts:
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts))
        return Counts(*sums)


class Tally:
    """The tally file of one producer run."""

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

    def write(self, counts: Counts, state: str) -> None:
        """Replace the file; ``state`` is ``running`` or ``ended``."""
        write_json(self.path, {**self._record, "state": state, **asdict(counts)})


def read_tally(topic_id: str) -> Counts:
    """Add up what all runs into a topic emitted, also those of other processes and of before.

    A run that was killed has written its last second or less too little.
    """
    return TallyReader().read(topic_id)


class TallyReader:
    """Reads tallies again and again, and of each only what has changed.

    Attributes
    ----------
    written_at : float
        When the newest one was written, in seconds since 1970.
    running : set of int
        The processes of the runs that have not said that they ended: at work, or killed.
    """

    def __init__(self) -> None:
        self.written_at = 0.0
        self.running: set[int] = set()
        self._known: dict[Path, tuple[float, Counts, int | None]] = {}

    def read(self, topic_id: str) -> Counts:
        """Add up what all runs into a topic sent; see `read_tally`."""
        known, self._known = self._known, {}
        for path in _folder(topic_id).glob("*.json"):
            written_at = _written_at(path)
            if path not in known or known[path][0] != written_at:
                record = read_json(path)
                if written_at is None or record is None:
                    continue
                counts = {one.name: record.get(one.name, 0) for one in fields(Counts)}
                pid = record["pid"] if record["state"] == "running" else None
                known[path] = written_at, Counts(**counts), pid
            self._known[path] = known[path]
        runs = self._known.values()
        self.written_at = max((written_at for written_at, _, _ in runs), default=0.0)
        self.running = {pid for _, _, pid in runs if pid is not None}
        return sum((counts for _, counts, _ in runs), start=Counts())


def newest_topic_id(topic: str) -> str | None:
    """Return the id of the topic of this name that was produced to last."""
    found = [
        (_written_at(path) or 0.0, record["topic_id"])
        for path in _folder("").glob("*/*.json")
        if (record := read_json(path)) is not None and record["topic"] == topic
    ]
    return max(found)[1] if found else None


def wait_for_tallies(topic_id: str, pids: Collection[int], since: float, timeout_s: float) -> None:
    """Wait until the producers that run have written down what they sent up to a moment.

    Parameters
    ----------
    topic_id : str
        The topic they produce to.
    pids : collection of int
        The processes of the producers that run now.
    since : float
        The moment, in seconds since 1970.
    timeout_s : float
        How long to wait at most: a producer that is frozen writes nothing.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not any(
            record["state"] == "running" and record["pid"] in pids
            for path in _folder(topic_id).glob("*.json")
            if _written_before(path, since) and (record := read_json(path)) is not None
        ):
            return
        time.sleep(0.05)


def _written_before(path: Path, moment: float) -> bool:
    return (_written_at(path) or moment) < moment


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # replaced or removed this instant
        return None


def _folder(topic_id: str) -> Path:
    return load_config().state_dir / "tally" / topic_id
