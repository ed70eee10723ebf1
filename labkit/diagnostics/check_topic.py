"""Check a topic and a group: why a consumer gets no records, or gets some twice.

The cluster knows what a consumer's start depends on: where each log starts and ends, how far the
group has committed, and which member is assigned which partition.
"""

from __future__ import annotations

import contextlib
import html
from dataclasses import asdict, dataclass
from typing import Any

from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.next_step import Advice
from labkit.core.terminal_text import visible
from labkit.core.text_tables import aligned, html_table
from labkit.diagnostics import known_problems
from labkit.diagnostics.known_problems import Answer
from labkit.topics.group_watch import GroupDescription, GroupWatch
from labkit.topics.offsets_watch import OffsetsWatch
from labkit.topics.topic_model import Partition, Topic, shown
from labkit.topics.topics import describe_topic

COLUMNS = ("partition", "log start", "committed", "end", "a restart begins at", "to come", "member")


@dataclass(frozen=True)
class PartitionReport:
    """One partition, for a consumer that starts now.

    `committed` is None if the group has committed nothing, `member` empty if no member reads it.
    Offsets of a leader that does not answer are None.
    """

    partition: int
    start: int | None
    end: int | None
    committed: int | None
    member: str

    @property
    def begins_at(self) -> int | None:
        """Where a consumer with the default ``auto_offset_reset`` starts."""
        if self.committed is None or self.start is None or self.end is None:
            return self.end  # auto_offset_reset="latest", the default
        return self.committed if self.start <= self.committed <= self.end else self.end

    @property
    def to_come(self) -> int | None:
        """How many of the present records it would get."""
        if self.end is None or self.begins_at is None:
            return None
        return self.end - self.begins_at


@dataclass(frozen=True)
class TopicReport:
    """A topic for a consumer of a group that starts now, and what to do."""

    topic: str
    group_id: str | None
    group_state: str
    partitions: tuple[PartitionReport, ...]
    answers: tuple[Answer, ...]

    @property
    def summary(self) -> str:
        """The figures in one sentence."""
        records = sum((one.end or 0) - (one.start or 0) for one in self.partitions)
        group = f", group {self.group_id!r} ({self.group_state})" if self.group_id else ""
        return f"Topic {self.topic!r}{group}: {records:,} records in its log."

    def as_json(self) -> dict[str, Any]:
        """Return all of it for ``--json``."""
        partitions = [
            {**asdict(one), "begins_at": one.begins_at, "to_come": one.to_come}
            for one in self.partitions
        ]
        answers = [
            {
                "pain": one.problem and one.problem.number,
                "says": one.sentence,
                "next": one.next_line,
            }
            for one in self.answers
        ]
        return {**asdict(self), "partitions": partitions, "answers": answers}

    def _rows(self) -> list[tuple[str, ...]]:
        rows = [
            (
                str(one.partition),
                shown(one.start),
                "nothing" if one.committed is None else shown(one.committed),
                shown(one.end),
                f"→ {shown(one.begins_at)}" + (" (the end)" if one.begins_at == one.end else ""),
                shown(one.to_come),
                visible(one.member or "nobody"),
            )
            for one in self.partitions
        ]
        return [COLUMNS, *rows]

    @property
    def notes(self) -> list[Advice]:
        """The answers, each with a line to type."""
        return [Advice(one.heading, one.sentence, one.next_line) for one in self.answers]

    def __repr__(self) -> str:
        table = aligned(self._rows())
        return "\n".join([visible(self.summary), *table, *map(repr, self.notes)])

    def _repr_html_(self) -> str:
        notes = "".join(note._repr_html_() for note in self.notes)
        summary = html.escape(visible(self.summary))
        return f"<p>{summary}</p>{html_table(self._rows())}{notes}"


def examine_topic(topic: str, group_id: str | None, sent: int | None = None) -> TopicReport:
    """Examine a topic for a consumer of this group, and answer what is wrong.

    Raises
    ------
    BrokerUnavailable, TopicNotFound
    """
    found = describe_topic(topic)
    committed: dict[int, int | None] = {}
    group_now = None
    if group_id:
        with contextlib.closing(OffsetsWatch(topic, group_id)) as offsets:
            committed = dict(offsets.read().committed)
        with contextlib.closing(GroupWatch(group_id, topic, topic)) as watch:
            group_now = watch.read()
    partitions = tuple(
        PartitionReport(
            one.partition,
            one.start_offset,
            one.end_offset,
            committed.get(one.partition),
            _member(group_now, topic, one),
        )
        for one in found.partitions
    )
    answers = [*_sent(found, sent), *_starts(found, group_id, partitions), *_idle(found, group_now)]
    state = group_now.state if group_now else ""
    return TopicReport(topic, group_id, state, partitions, tuple(answers))


