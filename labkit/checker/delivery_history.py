"""The delivery logs of all producer runs into a topic, read back for the checker.

A record without an answer is unknown, as is one in flight when its producer was killed: it may be
in the topic or not. A record that was acknowledged must be there, at that offset; one that was
refused must not be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from labkit.producer.delivery_log import LogEvent, delivery_log_dir, read_events
from labkit.producer.sent_counts import UNASKED

CRC_MASK = 0xFFFF_FFFF
BAD = 1 << 32
"""Set in `DeliveryHistory.acked` for a record that was deliberately malformed."""
LATE = 1 << 33
"""Set if the answer came after the check had begun."""


class Delivery(NamedTuple):
    """One record of a delivery log: what was sent, and its answer."""

    run: str
    number: int
    partition: int
    offset: int  # -1 if unknown
    event: str  # acked, failed or unknown
    reading_id: str  # empty if deliberately malformed
    crc32: int
    note: str
    late: bool
    co2_g: int | None = None  # None if deliberately malformed

    def __str__(self) -> str:
        what = f"reading {self.reading_id}" if self.reading_id else f"a record, {self.note},"
        said = {
            "acked": f"acknowledged at offset {self.offset}",
            "failed": f"refused for certain ({self.note})",
            "unknown": "unknown: no answer in time",
        }[self.event]
        return f"{what} of run {self.run}, its number {self.number}: {said}"


def delivery_log_sizes(topic_id: str) -> dict[Path, int]:
    """Return the present size of each delivery log of a topic."""
    return {path: path.stat().st_size for path in sorted(delivery_log_dir(topic_id).glob("*.csv"))}


def read_deliveries(path: Path, size_now: int) -> Iterator[Delivery]:
    """Yield each record of a delivery log once, with its last answer; without one it is unknown.

    Parameters
    ----------
    path : Path
        The delivery log of one run; a torn last line is left out.
    size_now : int
        Answers past this size are marked as late.
    """
    waiting: dict[int, LogEvent] = {}
    unknown: dict[int, tuple[LogEvent, LogEvent]] = {}  # it may still be found in the topic
    for event in read_events(path):
        if event.event == "sent":
            waiting[event.number] = event
        elif event.event == "unknown":
            unknown[event.number] = waiting.pop(event.number), event
        elif event.event in SETTLED:
            sent, _ = unknown.pop(event.number)
            yield _delivery(path, sent, SETTLED[event.event], event, size_now)
        else:
            yield _delivery(path, waiting.pop(event.number), event.event, event, size_now)
    for sent, answer in unknown.values():
        yield _delivery(path, sent, "unknown", answer, size_now)
    for sent in waiting.values():
        yield _delivery(path, sent, "unknown", None, size_now)


SETTLED = {"found": "acked", "absent": "failed"}
"""What a search of the topic made of a record without an answer."""


def _delivery(
    path: Path, sent: LogEvent, event: str, answer: LogEvent | None, size_now: int
) -> Delivery:
    offset, note, late = -1, sent.note, False
    if answer is not None:
        offset, note, late = answer.offset, answer.note or note, answer.end > size_now
    return Delivery(
        path.stem,
        sent.number,
        sent.partition,
        offset,
        event,
        sent.reading_id,
        sent.crc32,
        note,
        late,
        sent.co2_g,
    )


@dataclass
class DeliveryHistory:
    """The delivery logs of a topic, compact enough for millions of records.

    Attributes
    ----------
    acked : dict of int to dict of int to int
        Partition -> offset -> CRC-32 of the value, with `BAD` and `LATE`. Records whose offset the
        broker did not return are left out here: they must be in the topic, at any offset.
    open_ids : dict of str to str
        The other readings, each with its event; ``unasked`` if it was sent with ``acks=0``.
    """

    sizes: Mapping[Path, int]
    counts: Counter[str] = field(default_factory=Counter)
    acked: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    open_ids: dict[str, str] = field(default_factory=dict)
    unknown_bad: Counter[int] = field(default_factory=Counter)  # by the CRC-32 of the value
    twice: list[Delivery] = field(default_factory=list)  # acknowledged at a used offset
    disordered: list[Delivery] = field(default_factory=list)  # acknowledged before an earlier one

    @property
    def runs(self) -> int:
        """How many producer runs kept a delivery log."""
        return len(self.sizes)

    def deliveries(self) -> Iterator[Delivery]:
        """Yield every record of every run."""
        for path, size in self.sizes.items():
            with suppress(FileNotFoundError):  # retention has removed it since
                yield from read_deliveries(path, size)

    def find(self, partition: int, offset: int) -> Delivery | None:
        """Return the record that was acknowledged at an offset."""
        wanted = (partition, offset)
        return next(
            (
                delivery
                for delivery in self.deliveries()
                if (delivery.partition, delivery.offset) == wanted
            ),
            None,
        )

    def find_ids(self, reading_ids: Collection[str]) -> dict[str, list[Delivery]]:
        """Return every sending of these readings."""
        found: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in self.deliveries() if reading_ids else ():
            if delivery.reading_id in reading_ids:
                found[delivery.reading_id].append(delivery)
        return found


def read_history(sizes: Mapping[Path, int]) -> DeliveryHistory:
    """Read the delivery logs of a topic.

    Parameters
    ----------
    sizes : mapping
        The size of each log when the check began; see `delivery_log_sizes`.
    """
    history = DeliveryHistory(sizes)
    newest: dict[tuple[str, int], int] = {}  # the last offset of a run in a partition
    for delivery in history.deliveries():
        history.counts[delivery.event] += 1
        if delivery.event == "acked" and delivery.offset >= 0:
            _add_acked(history, delivery, newest)
        elif delivery.reading_id:
            is_unasked = delivery.event == "unknown" and delivery.note.startswith(UNASKED)
            history.open_ids[delivery.reading_id] = "unasked" if is_unasked else delivery.event
        elif delivery.event == "unknown":
            history.unknown_bad[delivery.crc32] += 1
    return history


def _add_acked(
    history: DeliveryHistory, delivery: Delivery, newest: dict[tuple[str, int], int]
) -> None:
    places = history.acked[delivery.partition]
    if delivery.offset in places:
        history.twice.append(delivery)
        return
    bad = 0 if delivery.reading_id else BAD
    places[delivery.offset] = delivery.crc32 | bad | (LATE if delivery.late else 0)
    who = (delivery.run, delivery.partition)
    if newest.get(who, -1) > delivery.offset:
        history.disordered.append(delivery)
    else:
        newest[who] = delivery.offset
