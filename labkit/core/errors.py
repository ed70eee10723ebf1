"""The lab's exceptions; each is a `LabError`.

Every message says what happened and the next line to type. That line is also available
separately, as ``next_line``, so that a notebook or a terminal can show it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from labkit.core.similar_names import similar_name


class LabError(Exception):
    """Base class of all errors of the lab.

    Parameters
    ----------
    what : str
        One sentence: what happened, and why.
    next_line : str
        The next line to type, in a terminal or in a cell; empty if none helps.
    """

    def __init__(self, what: str, next_line: str = "") -> None:
        super().__init__(what, next_line)
        self.what = what
        self.next_line = next_line

    def __str__(self) -> str:
        return f"{self.what}\n  Next: {self.next_line}" if self.next_line else self.what


class SettingInvalid(LabError):
    """A ``LABKIT_*`` variable, or a line of ``.env``, has a value that its setting cannot have.

    `fields` are the invalid settings by their names in `LabConfig`; empty if it is the file itself.
    """

    fields: frozenset[str] = frozenset()


class FolderNotWritable(LabError):
    """A folder that the lab writes cannot be written; the next line names its setting."""


class BrokerUnavailable(LabError):
    """No Kafka broker answers, or one would not start."""


class AccessDenied(LabError):
    """The cluster let the client in, and none of its ACLs allows this request."""


class JarRefused(LabError):
    """A jar's size or SHA-256 is not what ``jars.lock`` says."""


class TopicNotFound(LabError):
    """The topic does not exist on this cluster.

    Attributes
    ----------
    topic, similar : str
        Its name, and the one that exists of which it may be a misspelling; empty if there is none,
        or nobody knows.
    """

    topic: str = ""
    similar: str = ""

    @classmethod
    def named(cls, topic: str, names: Iterable[str]) -> TopicNotFound:
        """Return the error to raise about a topic, given the names of those that exist.

        A similar name is most likely what was meant, so it comes before creating the topic.
        """
        names = sorted(name for name in names if not name.startswith("__"))
        similar = similar_name(topic, names)
        if similar:
            error = cls(
                f"topic {topic!r} is not on this cluster. Did you mean {similar!r}?",
                f"lab.describe_topic({similar!r})   "
                f"(or, if you want another topic: lab.ensure_topic({topic!r}))",
            )
            error.similar = similar
        else:
            there = f"there are: {', '.join(names[:10])}" if names else "there is none yet"
            error = cls(
                f"topic {topic!r} is not on this cluster; {there}", f"lab.ensure_topic({topic!r})"
            )
        error.topic = topic
        return error


class TopicConfigDiffers(LabError):
    """The topic exists with other partitions, replicas or settings than asked for."""


class TopicRefused(LabError):
    """The cluster refuses a topic's name, number of partitions or replicas, or a setting."""


class BadReading(LabError):
    """The bytes of a record are not a valid CO2 reading."""


class BatchUnreadable(LabError):
    """A batch of records cannot be unpacked: its codec is not installed, or it is damaged.

    Attributes
    ----------
    partition, offset : int
        Where it is.
    """

    def __init__(self, what: str, next_line: str, partition: int, offset: int) -> None:
        super().__init__(what, next_line)
        self.partition, self.offset = partition, offset


class ReplayError(LabError):
    """A table of the user's own cannot be replayed, or not without an answer."""


class ReplayComplete(ReplayError):
    """All rows of the table are in the topic already."""


class SinkError(LabError):
    """The CSV of a partition cannot be opened or continued."""


class SinkLocked(SinkError):
    """Another process holds the lock of this partition's CSV."""


class SinkDamaged(SinkError):
    """A row before the last one fails its checksum; nothing is repaired silently."""


class SinkMoved(SinkError):
    """A file of a partition's CSV was deleted, moved or overwritten while it was open."""


class SinkForeign(SinkError):
    """The CSV was written from another topic or another cluster, or from records that are gone."""


class CursorInvalid(LabError):
    """The cursor of an API call cannot be read."""


class CursorOutdated(CursorInvalid):
    """The cursor points past the last row: it is from an earlier CSV."""


class FrontEndMissing(LabError):
    """The built page or widgets are not in ``labkit/api/static`` or ``labkit/widgets/static``."""


class WorkerFailed(LabError):
    """A thread or process in the background ended with an error."""


class ConsumerHung(WorkerFailed):
    """The Kafka client, or the loop around it, made no progress for too long."""
