"""The partition view: a topic as logs of numbered records, with each group's position."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.core.config import load_config
from labkit.widgets.live_widget import LiveWidget, keep_last_on_error
from labkit.widgets.partition_lanes import KeyMarks, empty_topic, topic_snapshot, topic_text

MAX_LAST = 30


class PartitionView(LiveWidget):
    """A topic as growing logs; see `partition_view`."""

    bundle = "partitions"

    @property
    def text(self) -> str:
        """The snapshot as a sentence and a table."""
        return topic_text(self.snapshot)


def partition_view(
    topic: str | None = None,
    *,
    groups: Sequence[str] | None = None,
    last: int = 12,
    updates_per_s: float = 2.0,
) -> PartitionView:
    """Show a topic as Kafka keeps it: logs of numbered records, and each group's position.

    Records are appended at a partition's end and get the next offset. A group's arrow points at
    the record that it would read next, according to its last commit. The view belongs to no group,
    so it does not change what it shows.

    Parameters
    ----------
    topic : str, optional
        The topic, which need not exist yet; default: the lab's.
    groups : sequence of str, optional
        Whose positions to show; default: each group that has committed one for this topic.
    last : int
        How many records of each partition are shown, at most 30; fewer if there are many
        partitions.
    updates_per_s : float
        How often the cluster is asked, at most five times a second.

    Returns
    -------
    PartitionView
        Shown by the cell that returns it. ``print()`` shows it as text, ``.snapshot`` holds what
        is shown. ``.stop()`` ends it, and so does `labkit.stop_all`.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.

    See: Kafka documentation, "Main Concepts and Terminology"; for what a position is, the section
    "The Consumer: Consumer Position".
    """
    from labkit.topics.topic_watch import (
        TopicWatch,  # only here: the widgets themselves need no Kafka
    )

    name = topic or load_config().topic
    watch = TopicWatch(name, groups, max(1, min(last, MAX_LAST)))
    marks = KeyMarks()
    read = keep_last_on_error(lambda: topic_snapshot(watch.read(), marks), empty_topic(name))
    return PartitionView(
        f"partition view of {name}",
        read(),
        read,
        finish=watch.close,
        updates_per_s=updates_per_s,
    )
