"""The consumer's memory after a million rows, compared with a hundred thousand.

One consumer process stores a topic from its first record to its last. Its memory
(USS: what it shares with no other process) is watched all the time; it must not grow with the rows.
"""

from __future__ import annotations

import statistics
import tempfile
import uuid
from pathlib import Path

import psutil

import labkit as lab
from bench import peers
from bench.figures import Bar, Figure, Scale, from_pairs
from bench.workers import PARTITIONS, stored, write_lines
from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.run_files import read_run_files
from labkit.sink.segment_files import topic_dir

PATIENCE_S = 120.0
NEAR = 0.25  # of a number of rows: from there on up to it, the samples are averaged


def measure(scale: Scale) -> list[Figure]:
    """Return megabytes after many rows and after few, of one run."""
    many, few = scale.of(1_000_000, 200_000), scale.of(100_000, 100_000)
    samples = store(many)
    early = statistics.median(near(few, samples))
    return [
        from_pairs(
            f"memory of the consumer after {many:,} rows",
            "MB",
            f"after {few:,} rows",
            [(late, early) for late in near(many, samples)],
            bar=Bar("≤", 1.1),
            note=f"USS, one run; from the last {NEAR:.0%} of the rows each sample is a round",
        )
    ]


def near(rows: int, samples: list[tuple[int, float]]) -> list[float]:
    """Return the memory at the moments when about this many rows were stored.

    On a fast machine there may be no such moment; then the nearest one counts.
    """
    found = [memory_mb for stored, memory_mb in samples if (1 - NEAR) * rows <= stored <= rows]
    return found or [min(samples, key=lambda sample: abs(sample[0] - rows))[1]]


def store(records: int) -> list[tuple[int, float]]:
    """Store this many records; return rows and megabytes over time."""
    topic = f"bench-memory-{uuid.uuid4().hex[:8]}"
    lab.ensure_topic(topic, num_partitions=PARTITIONS)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "lines"
        write_lines(source)
        assert int(peers.run("fill", bootstrap_servers(), topic, source, records)) == 0
        consumer = lab.start_consumer(topic, group_id=topic, data_dir=folder)
        try:
            (pid,) = {run["pid"] for run in read_run_files("consumer") if run["topic"] == topic}
            return watch(topic_dir(Path(folder), topic), records, psutil.Process(pid))
        finally:
            consumer.stop()
            lab.delete_topic(topic)


def watch(folder: Path, records: int, process: psutil.Process) -> list[tuple[int, float]]:
    """Look at a consumer until it has stored every record."""
    return [
        (sum(rows), process.memory_full_info().uss / 1e6)
        for rows in stored(folder, records, PATIENCE_S)
    ]
