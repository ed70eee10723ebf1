"""What the cluster said, as plain data: `Topic`, `TopicSnapshot`, `ClusterView` and their parts.

Kafka is not imported here, because the widgets draw these and must load without a client.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labkit.core.terminal_text import visible
from labkit.core.text_tables import aligned, html_table

VALUE_BYTES = 160
"""How many bytes of a value are kept: its start."""
KEY_BYTES = 60
HEADERS = 8
HEADER_BYTES = 60
BrokerState = Literal["running", "frozen", "dead"]


@dataclass(frozen=True)
class Partition:
    """One partition of a topic, as the cluster saw it a moment ago.

    `leader` is None while no broker leads it; the offsets are None where they were not asked for,
    and while its leader does not answer. `isr` are the in-sync replicas: those that can become
    leader without losing a record.
    """

    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    start_offset: int | None = None
    end_offset: int | None = None
    leader_epoch: int | None = field(default=None, repr=False)  # how often it got another leader

    @property
    def records(self) -> int | None:
        """How many offsets the log retains: its records, where nothing was compacted."""
        if self.start_offset is None or self.end_offset is None:
            return None
        return self.end_offset - self.start_offset


@dataclass(frozen=True)
class Topic:
    """A topic, as the cluster saw it a moment ago.

    `topic_id` is written as Kafka's own tools write it; it distinguishes a topic from a later one
    of the same name. `config` holds the settings of this topic; others have the broker's default.
    """

    name: str
    topic_id: str
    cluster_id: str
    internal: bool
    partitions: tuple[Partition, ...]
    config: dict[str, str]

    @property
    def num_partitions(self) -> int:
        """How many partitions it has."""
        return len(self.partitions)

    @property
    def replication_factor(self) -> int:
        """How many brokers hold each partition."""
        return max((len(partition.replicas) for partition in self.partitions), default=0)

    @property
    def records(self) -> int | None:
        """How many offsets its partitions retain together; None if one is unknown."""
        counts = [partition.records for partition in self.partitions]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def end_offsets(self) -> dict[int, int | None]:
        """The offset that each partition's next record will get."""
        return {partition.partition: partition.end_offset for partition in self.partitions}

    def __repr__(self) -> str:
        return (
            f"Topic({self.name!r}, {_count(self.num_partitions, 'partition')} × "
            f"{_count(self.replication_factor, 'replica')}, {shown(self.records)} records)"
        )

    def __str__(self) -> str:
        table = aligned(self._rows(), str.rjust)
        return "\n".join([repr(self), f"  id {self.topic_id}{self._config_line()}", *table])

    def _repr_html_(self) -> str:
        """Show partitions and records; a click shows where they are, and what the words mean."""
        rows = self._rows()
        table = html_table([row[:4] for row in rows], f"Topic {self.name}{self._config_line()}")
        replicas = html_table([(row[0], *row[4:]) for row in rows])
        return (
            f"{table}<details><summary>Where each partition is stored</summary>{replicas}"
            f"<p>{_ABOUT_REPLICAS} The topic's id is {self.topic_id}.</p></details>"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        rows = [
            (
                str(partition.partition),
                shown(partition.records),
                shown(partition.start_offset),
                shown(partition.end_offset),
                shown(partition.leader),
                ", ".join(map(str, partition.replicas)),
                ", ".join(map(str, partition.isr)),
            )
            for partition in self.partitions
        ]
        return [_HEADINGS, *rows]

    def _config_line(self) -> str:
        settings = [f"{key}={value}" for key, value in sorted(self.config.items())]
        return f", {', '.join(settings)}" if settings else ""


_HEADINGS = ("partition", "records", "start offset", "end offset", "leader", "replicas", "in sync")
_ABOUT_REPLICAS = (
    "Each number is a broker. The leader takes what producers send and gives it to consumers. The "
    "replicas are the brokers that keep a copy; those in sync have all of it."
)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(number: int | None) -> str:
    """Write a number, or a question mark where it is unknown."""
    return "?" if number is None else f"{number:,}"


@dataclass(frozen=True)
class SeenRecord:
    """The part of a record that is shown: small, whatever the size of the real one.

    `value` holds the start only. `size_bytes` counts the whole key and value.
    """

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    size_bytes: int
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class TopicSnapshot:
    """A topic at one moment.

    `records` are the newest of each partition, in order. `positions` are the offsets that each
    group has committed: group -> partition -> the offset it reads next.
    """

    topic: Topic
    records: Mapping[int, tuple[SeenRecord, ...]]
    positions: Mapping[str, Mapping[int, int]]
    notes: tuple[str, ...] = ()


def bytes_in_words(data: bytes | None, most: int) -> str:
    """Write bytes for a reader: as text where they are text, otherwise in hexadecimal.

    Null and empty bytes are different values in Kafka, so null is written as a word.
    """
    if data is None:
        return "null"
    start = data[:most]
    more = "…" if len(data) > most else ""
    try:
        # A character that is cut off in the middle is still text.
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        text = "\x00"
    if visible(text) != text:
        return f"0x {start[: most // 3].hex(' ')}{'…' if len(data) > most // 3 else ''}"
    return text + more


@dataclass(frozen=True)
class BrokerView:
    """One broker; ``state`` is its process's, or what a cluster that is not the lab's reports."""

    node_id: int
    state: BrokerState
    address: str


@dataclass(frozen=True)
class ClusterView:
    """The cluster at one moment.

    ``controller`` is the active KRaft controller, None while there is none or it is unknown.
    ``partitions`` is None where no broker answers, empty where the topic does not exist.
    ``trouble`` is a sentence about what is unknown, with the next line to type.
    """

    topic: str
    is_own: bool
    brokers: tuple[BrokerView, ...]
    controller: int | None = None
    partitions: tuple[Partition, ...] | None = None
    trouble: str = ""

    @property
    def majority(self) -> int:
        """How many controllers form a majority, in the lab's own cluster."""
        return len(self.brokers) // 2 + 1