def _member(group_now: GroupDescription | None, topic: str, one: Partition) -> str:
    for member in group_now.members if group_now else ():
        if one.partition in member.assigned.get(topic, ()):
            return member.client_id
    return ""


def _sent(topic: Topic, sent: int | None) -> list[Answer]:
    """Compare what a producer sent with what the topic holds."""
    written = sum(one.end_offset or 0 for one in topic.partitions)
    if sent is None or written >= sent:
        return []
    lost = f"{written:,} of the {sent:,} records were written to {topic.name!r}"
    return [known_problems.NO_FLUSH.answer(f"Only {lost}. {known_problems.NO_FLUSH.sentence}")]


def _starts(
    topic: Topic, group_id: str | None, partitions: tuple[PartitionReport, ...]
) -> list[Answer]:
    """Return what a consumer that starts now gets, and why."""
    records = topic.records
    if records == 0:
        said = f"Topic {topic.name!r} holds no record: nothing was sent, or not flushed yet."
        return [known_problems.SEES_NOTHING.answer(said, known_problems.NO_FLUSH.next_line)]
    group = f", group_id={group_id!r}" if group_id else ""
    first = _consumer(topic.name, f"{group}, auto_offset_reset='earliest'")
    if group_id is None:
        said = "A consumer without a group starts at the end: it gets only what is sent from then."
        return [known_problems.SEES_NOTHING.answer(f"{said} From the start it reads with:", first)]
    known = [one for one in partitions if one.committed is not None]
    if not known:
        said = f"Group {group_id!r} has committed nothing in {topic.name!r}, so a consumer of it "
        said += "starts at the end, and gets only what is sent from then. From the start:"
        return [known_problems.SEES_NOTHING.answer(said, first)]
    gone = [one for one in known if (one.committed or 0) < (one.start or 0)]
    if gone:
        said = f"Retention deleted what group {group_id!r} would read next in partition "
        said += f"{', '.join(str(one.partition) for one in gone)}; from the oldest record there is:"
        return [known_problems.SEES_NOTHING.answer(said, first)]
    to_come = sum(one.to_come or 0 for one in known)
    if to_come == 0:
        said = f"Group {group_id!r} has committed all there is, so a consumer of it waits for new "
        said += "records. A group of another name reads the log again:"
        again = f", group_id={group_id + '-again'!r}, auto_offset_reset='earliest'"
        return [known_problems.SEES_NOTHING.answer(said, _consumer(topic.name, again))]
    said = f"A restart of group {group_id!r} begins at its last commit, and gets {to_come:,} "
    said += "records: again, where they were handled already. Commit after handling them:"
    return [known_problems.DUPLICATES.answer(said)]


def _consumer(topic: str, settings: str) -> str:
    return f"KafkaConsumer({topic!r}, bootstrap_servers={bootstrap_servers()!r}{settings})"


def _idle(topic: Topic, group_now: GroupDescription | None) -> list[Answer]:
    """Return an answer if members have no partition."""
    if group_now is None or group_now.state != "Stable":
        return []
    ours = [one for one in group_now.members if not one.topics or topic.name in one.topics]
    idle = [one.client_id for one in ours if not one.assigned.get(topic.name)]
    if not idle:
        return []
    holds = f"{topic.num_partitions} partition" + "s" * (topic.num_partitions != 1)
    said = f"{len(idle)} of {len(ours)} members ({', '.join(idle)}) get nothing: each partition "
    said += f"goes to one member, and {topic.name!r} has {holds}. More partitions give each some; "
    said += (
        "running consumers notice them within metadata_max_age_ms (5 minutes), new ones at once."
    )
    more = f"lab.alter_topic({topic.name!r}, num_partitions={len(ours)})"
    return [known_problems.GROUP.answer(said, more)]
