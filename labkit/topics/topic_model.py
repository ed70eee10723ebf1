"""What a topic looks like: `Topic` and `Partition`, as text and as a small HTML table."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """One partition of a topic, as the cluster saw it a moment ago.

    `leader` is None while no broker leads it; the offsets are None while its leader does not
    answer. `isr` are the in-sync replicas: those that may become leader without losing a record.
    """

    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    start_offset: int | None
    end_offset: int | None

    @property
    def records(self) -> int | None:
        """How many offsets the log retains: its records, where nothing was compacted."""
        if self.start_offset is None or self.end_offset is None:
            return None
        return self.end_offset - self.start_offset


@dataclass(frozen=True)
class Topic:
    """A topic, as the cluster saw it a moment ago.

    `topic_id` is written as Kafka's own tools write it. It tells a topic from a later one of the
    same name. `config` holds what was set on this topic; the rest is the broker's default.
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
        """How many offsets its partitions retain together; None where one is not known."""
        counts = [partition.records for partition in self.partitions]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def end_offsets(self) -> dict[int, int | None]:
        """The offset that the next record of each partition will get."""
        return {partition.partition: partition.end_offset for partition in self.partitions}

    def __repr__(self) -> str:
        return (
            f"Topic({self.name!r}, {_count(self.num_partitions, 'partition')} × "
            f"{_count(self.replication_factor, 'replica')}, {_shown(self.records)} records)"
        )

    def __str__(self) -> str:
        rows = [_HEADINGS, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
        table = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        return "\n".join([repr(self), f"  id {self.topic_id}{self._config_line()}", *table])

    def _repr_html_(self) -> str:
        def row(cells: Iterable[str], tag: str) -> str:
            inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
            return f"<tr>{inner}</tr>"

        caption = f"{self.name}: id {self.topic_id}{self._config_line()}"
        body = "".join(row(cells, "td") for cells in self._rows())
        return (
            f"<table><caption>{html.escape(caption)}</caption>"
            f"<thead>{row(_HEADINGS, 'th')}</thead><tbody>{body}</tbody></table>"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                str(partition.partition),
                _shown(partition.leader),
                _ids(partition.replicas),
                _ids(partition.isr),
                _shown(partition.start_offset),
                _shown(partition.end_offset),
                _shown(partition.records),
            )
            for partition in self.partitions
        ]

    def _config_line(self) -> str:
        settings = [f"{key}={value}" for key, value in sorted(self.config.items())]
        return f", {', '.join(settings)}" if settings else ""


_HEADINGS = ("partition", "leader", "replicas", "in sync", "start offset", "end offset", "records")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _ids(brokers: tuple[int, ...]) -> str:
    return ", ".join(map(str, brokers))
