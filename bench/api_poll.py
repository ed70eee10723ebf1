"""A poll of the API for what is new, compared with reading the whole file each time.

Ours is a GET of ``/api/readings?after=`` through Flask, after a few rows were appended; the peer is
what most tutorials do for each call: ``read_csv``, ``to_json``. It is also compared with itself: a
poll must cost the same after a million rows as after ten thousand.
"""

from __future__ import annotations

import statistics
from contextlib import closing

import pandas as pd
from flask.testing import FlaskClient

from bench.big_csv import TOPIC, Writer, big_csv, files
from bench.figures import Bar, Figure, Scale, from_pairs, in_turn, seconds, timed
from labkit.api.app import create_app

NEW_ROWS = 10
POLLS = 30  # of which the median counts


def measure(scale: Scale) -> list[Figure]:
    """Return milliseconds per call of the lab, and of both peers."""
    many, few = scale.of(1_000_000, 30_000), scale.of(10_000, 3_000)
    with closing(Poller(many)) as large, closing(Poller(few)) as small:
        rounds = in_turn(scale.rounds, large.poll_ms, lambda: whole_file_ms(many), small.poll_ms)
    return [
        from_pairs(
            f"API: a poll for what is new, {many:,} rows",
            "ms",
            "pd.read_csv and to_json of the whole file",
            [(ours, theirs) for ours, theirs, _ in rounds],
            quotient="peer/lab",
            bar=Bar("≥", 1000),
            note=f"{NEW_ROWS} new rows; each figure of the lab is the median of {POLLS} polls",
        ),
        from_pairs(
            f"API: a poll in {many:,} rows",
            "ms",
            f"the same poll in {few:,} rows",
            [(ours, small_ms) for ours, _, small_ms in rounds],
            bar=Bar("≤", 1.2),
        ),
    ]


class Poller:
    """A client of the API that asks for what is new, and the writer of what is new."""

    def __init__(self, rows: int) -> None:
        self._writer = Writer(big_csv(rows))
        self._client = client_of(rows)
        self._cursor = self._client.get("/api/readings?limit=1").get_json()["next"]

    def poll_ms(self) -> float:
        """Return what a poll takes, in milliseconds."""
        return statistics.median(self._one_ms() for _ in range(POLLS))

    def _one_ms(self) -> float:
        self._writer.append(NEW_ROWS)
        question = f"/api/readings?after={self._cursor}"
        found, took_s = timed(lambda: self._client.get(question))
        answer = found.get_json()
        assert len(answer["readings"]) == NEW_ROWS, len(answer["readings"])
        self._cursor = answer["next"]
        return took_s * 1000

    def close(self) -> None:
        """Close the CSV."""
        self._writer.close()


def client_of(rows: int) -> FlaskClient:
    """Return a client of an API that has read its whole CSV."""
    client = create_app(big_csv(rows), TOPIC).test_client()
    while client.get("/api/readings?limit=1").status_code != 200:
        pass  # the answer waits two seconds by itself
    return client


def whole_file_ms(rows: int) -> float:
    """Return what reading all of it and writing it as JSON takes, in milliseconds."""

    def work() -> None:
        frame = pd.concat([pd.read_csv(path) for path in files(big_csv(rows))])
        frame.to_json(orient="records")

    return seconds(work) * 1000
