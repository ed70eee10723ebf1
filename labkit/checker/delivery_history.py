"""What all producer runs together know of a topic: the journals, read back for the checker.

A record without an answer is unknown, and so is one that was in flight when its producer was
killed: it may be in the topic or not, and either is right. What was acknowledged has to be there,
at the very offset; what was refused for certain must not be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from labkit.producer.delivery_log import delivery_log_dir

CRC_MASK = 0xFFFF_FFFF
BAD = 1 << 32
"""Set in `History.acked` where a record was sent bad on purpose."""
LATE = 1 << 33
"""Set where the answer came after the check had begun."""


class Line(NamedTuple):
    """One record in a journal, put together from what was sent and its answer."""

    run: str
    number: int
    partition: int
    offset: int  # -1 where it is not known
    event: str  # acked, failed or unknown
    reading_id: str  # empty where it was bad on purpose
    crc32: int
    note: str
    late: bool

    def __str__(self) -> str:
        what = f"reading {self.reading_id}" if self.reading_id else f"a record, {self.note},"
        said = {
            "acked": f"acknowledged at offset {self.offset}",
            "failed": f"refused for certain ({self.note})",
            "unknown": "unknown: no answer in time",
        }[self.event]
        return f"{what} of run {self.run}, its number {self.number}: {said}"


def journal_sizes(topic_id: str) -> dict[Path, int]:
    """Return how long each journal of a topic is now: what stands there has happened by now."""
    return {path: path.stat().st_size for path in sorted(delivery_log_dir(topic_id).glob("*.csv"))}


def read_lines(path: Path, size_now: int) -> Iterator[Line]:
    """Return each record of a journal once, with its answer; what has none is unknown.

    Parameters
    ----------
    path : Path
        The journal of one run; a torn last line is left out.
    size_now : int
        Answers that stand behind so many bytes are marked as late.
    """
    waiting: dict[int, tuple[int, str, int, str]] = {}
    place = 0
    with path.open("rb") as file:
        for content in file:
            place += len(content)
            if not content.endswith(b"\n"):
                break
            event, number, partition, offset, reading_id, crc, note = (
                content[:-1].decode().split(",", 6)
            )
            if event == "sent":
                waiting[int(number)] = (int(partition), reading_id, int(crc, 16), note)
            elif event != "event":
                sent = waiting.pop(int(number))
                yield _line(path, int(number), sent, event, offset, note, late=place > size_now)
    for unanswered, sent in waiting.items():
        yield _line(path, unanswered, sent, "unknown", "", "", late=False)


def _line(
    path: Path,
    number: int,
    sent: tuple[int, str, int, str],
    event: str,
    offset: str,
    note: str,
    *,
    late: bool,
) -> Line:
    partition, reading_id, crc, about = sent
    place = int(offset) if offset else -1
    return Line(path.stem, number, partition, place, event, reading_id, crc, note or about, late)


@dataclass
class History:
    """The journals of a topic, small enough for millions of records.

    Attributes
    ----------
    acked : dict of int to dict of int to int
        Partition -> offset -> CRC-32 of the value, with `BAD` and `LATE`. Records whose offset the
        broker did not say count as unknown here: they have to be in the topic, somewhere.
    open_ids : dict of str to str
        Readings that were failed or unknown, and which of the two.
    """

    sizes: Mapping[Path, int]
    counts: Counter[str] = field(default_factory=Counter)
    acked: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    open_ids: dict[str, str] = field(default_factory=dict)
    unknown_bad: Counter[int] = field(default_factory=Counter)  # by the CRC-32 of the value
    twice: list[Line] = field(default_factory=list)  # acknowledged where another record was, too
    disordered: list[Line] = field(default_factory=list)  # acknowledged before an earlier one

    @property
    def runs(self) -> int:
        """How many producer runs kept a journal."""
        return len(self.sizes)

    def lines(self) -> Iterator[Line]:
        """Return every record of every run."""
        for path, size in self.sizes.items():
            yield from read_lines(path, size)

    def find(self, partition: int, offset: int) -> Line | None:
        """Return the record that was acknowledged at a place."""
        wanted = (partition, offset)
        return next(
            (line for line in self.lines() if (line.partition, line.offset) == wanted), None
        )

    def find_ids(self, reading_ids: Collection[str]) -> dict[str, list[Line]]:
        """Return each time that one of these readings was sent."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.lines() if reading_ids else ():
            if line.reading_id in reading_ids:
                found[line.reading_id].append(line)
        return found


def read_history(sizes: Mapping[Path, int]) -> History:
    """Read the journals of a topic.

    Parameters
    ----------
    sizes : mapping
        The journals, with how long each was when the check began; see `journal_sizes`.
    """
    history = History(sizes)
    newest: dict[tuple[str, int], int] = {}  # the last offset of a run in a partition
    for line in history.lines():
        history.counts[line.event] += 1
        if line.event == "acked" and line.offset >= 0:
            _add_acked(history, line, newest)
        elif line.reading_id:
            history.open_ids[line.reading_id] = line.event
        elif line.event == "unknown":
            history.unknown_bad[line.crc32] += 1
    return history


def _add_acked(history: History, line: Line, newest: dict[tuple[str, int], int]) -> None:
    places = history.acked[line.partition]
    if line.offset in places:
        history.twice.append(line)
        return
    bad = 0 if line.reading_id else BAD
    places[line.offset] = line.crc32 | bad | (LATE if line.late else 0)
    who = (line.run, line.partition)
    if newest.get(who, -1) > line.offset:
        history.disordered.append(line)
    else:
        newest[who] = line.offset
