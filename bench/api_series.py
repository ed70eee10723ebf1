"""The lines of a day, by sector, compared with the same sum in pandas from the file.

Ours is a GET of ``/api/series`` through Flask, after a row was appended, so that nothing is
cached. The peer reads the CSV and sums by sector and bucket; it counts each reading at one
moment, where ours spreads it over the seconds that it covers.
"""

from __future__ import annotations

import statistics
from contextlib import closing

import pandas as pd

from bench.api_poll import client_of
from bench.big_csv import DAY_S, Writer, big_csv, files
from bench.figures import Bar, Figure, Scale, compare, timed

BUCKET_S = 600
ANSWERS = 30  # of which the median counts


def measure(scale: Scale) -> list[Figure]:
    """Return milliseconds per answer of both."""
    rows = scale.of(1_000_000, 30_000)
    client = client_of(rows)
    sums: list[dict[str, float]] = []

    with closing(Writer(big_csv(rows))) as writer:

        def ours() -> float:
            return statistics.median(one_ms() for _ in range(ANSWERS))

        def one_ms() -> float:
            writer.append(1)
            question = f"/api/series?by=sector&window_s={DAY_S}&bucket_s={BUCKET_S}"
            answer, took_s = timed(lambda: client.get(question))
            found = answer.get_json()
            assert len(found["times"]) == DAY_S // BUCKET_S
            sums.append({line["key"]: line["co2_kg"] for line in found["series"]})
            return took_s * 1000

        def from_the_file() -> float:
            lines, took_s = timed(lambda: by_sector(rows))
            theirs = (lines * BUCKET_S / 3.6).sum()
            for sector, kg in sums[-1].items():  # the same sums, except at the edges
                assert abs(theirs[sector] - kg) < 0.02 * kg, (sector, theirs[sector], kg)
            return took_s * 1000

        figure = compare(
            f"API: the lines of 24 h, {rows:,} rows",
            "ms",
            ours,
            "the same sums in pandas, from the file",
            from_the_file,
            rounds=scale.rounds,
            quotient="peer/lab",
            bar=Bar("≥", 200),
            note=f"by sector, in buckets of {BUCKET_S} s; of the lab the median of {ANSWERS}",
        )
    return [figure]


def by_sector(rows: int) -> pd.DataFrame:
    """Return tonnes per hour by bucket and sector, and write them as JSON, as a tutorial does."""
    frame = pd.concat(
        [pd.read_csv(path, parse_dates=["recorded_at"]) for path in files(big_csv(rows))]
    )
    frame = frame[frame["quality"] != "dead-letter"]
    frame = frame[frame["recorded_at"] > frame["recorded_at"].max() - pd.Timedelta(seconds=DAY_S)]
    bucket = frame["recorded_at"].dt.floor(f"{BUCKET_S}s")
    lines: pd.DataFrame = (
        frame.groupby([bucket, "sector"])["co2_kg"].sum().unstack() / BUCKET_S * 3.6
    )
    lines.to_json()
    return lines
