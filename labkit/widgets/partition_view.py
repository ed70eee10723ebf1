"""The partition view: a topic as logs of numbered records, with each group's position."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from labkit.core.config import load_config
from labkit.core.terminal_text import visible
from labkit.core.wording import sentence
from labkit.topics.topic_model import (
    HEADER_BYTES,
    KEY_BYTES,
    VALUE_BYTES,
    Partition,
    SeenRecord,
    TopicSnapshot,
    bytes_in_words,
)
from labkit.widgets.live_widget import LiveWidget, Snapshot, keep_last_on_error
from labkit.widgets.still_picture import box_picture
from labkit.widgets.text_alternative import Places, counted, table_text

READER = "Read by a consumer that belongs to no group and commits nothing."
MAX_LAST = 30
MOST_OF_KEY = 14
"""As many characters of a key are written in a record's box."""


class PartitionView(LiveWidget):
    """A topic as growing logs; see `partition_view`."""

    bundle = "partitions"

    def picture(self) -> str:
        """Draw the newest records of each partition as boxes with their offsets."""
        return box_picture(
            [
                (
                    f"partition {lane['partition']}",
                    [(str(one["offset"]), one["place"]) for one in lane["records"][-12:]],
                )
                for lane in self.snapshot["lanes"]
            ]
        )

    @property
    def text(self) -> str:
        """The snapshot as a sentence and a table."""
        return topic_text(self.snapshot)


def partition_view(
    topic: str | None = None,
    *,
    groups: Sequence[str] | None = None,
    last: int = 8,
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
    from labkit.topics.topic_watch import TopicWatch  # only here: widgets need no Kafka

    name = topic or load_config().topic
    watch = TopicWatch(name, groups, max(1, min(last, MAX_LAST)))
    places: Places[bytes] = Places()
    read = keep_last_on_error(lambda: topic_snapshot(watch.read(), places), empty_topic(name))
    shown = f"partition view of {name}"
    return PartitionView(shown, read(), read, finish=watch.close, updates_per_s=updates_per_s)


def empty_topic(topic: str) -> Snapshot:
    """Return the snapshot of a topic of which nothing is known."""
    return {
        "title": f"Topic {topic}",
        "topic": topic,
        "topic_id": None,
        "lanes": [],
        "groups": [],
        "sentence": f"There is nothing to see of topic {topic} yet.",
        "state": "",
        "fresh": False,
    }


def topic_snapshot(topic_now: TopicSnapshot, key_places: Places[bytes]) -> Snapshot:
    """Return the snapshot of a topic: small JSON, with at most a few hundred records."""
    topic = topic_now.topic
    records = itertools.chain.from_iterable(topic_now.records.values())
    places = key_places.of(record.key for record in records)
    lanes = [_lane(one, topic_now, places) for one in topic.partitions]
    retained = "?" if topic.records is None else f"{topic.records:,}"
    partitions = counted(topic.num_partitions, "partition")
    return {
        "title": f"Topic {topic.name}: {partitions}, {retained} records",
        "topic": topic.name,
        "topic_id": topic.topic_id,
        "lanes": lanes,
        "groups": list(topic_now.positions),
        "sentence": _sentence(topic.name, lanes, list(topic_now.positions)),
        "state": " ".join([*map(sentence, topic_now.notes), READER]),
    }


def _lane(one: Partition, topic_now: TopicSnapshot, places: dict[bytes, int]) -> Snapshot:
    records = topic_now.records.get(one.partition, ())
    # A record may have arrived after the end offset was read.
    end = one.end_offset if not records else max(one.end_offset or 0, records[-1].offset + 1)
    return {
        "partition": one.partition,
        "leader": one.leader,
        "in_sync": sorted(one.isr),
        "out_of_sync": sorted(set(one.replicas) - set(one.isr)),
        "start": one.start_offset,
        "end": end,
        "records": [_record(record, places) for record in records],
        "groups": [
            {
                "group": group,
                "position": positions[one.partition],
                "lag": None if end is None else max(0, end - positions[one.partition]),
            }
            for group, positions in topic_now.positions.items()
            if one.partition in positions
        ],
    }


def _record(record: SeenRecord, places: dict[bytes, int]) -> Snapshot:
    place = None if record.key is None else places[record.key]
    return {
        "offset": record.offset,
        "place": place,
        "mark": "no key" if place is None else _short(bytes_in_words(record.key, KEY_BYTES)),
        "key": bytes_in_words(record.key, KEY_BYTES),
        "value": bytes_in_words(record.value, VALUE_BYTES),
        "size_bytes": record.size_bytes,
        "timestamp_ms": record.timestamp_ms,
        "headers": [[name, bytes_in_words(value, HEADER_BYTES)] for name, value in record.headers],
    }


def _short(key: str) -> str:
    return key if len(key) <= MOST_OF_KEY else f"{key[: MOST_OF_KEY - 1]}…"


def _sentence(topic: str, lanes: list[Snapshot], groups: list[str]) -> str:
    parts = [f"{topic} has {counted(len(lanes), 'partition')}"]
    leaderless = [str(lane["partition"]) for lane in lanes if lane["leader"] is None]
    if leaderless:
        parts.append(f"nobody leads partition {', '.join(leaderless)} now")
    lacking = sorted({broker for lane in lanes for broker in lane["out_of_sync"]})
    if lacking:
        brokers = "broker {} is" if len(lacking) == 1 else "brokers {} are"
        parts.append(f"{brokers.format(', '.join(map(str, lacking)))} not in sync")
    for group in groups:
        parts.append(f"group {group} {_group_position(group, lanes)}")
    if not groups:
        parts.append("no group has committed a position in it yet")
    return "; ".join(parts) + "."


def _group_position(group: str, lanes: list[Snapshot]) -> str:
    found = [one for lane in lanes for one in lane["groups"] if one["group"] == group]
    if not found:
        return "has committed nothing here yet"
    lags = [one["lag"] for one in found]
    if None in lags:
        return "is somewhere before an end that is not known now"
    lag = sum(lags)
    return f"is {counted(lag, 'record')} behind" if lag else "has committed up to the end"


def topic_text(snapshot: Snapshot) -> str:
    """Return the snapshot as text: the sentence, and a table with a line for each partition."""
    groups = snapshot["groups"]
    rows = [["partition", "leader", "in sync", "start", "end", "newest records", *groups]]
    for lane in snapshot["lanes"]:
        positions = {one["group"]: one for one in lane["groups"]}
        rows.append(
            [
                str(lane["partition"]),
                _or(lane["leader"], "nobody"),
                _in_sync(lane),
                _or(lane["start"]),
                _or(lane["end"]),
                ", ".join(f"{one['offset']} {one['mark']}" for one in lane["records"][-5:])
                or "none",
                *(_position_text(positions.get(group)) for group in groups),
            ]
        )
    parts = [
        snapshot["title"],
        snapshot["sentence"],
        table_text(rows) if snapshot["lanes"] else "",
        snapshot["state"],
    ]
    return visible("\n".join(part for part in parts if part))


def _in_sync(lane: Snapshot) -> str:
    out = lane["out_of_sync"]
    parts = ",".join(map(str, lane["in_sync"])) or "none"
    return f"{parts} (not {','.join(map(str, out))})" if out else parts


def _position_text(one: Snapshot | None) -> str:
    if one is None:
        return "–"
    return f"at {one['position']}, lag {_or(one['lag'])}"


def _or(number: int | None, unknown: str = "?") -> str:
    return unknown if number is None else str(number)
