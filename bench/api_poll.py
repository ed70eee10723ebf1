"""A poll of the API for what is new, beside reading the whole file each time.

The file has a million rows. Ours is a GET of ``/api/readings?after=`` through Flask, after a few
rows were appended; the peer is what most tutorials do for each call: ``read_csv``, ``to_json``.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from bench.figures import Bar, Figure, Scale, compare, seconds
from bench.make_csv import make_csv
from labkit.api import create_app
from labkit.fleet import Fleet
from labkit.sink import CsvLog

NEW_ROWS = 10


def measure(scale: Scale) -> list[Figure]:
    """Return milliseconds per call of both."""
    rows = scale.of(1_000_000, 50_000)
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name)
        folder = make_csv(data_dir, rows)
        client = create_app(data_dir, "co2-emissions").test_client()
        cursor = client.get("/api/readings?limit=1").get_json()["next"]

        def ours() -> float:
            nonlocal cursor
            append(data_dir)
            answers = []

            def work() -> None:
                answers.append(client.get(f"/api/readings?after={cursor}"))

            took_s = seconds(work)
            answer = answers[0].get_json()
            assert len(answer["readings"]) == NEW_ROWS, len(answer["readings"])
            cursor = answer["next"]
            return took_s * 1000

        def whole_file() -> float:
            def work() -> None:
                files = [pd.read_csv(path) for path in sorted(folder.glob("*.csv"))]
                pd.concat(files).to_json(orient="records")

            return seconds(work) * 1000

        return [
            compare(
                f"API: poll for what is new, {rows:,} rows",
                "ms",
                ours,
                "pd.read_csv + to_json of the whole file",
                whole_file,
                rounds=scale.rounds,
                quotient="peer/lab",
                bar=Bar("≥", 1000),
            )
        ]


def append(data_dir: Path) -> None:
    """Append a few readings, as the consumer would."""
    fleet = Fleet(seed=11)
    log = CsvLog(data_dir, "co2-emissions", 0, topic_id="bench", cluster_id="bench")
    with log:
        first = log.next_offset or 0
        for number in range(NEW_ROWS):
            log.append(first + number, fleet.reading(datetime.now(UTC), 1.0))
        log.flush()
