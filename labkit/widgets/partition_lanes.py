"""The partition view's snapshot, as plain data and as text: one lane for each partition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from labkit.core.terminal_text import visible
from labkit.topics.topic_model import (
    HEADER_BYTES,
    KEY_BYTES,
    VALUE_BYTES,
    Partition,
    SeenRecord,
    TopicSnapshot,
    bytes_in_words,
)
from labkit.widgets.text_twin import counted, letters, table_text

Snapshot = dict[str, Any]

READER = "Read by a consumer that belongs to no group and commits nothing."


class KeyMarks:
    """Marks for the keys on the screen; each key keeps its mark as long as it is shown."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}

    def places(self, keys: Iterable[bytes | None]) -> dict[bytes, int]:
        """Return each key's place; a new key gets the lowest free one."""
        present = dict.fromkeys(key for key in keys if key is not None)
        self._places = {key: place for key, place in self._places.items() if key in present}
        taken = set(self._places.values())
        free = (place for place in range(len(present)) if place not in taken)
        for key in present:
            if key not in self._places:
                self._places[key] = next(free)
        return self._places


def empty_topic(topic: str) -> Snapshot:
    """Return the snapshot of a topic of which nothing is known."""
    return {
        "title": f"Topic {topic}",
        "topic": topic,
        "topic_id": None,
        "lanes": [],
        "keys": [],
        "groups": [],
        "sentence": f"There is nothing to see of topic {topic} yet.",
        "state": "",
        "fresh": False,
    }


def topic_snapshot(topic_now: TopicSnapshot, marks: KeyMarks) -> Snapshot:
    """Return the snapshot of a topic: small JSON, with at most a few hundred records."""
    topic = topic_now.topic
    places = marks.places(record.key for held in topic_now.records.values() for record in held)
    lanes = [_lane(one, topic_now, places) for one in topic.partitions]
    retained = "?" if topic.records is None else f"{topic.records:,}"
    partitions = counted(topic.num_partitions, "partition")
    return {
        "title": f"Topic {topic.name}: {partitions}, {retained} records",
        "topic": topic.name,
        "topic_id": topic.topic_id,
        "lanes": lanes,
        "keys": [
            {"place": place, "mark": letters(place), "key": bytes_in_words(key, KEY_BYTES)}
            for key, place in sorted(places.items(), key=lambda pair: pair[1])
        ],
        "groups": list(topic_now.positions),
        "sentence": _sentence(topic.name, lanes, list(topic_now.positions)),
        "state": " ".join([*(f"{note[0].upper()}{note[1:]}." for note in topic_now.notes), READER]),
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
        "mark": "–" if place is None else letters(place),
        "key": bytes_in_words(record.key, KEY_BYTES),
        "value": bytes_in_words(record.value, VALUE_BYTES),
        "size_bytes": record.size_bytes,
        "timestamp_ms": record.timestamp_ms,
        "headers": [[name, bytes_in_words(value, HEADER_BYTES)] for name, value in record.headers],
    }


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
                "nobody" if lane["leader"] is None else str(lane["leader"]),
                _in_sync(lane),
                "?" if lane["start"] is None else str(lane["start"]),
                "?" if lane["end"] is None else str(lane["end"]),
                " ".join(f"{one['offset']}{one['mark']}" for one in lane["records"][-5:]) or "none",
                *(_position_text(positions.get(group)) for group in groups),
            ]
        )
    keys = ", ".join(f"{one['mark']} = {one['key']}" for one in snapshot["keys"][:12])
    parts = [
        snapshot["title"],
        snapshot["sentence"],
        table_text(rows) if snapshot["lanes"] else "",
        f"Keys: {keys}" if keys else "",
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
    return f"at {one['position']}, lag {'?' if one['lag'] is None else one['lag']}"
