"""The group view: a consumer group's members, and the partitions each of them reads."""

from __future__ import annotations

from labkit.core.config import load_config
from labkit.widgets.group_assignment import MemberLetters, empty_group, group_snapshot, group_text
from labkit.widgets.live_widget import LiveWidget, keep_last_on_error


class GroupView(LiveWidget):
    """A consumer group's members and their partitions; see `group_view`."""

    bundle = "group"

    @property
    def text(self) -> str:
        """The snapshot as a sentence and a table."""
        return group_text(self.snapshot)


def group_view(
    group_id: str | None = None, topic: str | None = None, *, updates_per_s: float = 1.0
) -> GroupView:
    """Show a consumer group: its members as rows, the partitions as columns.

    Kafka gives each partition to exactly one member of a group, so a column has one filled cell,
    and a group with more members than partitions has idle ones. When a member joins or leaves, the
    group is rebalanced: the cells move.

    Parameters
    ----------
    group_id : str, optional
        The group, which need not exist yet; default: the lab's, ``csv-writer``.
    topic : str, optional
        The topic whose partitions are shown; default: all that the members subscribe to.
    updates_per_s : float
        How often its coordinator is asked, at most five times a second.

    Returns
    -------
    GroupView
        Shown by the cell that returns it. ``print()`` shows it as text, ``.snapshot`` holds what
        is shown. ``.stop()`` ends it, and so does `labkit.stop_all`.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.

    See: Kafka documentation, "Main Concepts and Terminology"; KIP-429 for cooperative rebalancing.
    """
    from labkit.topics.group_watch import (
        GroupWatch,  # only here: the widgets themselves need no Kafka
    )

    config = load_config()
    name = group_id or config.group_id
    watch = GroupWatch(name, topic, config.topic)
    letters = MemberLetters()
    read = keep_last_on_error(lambda: group_snapshot(watch.read(), letters), empty_group(name))
    return GroupView(
        f"group view of {name}",
        read(),
        read,
        finish=watch.close,
        updates_per_s=updates_per_s,
    )
