"""Compare the file that Kafka Connect's file sink wrote with its topic."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from labkit.checker.topic_reader import TopicReader
from labkit.core.config import load_config
from labkit.core.text_tables import many


@dataclass(frozen=True)
class LineCount:
    """The comparison of a text file with the topic that it was written from."""

    topic: str
    records: int
    """Records that the topic holds."""
    lines: int
    doubled: int
    """Further lines of a record that already has one: phantom tonnes in a sum."""
    missing: int
    """Records without a line: lost, or not written yet."""
    strange: int
    """Lines that match no record of the topic: torn, or older than what it still holds."""

    @property
    def sentence(self) -> str:
        """All of it in words."""
        if not (self.doubled or self.missing or self.strange):
            return f"each of the {self.records:,} records of {self.topic} has one line"
        strange = f", and {self.strange:,} lines match none of its records" if self.strange else ""
        return (
            f"{self.lines:,} lines for {self.records:,} records of {self.topic}: "
            f"{many(self.doubled, 'line')} too many, {many(self.missing, 'record')} without a line"
            f"{strange}"
        )

    def __str__(self) -> str:
        return self.sentence


def count_lines(path: str | Path, topic: str | None = None) -> LineCount:
    """Compare a file that has a line for each record with the topic it was written from.

    Connect's ``FileStreamSinkConnector`` writes such a file: each record's value as it is. It
    commits its offsets now and then. A worker that dies has written lines since its last commit,
    and the worker that takes over starts there. So after a crash every record has a line, and some
    have two: *at least once*.

    Parameters
    ----------
    path : str or Path
        The file; a relative one is seen from the lab's folder.
    topic : str, optional
        Default: the setting ``topic``.

    Returns
    -------
    LineCount
        With ``records``, ``lines``, ``doubled``, ``missing`` and ``strange``.

    Raises
    ------
    TopicNotFound, BrokerUnavailable
        There is nothing to compare with.
    OSError
        The file cannot be read.

    See: Kafka documentation, "Kafka Connect: Sink Tasks"; KIP-618 (exactly once is for sources).
    """
    config = load_config()
    topic = topic or config.topic
    values: Counter[bytes] = Counter()
    with TopicReader(topic) as reader:
        for partition, span in reader.ranges().items():
            values.update(one.value or b"null" for one in reader.records(partition, span))
    with (config.lab_dir / Path(path).expanduser()).open("rb") as file:
        lines = Counter(line.rstrip(b"\r\n") for line in file)
    return LineCount(
        topic=topic,
        records=values.total(),
        lines=lines.total(),
        doubled=sum(max(0, lines[value] - count) for value, count in values.items()),
        missing=sum(max(0, count - lines[value]) for value, count in values.items()),
        strange=sum(count for line, count in lines.items() if line not in values),
    )
