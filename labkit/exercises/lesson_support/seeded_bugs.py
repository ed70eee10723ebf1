"""A small sink with a seeded bug, for lesson 07 to find.

It stores a topic as the lab's sink does, row by row, but a *step* decides what is written of each
partition: a function from Kafka's records to the records to write. The right step returns them
unchanged; the bugs have all happened in production somewhere.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from labkit.core.config import load_config
from labkit.exercises.queries.broker_queries import records_of
from labkit.readings.reading import Reading
from labkit.sink.csv_row import HEADER, encode_row
from labkit.sink.segment_files import segment_path, topic_dir

Record = Any
"""A ``kafka.consumer.fetcher.ConsumerRecord``: partition, offset, key, value, timestamp."""
Step = Callable[[Sequence[Record]], Sequence[Record]]


def forgets_one(records: Sequence[Record]) -> Sequence[Record]:
    """Lose a record in the middle, like a batch that is cleared before it was written."""
    middle = len(records) // 2
    return [*records[:middle], *records[middle + 1 :]]


def writes_one_twice(records: Sequence[Record]) -> Sequence[Record]:
    """Write a record again, like a retry after an answer that came too late."""
    middle = len(records) // 2
    return [*records[:middle], *records[middle : middle + 1], *records[middle:]]


def swaps_two(records: Sequence[Record]) -> Sequence[Record]:
    """Write a record before the one it follows, like two threads with one file."""
    middle = len(records) // 2
    return [*records[: middle - 1], *records[middle - 1 : middle + 1][::-1], *records[middle + 1 :]]


def rounds_the_mass(records: Sequence[Record]) -> Sequence[Record]:
    """Round one reading's kilograms, like a column of the wrong type."""
    middle = len(records) // 2
    return [*records[:middle], *map(_rounded, records[middle : middle + 1]), *records[middle + 1 :]]


BUGS: dict[str, Step] = {
    "lost": forgets_one,
    "doubled": writes_one_twice,
    "reordered": swaps_two,
    "divergent": rounds_the_mass,
}
"""The faults by the checker's word for what they do."""


def bug_of_seed(seed: int) -> str:
    """Return the checker's word for a seed's bug; the same for the same seed."""
    return random.Random(seed).choice(sorted(BUGS))  # noqa: S311 - a lesson, not a secret


def store(
    topic: str,
    data_dir: str | Path,
    step: Step | None = None,
    *,
    seed: int | None = None,
) -> Path:
    """Store a topic's records as CSV, one file for each partition, by way of a step.

    Parameters
    ----------
    topic : str
        The topic; its records must be readings.
    data_dir : path
        The data folder; the topic's folder in it is replaced.
    step : callable, optional
        Changes each partition's records before they are written; by default nothing changes.
    seed : int, optional
        Instead of a step: put the bug of this seed into one partition, and do not say which.

    Returns
    -------
    Path
        The topic's folder, for `labkit.check_pipeline`.
    """
    folder = topic_dir(load_config().data_path(data_dir), topic)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts = {
        number: list(records)
        for number, records in groupby(records_of(topic), key=lambda record: record.partition)
    }
    victim = random.Random(seed).choice(sorted(parts)) if seed is not None else None  # noqa: S311
    for number, records in parts.items():
        chosen = BUGS[bug_of_seed(seed)] if seed is not None and number == victim else step
        written = records if chosen is None else chosen(records)
        rows = [encode_row(number, one.offset, Reading.from_json(one.value)) for one in written]
        segment_path(folder, number, 0).write_bytes(HEADER + b"".join(rows))
    return folder


def _rounded(record: Record) -> Record:
    reading = Reading.from_json(record.value)
    rough = reading.model_copy(update={"co2_kg": float(round(reading.co2_kg) + 1)})
    return record._replace(value=rough.to_json())
