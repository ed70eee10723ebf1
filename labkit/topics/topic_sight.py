"""What a glance at a topic shows: its last records, and where each group stands in them.

Plain data, without Kafka: `topic_watch` fills it, the notebook's `partition_view` draws it.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from labkit.core.terminal_text import visible
from labkit.topics.topic_model import Topic

VALUE_BYTES = 160
"""How much of a value is kept to be shown: its start."""
KEY_BYTES = 60
HEADERS = 8
HEADER_BYTES = 60


@dataclass(frozen=True)
class SeenRecord:
    """A record as it is shown: small, whatever the size of the real one.

    `value` holds the start only. `size_bytes` counts key and value as they lie in the topic.
    """

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    size_bytes: int
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class TopicSight:
    """A topic at one moment.

    `records` are the newest of each partition, in order. `positions` are the offsets that each
    group has committed: group -> partition -> the offset it reads next.
    """

    topic: Topic
    records: Mapping[int, tuple[SeenRecord, ...]]
    positions: Mapping[str, Mapping[int, int]]
    notes: tuple[str, ...] = ()


def bytes_in_words(data: bytes | None, most: int) -> str:
    """Write bytes as a person reads them: text where they are text, else in hexadecimal.

    Kafka stores bytes and asks nothing about them; null is something else than no bytes.
    """
    if data is None:
        return "null"
    start = data[:most]
    more = "…" if len(data) > most else ""
    try:
        # What is cut off in the middle of a character is still text.
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        text = "\x00"
    if visible(text) != text:
        return f"0x {start[: most // 3].hex(' ')}{'…' if len(data) > most // 3 else ''}"
    return text + more
