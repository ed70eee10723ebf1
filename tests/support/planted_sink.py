"""A sink with a deliberate bug, in a separate process, for the checker to find.

    python planted_sink.py BUG SERVERS TOPIC FOLDER

A sink as one writes it in an afternoon: no lock, no sidecar, no checksum. All three bugs have been
seen in production.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from labkit.readings.reading import Reading
from labkit.sink.csv_row import HEADER, encode_row

COMMITS_FIRST = "commits-first"  # the group's offset runs ahead of the file
NO_LOCK = "no-lock"  # every process that is started writes
NEWLINES_ONLY = "newlines-only"  # the last whole line counts, and half a line stays where it is


def run(bug: str, servers: str, topic: str, folder: Path) -> None:
    """Store a topic up to its present end, starting where the bug puts the position."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        group_id=f"planted-{topic}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=100,
    )
    places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    files = {}
    for place in places:
        path = folder / f"{place.partition}.csv"
        if not path.exists():
            path.write_bytes(HEADER)
        files[place] = path.open("ab", buffering=0)
        if bug != COMMITS_FIRST:
            consumer.seek(place, behind_last_whole_line(path))
    if bug == NO_LOCK:
        wait_for_another(folder)
    ends = consumer.end_offsets(places)
    while any(consumer.position(place) < end for place, end in ends.items()):
        batches = consumer.poll(timeout_ms=500)
        if bug == COMMITS_FIRST:
            consumer.commit()
            time.sleep(0.05)  # a slow disk
        for place, records in batches.items():
            rows = [
                encode_row(record.partition, record.offset, Reading.from_json(record.value))
                for record in records
            ]
            files[place].write(b"".join(rows))
    consumer.close()
    for file in files.values():
        file.close()


def wait_for_another(folder: Path, patience_s: float = 5.0) -> None:
    """Wait until another process is here too, or until the time is over.

    Two processes that start together are rarely ready together. Without this wait, the first may be
    done before the second looks for the end of the file.
    """
    mark = folder / f".{os.getpid()}"
    mark.touch()
    deadline = time.monotonic() + patience_s
    while len(list(folder.glob(".*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    atexit.register(mark.unlink)


def behind_last_whole_line(path: Path) -> int:
    """Return the next offset, trusting every line that ends in a newline."""
    whole = path.read_bytes().split(b"\n")[:-1]
    return int(whole[-1].split(b",")[1]) + 1 if len(whole) > 1 else 0


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
