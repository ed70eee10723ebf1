"""The API's start on many rows, beside ``pd.read_csv`` of the same files: time, and memory after.

Each is a process of its own. Time is from after the imports to the moment when every row can be
asked for; memory is what the process then has for itself (USS). With a tenth of the rows as well:
what a row costs, and what the rest does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.big_csv import TOPIC, big_csv, files
from bench.figures import Bar, Figure, Scale, from_pairs

OURS = """
import json, sys, time
from pathlib import Path
import psutil
from labkit.api import create_app
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


class Start(NamedTuple):
    """How long a start took, and the memory that it left in use."""

    seconds: float
    memory_mb: float


def measure(scale: Scale) -> list[Figure]:
    """Return seconds and megabytes of both."""
    many, few = scale.of(1_000_000, 30_000), scale.of(100_000, 3_000)
    rounds = [(lab(many), peer(many), lab(few)) for _ in range(1 + scale.rounds)][
        1:
    ]  # the first one is not counted
    return [
        from_pairs(
            f"API: start on {many:,} rows",
            "s",
            "pd.read_csv of the same files",
            [(ours.seconds, theirs.seconds) for ours, theirs, _ in rounds],
            bar=Bar("≤", 1.5),
            note="after the imports, until every row can be asked for",
        ),
        from_pairs(
            f"API: memory after the start on {many:,} rows",
            "MB",
            "pd.read_csv of the same files",
            [(ours.memory_mb, theirs.memory_mb) for ours, theirs, _ in rounds],
            bar=Bar("≤", 1.0),
            note="the whole process, with all that it has imported (USS)",
        ),
        from_pairs(
            f"API: memory with {many:,} rows",
            "MB",
            f"the same with {few:,} rows",
            [(ours.memory_mb, small.memory_mb) for ours, _, small in rounds],
            note="no setting bounds it: a row is kept in 88 bytes",
        ),
    ]


def lab(rows: int) -> Start:
    """Start the API."""
    return run(OURS, rows, [big_csv(rows), TOPIC])


def peer(rows: int) -> Start:
    """Read the files."""
    return run(PEER, rows, files(big_csv(rows)))


def run(program: str, rows: int, arguments: Sequence[Path | str]) -> Start:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    took_s, memory_mb, found = json.loads(said)
    assert found >= rows, found
    return Start(took_s, memory_mb)
