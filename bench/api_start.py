"""The API's start on many rows, compared with ``pd.read_csv``: time and memory.

Each runs in its own process. Time is from after the imports until every row can be queried; memory
is what the process then shares with no other (USS). Then the same with most rows in the CSV only,
compared with a tenth of the rows: the effect of the setting that limits the memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.big_csv import TOPIC, big_csv, files
from bench.figures import Bar, Figure, Scale, from_pairs, in_turn

OURS = """
import json, sys, time
from pathlib import Path
import psutil
from labkit.api.app import create_app
began = time.perf_counter()
client = create_app(Path(sys.argv[1]), sys.argv[2]).test_client()
while (answer := client.get("/api/health")).get_json()["problems"]:
    pass
took_s = time.perf_counter() - began
memory_mb = psutil.Process().memory_full_info().uss / 1e6
print(json.dumps([took_s, memory_mb, answer.get_json()["rows"]]))
"""
PEER = """
import json, sys, time
import pandas as pd, psutil
began = time.perf_counter()
frame = pd.concat([pd.read_csv(path) for path in sys.argv[1:]])
took_s = time.perf_counter() - began
memory_mb = psutil.Process().memory_full_info().uss / 1e6
print(json.dumps([took_s, memory_mb, len(frame)]))
"""


IN_MEMORY = "LABKIT_API_ROWS_IN_MEMORY"


class Start(NamedTuple):
    """How long a start took, and the memory that it left in use."""

    seconds: float
    memory_mb: float


def measure(scale: Scale) -> list[Figure]:
    """Return seconds and megabytes of both."""
    many, few = scale.of(1_000_000, 30_000), scale.of(100_000, 3_000)
    rounds = in_turn(scale.rounds, lambda: lab(many), lambda: peer(many))
    bounded = in_turn(scale.rounds, lambda: lab(many, few), lambda: lab(few, few), warm_up=False)
    return [
        from_pairs(
            f"API: start on {many:,} rows",
            "s",
            "pd.read_csv of the same files",
            [(ours.seconds, theirs.seconds) for ours, theirs in rounds],
            bar=Bar("≤", 1.5),
            note="after the imports, until every row can be asked for",
        ),
        from_pairs(
            f"API: memory after the start on {many:,} rows",
            "MB",
            "pd.read_csv of the same files",
            [(ours.memory_mb, theirs.memory_mb) for ours, theirs in rounds],
            bar=Bar("≤", 1.0),
            note="the whole process, with all that it has imported (USS)",
        ),
        from_pairs(
            f"API: memory with {many:,} rows, of which {few:,} in memory",
            "MB",
            f"the same with {few:,} rows",
            [(ours.memory_mb, small.memory_mb) for ours, small in bounded],
            bar=Bar("≤", 1.2),
            note=f"{IN_MEMORY}={few}: older rows are read again from the CSV on demand",
        ),
    ]


def lab(rows: int, in_memory: int | None = None) -> Start:
    """Start the API, with this many of the newest rows in memory."""
    settings = {} if in_memory is None else {IN_MEMORY: str(in_memory)}
    return run(OURS, rows, [big_csv(rows), TOPIC], settings)


def peer(rows: int) -> Start:
    """Read the files."""
    return run(PEER, rows, files(big_csv(rows)))


def run(
    program: str,
    rows: int,
    arguments: Sequence[Path | str],
    settings: Mapping[str, str] | None = None,
) -> Start:
    """Run one of the programs in a separate process."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = {**os.environ, **(settings or {})}
    said = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout
    took_s, memory_mb, found = json.loads(said)
    assert found >= rows, found
    return Start(took_s, memory_mb)
