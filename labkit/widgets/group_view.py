"""The group view: a consumer group's members, and the partitions each of them reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.core.config import load_config
from labkit.core.terminal_text import visible
from labkit.widgets.live_widget import LiveWidget, Snapshot, keep_last_on_error
from labkit.widgets.still_picture import box_picture
from labkit.widgets.text_alternative import Places, counted, letters, table_text

if TYPE_CHECKING:
    from labkit.topics.group_watch import GroupDescription, Member

STATES = {
    "Stable": "everybody knows what to read",
    "PreparingRebalance": "a rebalance has begun: the coordinator waits for the members to join",
    "CompletingRebalance": "all have joined, and one of them shares out the partitions",
    "Empty": "it has no member; the positions it has committed are kept (7 days, by default)",
    "Dead": "there is no such group: nobody has ever joined it, or it was forgotten",
}
"""The states of a group in Kafka's terms, and their meaning."""

MAX_NAMED = 6
"""A sentence names each member up to this many."""
REBALANCING = {"PreparingRebalance", "CompletingRebalance"}


class GroupView(LiveWidget):
    """A consumer group's members and their partitions; see `group_view`."""

    bundle = "group"

    def picture(self) -> str:
        """Draw the members as rows, with a box for each of their partitions."""
        return box_picture(
            [
                (
                    f"{one['letter']} {one['name']}"[:20],
                    [
                        (f"p{number}", one["place"])
                        for numbers in one["assigned"].values()
                        for number in numbers
                    ],
                )
                for one in self.snapshot["members"]
            ]
        )

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
    from labkit.topics.group_watch import GroupWatch  # only here: widgets need no Kafka

    config = load_config()
    name = group_id or config.group_id
    watch = GroupWatch(name, topic, config.topic)
    places: Places[str] = Places()
    read = keep_last_on_error(lambda: group_snapshot(watch.read(), places), empty_group(name))
    shown = f"group view of {name}"
    return GroupView(shown, read(), read, finish=watch.close, updates_per_s=updates_per_s)


def empty_group(group_id: str) -> Snapshot:
    """Return the snapshot of a group of which nothing is known."""
    return {
        "title": f"Group {group_id}",
        "group_id": group_id,
        "group_state": "",
        "meaning": "",
        "assignor": "",
        "topics": [],
        "members": [],
        "unassigned": [],
        "sentence": f"Nothing is known of group {group_id} yet.",
        "state": "",
        "fresh": False,
    }


def group_snapshot(group: GroupDescription, member_places: Places[str]) -> Snapshot:
    """Return the snapshot of a group: its members as rows, the partitions as columns."""
    places = member_places.of(member.member_id for member in group.members)
    topics = [{"topic": name, "partitions": count} for name, count in group.partitions.items()]
    members = [
        {
            "place": places[member.member_id],
            "letter": letters(places[member.member_id]),
            "client_id": member.client_id,
            "name": short_name(member.client_id),
            "member_id": member.member_id,
            "host": member.host,
            "assigned": {name: list(member.assigned.get(name, ())) for name in group.partitions},
            "idle": _why_idle(member, group),
        }
        for member in sorted(group.members, key=lambda one: places[one.member_id])
    ]
    unassigned = [
        [name, number]
        for name, count in group.partitions.items()
        for number in range(count)
        if not any(number in member.assigned.get(name, ()) for member in group.members)
    ]
    return {
        "title": f"Group {group.group_id}",
        "group_id": group.group_id,
        "group_state": group.state,
        "meaning": STATES.get(group.state, ""),
        "assignor": group.assignor,
        "topics": topics,
        "members": members,
        "unassigned": unassigned,
        "sentence": _sentence(group, members, len(unassigned)),
        "state": group.problem or _next_step(group),
    }


def short_name(client_id: str) -> str:
    """Return a member's client id; without its version if it is the client's own default."""
    return "no client_id" if client_id.startswith("kafka-python-") else client_id


def _why_idle(member: Member, group: GroupDescription) -> str:
    """Return why a member reads none of these partitions; empty if it reads some."""
    if any(member.assigned.get(name) for name in group.partitions):
        return ""
    if group.state in REBALANCING:
        return "the partitions are being shared out"
    if member.topics and not set(member.topics) & set(group.partitions):
        return f"it subscribes to {', '.join(member.topics)}"
    if group.partitions and group.state == "Stable":
        return "idle: no partition is left for it"
    return "it has no partition"


def _sentence(group: GroupDescription, members: list[Snapshot], unassigned: int) -> str:
    name = f"Group {group.group_id}"
    if not group.state:
        return f"Nothing is known of group {group.group_id} just now."
    if not members:
        return f"{name} is {group.state}: {STATES.get(group.state, 'it has no member')}."
    parts = [f"{name} is {group.state} with {counted(len(members), 'member')}"]
    if len(members) > MAX_NAMED:  # a screen reader reads this sentence; the table has all members
        idle = sum(1 for one in members if one["idle"])
        parts.append(f"{idle} of them without a partition" if idle else "each has a partition")
    else:
        parts += [
            f"{one['letter']}: {one['idle']}"
            if one["idle"]
            else f"{one['letter']} reads {_held(one, len(group.partitions) > 1)}"
            for one in members
        ]
    if unassigned and group.state == "Stable":
        parts.append(f"nobody has {counted(unassigned, 'partition')}")
    return "; ".join(parts) + "."


def _held(member: Snapshot, name_topics: bool) -> str:
    """Return a member's partitions in words, with the topic if there are several."""
    held = [(name, number) for name, numbers in member["assigned"].items() for number in numbers]
    parts = (f"{name}-{number}" if name_topics else str(number) for name, number in held)
    return f"partition{'s' if len(held) > 1 else ''} {', '.join(parts)}"


def _next_step(group: GroupDescription) -> str:
    if group.similar:
        return f"Did you mean {group.similar!r}? Next: lab.group_view({group.similar!r})"
    if group.state in ("Dead", "Empty"):
        return f"Next: lab.start_consumer(group_id={group.group_id!r})"
    return "As the group's coordinator tells it; it does not tell the generation."


def group_text(snapshot: Snapshot) -> str:
    """Return the snapshot as text: the sentence, and a table with a line for each member."""
    topics = [one["topic"] for one in snapshot["topics"]]
    rows = [["", "client id", "host", "member id", *topics, ""]]
    for one in snapshot["members"]:
        cells = [",".join(map(str, one["assigned"][name])) or "none" for name in topics]
        rows.append(
            [one["letter"], one["client_id"], one["host"], one["member_id"], *cells, one["idle"]]
        )
    assignor = f"Assignor: {snapshot['assignor']}" if snapshot["assignor"] else ""
    table = table_text(rows) if snapshot["members"] else ""
    parts = [snapshot["title"], snapshot["sentence"], table, assignor, snapshot["state"]]
    return visible("\n".join(part for part in parts if part))
