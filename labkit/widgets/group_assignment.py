"""What the group view shows, as plain data and as text: who has which partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.core.terminal_text import visible
from labkit.widgets.text_twin import counted, letters, table_text

if TYPE_CHECKING:
    from labkit.topics.group_watch import GroupDescription, Member

Snapshot = dict[str, Any]

STATES = {
    "Stable": "everybody knows what to read",
    "PreparingRebalance": "a rebalance has begun: the coordinator waits for the members to join",
    "CompletingRebalance": "all have joined, and one of them shares out the partitions",
    "Empty": "it has no member; the positions it has committed are kept (7 days, by default)",
    "Dead": "there is no such group: nobody has ever joined it, or it was forgotten",
}
"""The states of a group in Kafka's words, and what they mean."""

MANY = 6
"""A sentence names each of so many members, at most."""
REBALANCING = {"PreparingRebalance", "CompletingRebalance"}


class Letters:
    """Gives each member a letter, and the same one as long as it is in the group."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def of(self, member_ids: list[str]) -> dict[str, int]:
        """Return the place of each member; one that is new gets the lowest that is free."""
        self._places = {one: place for one, place in self._places.items() if one in member_ids}
        for member_id in member_ids:
            if member_id not in self._places:
                taken = set(self._places.values())
                self._places[member_id] = min(set(range(len(taken) + 1)) - taken)
        return self._places


def no_matrix(group_id: str) -> Snapshot:
    """Return what is shown of a group of which nothing is known."""
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


def matrix_of(sight: GroupDescription, letter_book: Letters) -> Snapshot:
    """Return the snapshot of a group: its members as rows, the partitions as columns."""
    places = letter_book.of([member.member_id for member in sight.members])
    topics = [{"topic": name, "partitions": count} for name, count in sight.partitions.items()]
    members = [
        {
            "place": places[member.member_id],
            "letter": letters(places[member.member_id]),
            "client_id": member.client_id,
            "member_id": member.member_id,
            "host": member.host,
            "assigned": {name: list(member.assigned.get(name, ())) for name in sight.partitions},
            "idle": _why_idle(member, sight),
        }
        for member in sorted(sight.members, key=lambda one: places[one.member_id])
    ]
    taken = {
        (name, number)
        for member in sight.members
        for name, numbers in member.assigned.items()
        for number in numbers
    }
    free = [
        [name, number]
        for name, count in sight.partitions.items()
        for number in range(count)
        if (name, number) not in taken
    ]
    return {
        "title": f"Group {sight.group_id}",
        "group_id": sight.group_id,
        "group_state": sight.state,
        "meaning": STATES.get(sight.state, ""),
        "assignor": sight.assignor,
        "topics": topics,
        "members": members,
        "unassigned": free,
        "sentence": _sentence(sight, members, len(free)),
        "state": sight.problem or _next_step(sight),
    }


def _why_idle(member: Member, sight: GroupDescription) -> str:
    """Return why a member reads nothing of what is shown; empty where it reads something."""
    if any(member.assigned.get(name) for name in sight.partitions):
        return ""
    if sight.state in REBALANCING:
        return "the partitions are being shared out"
    if member.topics and not set(member.topics) & set(sight.partitions):
        return f"it subscribes to {', '.join(member.topics)}"
    if sight.partitions and sight.state == "Stable":
        return "idle: no partition is left for it"
    return "it has no partition"


def _sentence(sight: GroupDescription, members: list[Snapshot], free: int) -> str:
    group = f"Group {sight.group_id}"
    if not sight.state:
        return f"Nothing is known of group {sight.group_id} just now."
    if not members:
        return f"{group} is {sight.state}: {STATES.get(sight.state, 'it has no member')}."
    told = [f"{group} is {sight.state} with {counted(len(members), 'member')}"]
    if len(members) > MANY:  # a sentence that is heard has an end; the table has them all
        idle = sum(1 for one in members if one["idle"])
        told.append(f"{idle} of them without a partition" if idle else "each has a partition")
    else:
        told += [
            f"{one['letter']}: {one['idle']}"
            if one["idle"]
            else f"{one['letter']} reads {_held(one, len(sight.partitions) > 1)}"
            for one in members
        ]
    if free and sight.state == "Stable":
        told.append(f"nobody has {counted(free, 'partition')}")
    return "; ".join(told) + "."


def _held(member: Snapshot, name_topics: bool) -> str:
    """Return a member's partitions in words; with the topic where there are several."""
    held = [(name, number) for name, numbers in member["assigned"].items() for number in numbers]
    told = (f"{name}-{number}" if name_topics else str(number) for name, number in held)
    return f"partition{'s' if len(held) > 1 else ''} {', '.join(told)}"


def _next_step(sight: GroupDescription) -> str:
    if sight.state in ("Dead", "Empty"):
        return f"Next: lab.start_consumer(group_id={sight.group_id!r})"
    return "As the group's coordinator tells it; it does not tell the generation."


def matrix_in_text(snapshot: Snapshot) -> str:
    """Return the text twin: the sentence and a table with a line for each member."""
    topics = [one["topic"] for one in snapshot["topics"]]
    rows = [["", "client id", "host", "member id", *topics, ""]]
    rows += [
        [
            one["letter"],
            one["client_id"],
            one["host"],
            one["member_id"],
            *(",".join(map(str, one["assigned"][name])) or "none" for name in topics),
            one["idle"],
        ]
        for one in snapshot["members"]
    ]
    assignor = f"Assignor: {snapshot['assignor']}" if snapshot["assignor"] else ""
    table = table_text(rows) if snapshot["members"] else ""
    parts = [snapshot["title"], snapshot["sentence"], table, assignor, snapshot["state"]]
    return visible("\n".join(part for part in parts if part))
