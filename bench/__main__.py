"""``make bench``: every figure of the table in docs/performance.md, measured on this machine.

make bench                          under fifteen minutes
make bench ARGS=--quick             a minute and a half: does it work here?
make bench ARGS="--only producer"   one recipe alone
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench import (
    api_poll,
    api_series,
    api_start,
    broker_start,
    consumer_memory,
    csv_peers,
    live_chart,
    plots,
    producer,
    producer_faker,
    sent_to_served,
    to_csv,
    up_page,
    workers,
)
from bench.figures import Figure, Scale, write
from bench.table import RESULTS, ROOT, table
from bench.table import main as document
from labkit.broker.broker import start_broker

ROUGH = ROOT / "bench" / "out" / "results.json"

RECIPES: dict[str, Callable[[Scale], list[Figure]]] = {
    "producer": producer.measure,
    "producer-faker": producer_faker.measure,
    "to-csv": to_csv.measure,
    "csv-peers": csv_peers.measure,
    "workers": workers.measure,
    "sent-to-served": sent_to_served.measure,
    "api-poll": api_poll.measure,
    "api-series": api_series.measure,
    "api-start": api_start.measure,
    "consumer-memory": consumer_memory.measure,
    "broker-start": broker_start.measure,
    "up-page": up_page.measure,
    "live-chart": live_chart.measure,
}
"""Each measures one or more rows, on the broker that runs already, in the order of the table."""


def main() -> None:
    """Measure, print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="small and rough: does it work?")
    parser.add_argument("--only", choices=RECIPES, action="append", help="this recipe alone")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="where to write; by default all of it goes to bench/results.json and from there into "
        "the documentation, and a part of it, or --quick, to bench/out/results.json",
    )
    arguments = parser.parse_args()
    is_whole = not arguments.quick and not arguments.only
    out = arguments.json or (RESULTS if is_whole else ROUGH)
    console = Console(stderr=True, force_terminal=sys.stderr.isatty())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # A separate lab: the bench neither sees nor disturbs the one of this checkout.
        os.environ["LABKIT_LAB_DIR"] = folder
        os.environ["LABKIT_STATE_DIR"] = str(Path(folder) / ".labkit")
        with start_broker():
            figures = run(console, Scale(arguments.quick), arguments.only or list(RECIPES))
    write(figures, out, quick=arguments.quick, took_s=time.monotonic() - began)
    Console().print(table(figures))
    if out == RESULTS:
        document()
        plots.main()
    else:
        plots.draw(json.loads(out.read_text(encoding="utf-8")), out.parent)
    console.print(f"Written to {out}, {time.monotonic() - began:.0f} s")


def run(console: Console, scale: Scale, names: list[str]) -> list[Figure]:
    """Measure one recipe after the other."""
    figures: list[Figure] = []
    for name in names:
        began = time.monotonic()
        with console.status(f"Measuring: {name}"):
            figures += RECIPES[name](scale)
        console.print(f"Measured: {name}, {time.monotonic() - began:.0f} s")
    return figures


if __name__ == "__main__":
    main()
