"""Two consumers compared with one, on a topic of three partitions.

Each consumer is a process of its own, as ``labkit consume`` is. They become members while the
topic is empty, are held still while it is filled, and then let go together: so what is timed is
their work, and neither their start nor how the group shares the partitions out.

Three partitions cannot be halved: while one member still reads its two, the other has long read
its one. So there are two figures: rows per second while all three partitions have a backlog, which
is what a second consumer adds, and until the very last row, where the larger share is the limit.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

import labkit as lab
from bench import peers
from bench.figures import Bar, Figure, Scale, from_pairs, in_turn
from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.run_files import read_run_files
from labkit.readings.fleet import Fleet
from labkit.sink.segment_files import segment_path, topic_dir

PARTITIONS = 3
LOOK_EVERY_S = 0.02
PATIENCE_S = 60.0
# Longer than it takes to fill the topic, or who is held still is out of the group.
SESSION = {"LABKIT_SESSION_TIMEOUT_MS": "12000"}


class Drained(NamedTuple):
    """How fast a backlog was stored."""

    while_all_flow: float  # rows per second until the first partition is read to its end
    to_the_last: float  # rows per second until the last one is
    ideal: float  # the most that this sharing of the partitions can gain over one member


def measure(scale: Scale) -> list[Figure]:
    """Return rows per second of two consumers, and of one."""
    records = scale.of(240_000, 60_000)
    os.environ.update(SESSION)
    try:
        with tempfile.TemporaryDirectory() as name:
            lines = Path(name) / "lines"
            write_lines(lines)
            pairs = in_turn(
                scale.rounds,
                lambda: drain(2, lines, records),
                lambda: drain(1, lines, records),
                warm_up=False,
            )
    finally:
        for setting in SESSION:
            del os.environ[setting]
    ideals = sorted({f"{two.ideal:.2f}" for two, _ in pairs})
    return [
        from_pairs(
            "two consumers, three partitions, while all have a backlog",
            "rows/s",
            "one consumer",
            [(two.while_all_flow, one.while_all_flow) for two, one in pairs],
            bar=Bar("≥", 1.6),
            note=f"{records:,} records, until the first partition is read to its end",
        ),
        from_pairs(
            "two consumers, three partitions, to the last row",
            "rows/s",
            "one consumer",
            [(two.to_the_last, one.to_the_last) for two, one in pairs],
            note=f"the larger share of the partitions allows {', '.join(ideals)} at most",
        ),
    ]


def write_lines(path: Path, lines: int = 2_400) -> None:
    """Write readings of the fleet, each with its key, for `fill` to send."""
    fleet = Fleet(seed=7)
    readings = [fleet.reading(datetime.now(UTC), 1.0) for _ in range(lines)]
    path.write_bytes(
        b"".join(one.facility_id.encode() + b"\t" + one.to_json() + b"\n" for one in readings)
    )


def drain(members: int, lines: Path, records: int) -> Drained:
    """Let so many consumers store a backlog that waits for them."""
    topic = f"bench-workers-{uuid.uuid4().hex[:8]}"
    lab.ensure_topic(topic, num_partitions=PARTITIONS)
    with tempfile.TemporaryDirectory() as folder:
        consumer = lab.start_consumer(topic, group_id=topic, data_dir=folder, workers=members)
        try:
            shares = wait_for_shares(topic, members)
            with held_still(list(shares)):
                left = peers.run("fill", bootstrap_servers(), topic, lines, records)
                assert int(left) == 0, left
            seen = watch(topic_dir(Path(folder), topic), records)
            assert wait_for_shares(topic, members) == shares  # nobody was thrown out meanwhile
        finally:
            consumer.stop()
    lab.delete_topic(topic)
    return judge(seen, list(shares.values()))


def wait_for_shares(topic: str, members: int) -> dict[int, list[int]]:
    """Return the partitions of each member's process, once they are shared out."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        runs = [run for run in read_run_files("consumer") if run["topic"] == topic]
        shares = {run["pid"]: run["partitions"] or [] for run in runs}
        given = [len(share) for share in shares.values()]
        if len(given) == members and all(given) and sum(given) == PARTITIONS:
            return shares
        time.sleep(0.1)
    raise AssertionError(f"{members} members do not share {PARTITIONS} partitions: {shares}")


@contextmanager
def held_still(pids: list[int]) -> Iterator[None]:
    """Stop processes where they are, and let them go on after the block."""
    processes = [psutil.Process(pid) for pid in pids]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def watch(folder: Path, records: int) -> list[tuple[float, list[int]]]:
    """Return how many rows each partition has, moment by moment, from the last without any on."""
    seen: list[tuple[float, list[int]]] = []
    for rows in stored(folder, records, PATIENCE_S):
        if not sum(rows):
            seen.clear()
        seen.append((time.perf_counter(), rows))
    return seen


def stored(folder: Path, records: int, patience_s: float) -> Iterator[list[int]]:
    """Look at each partition's CSV again and again until all records are there; yield its rows."""
    rows, places = [0] * PARTITIONS, [0] * PARTITIONS
    deadline = time.monotonic() + patience_s
    while sum(rows) < records:
        assert time.monotonic() < deadline, rows
        for number in range(PARTITIONS):
            path = segment_path(folder, number, 0)
            with path.open("rb") as file:
                file.seek(places[number])
                new = file.read()
            rows[number] += new.count(b"\n") - (1 if new and not places[number] else 0)
            places[number] += len(new)
        yield list(rows)
        time.sleep(LOOK_EVERY_S)


def judge(seen: list[tuple[float, list[int]]], shares: list[list[int]]) -> Drained:
    """Turn what was seen into rows per second."""
    began, _ = seen[0]
    ended, stored = seen[-1]
    sizes = [sum(stored[number] for number in share) for share in shares]
    first_done = next(
        (at, rows)
        for at, rows in seen
        if any(now == all_of_it for now, all_of_it in zip(rows, stored, strict=True))
    )
    return Drained(
        while_all_flow=sum(first_done[1]) / (first_done[0] - began),
        to_the_last=sum(stored) / (ended - began),
        ideal=sum(sizes) / max(sizes),
    )
