"""``make bench``: every figure of the table in the README, measured on this machine.

make bench                      about five minutes
make bench ARGS=--quick         about one, to see that it works
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import api_poll, producer, to_csv
from bench.figures import Figure, write
from labkit.broker import start_broker

OUT = Path(__file__).parent / "out" / "results.json"


def main() -> None:
    """Measure, print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small and rough: does it work?")
    parser.add_argument("--json", type=Path, default=OUT, metavar="FILE", help="where to write")
    arguments = parser.parse_args()
    scale, rounds = (10, 1) if arguments.quick else (1, 5)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # A lab of its own: the bench neither sees nor disturbs the one of this checkout.
        os.environ["LABKIT_LAB_DIR"] = folder
        os.environ["LABKIT_STATE_DIR"] = str(Path(folder) / ".labkit")
        with console.status("Starting a broker"), start_broker():
            figures = run(console, scale, rounds)
    write(figures, arguments.json)
    Console().print(table(figures))
    console.print(f"Written to {arguments.json}")


def run(console: Console, scale: int, rounds: int) -> list[Figure]:
    """Measure one figure after the other."""
    recipes: list[tuple[str, Callable[[int, int], Figure], int]] = [
        ("producer", producer.measure, 60_000),
        ("Kafka to CSV", to_csv.measure, 200_000),
        ("API", api_poll.measure, 1_000_000),
    ]
    figures = []
    for name, measure, size in recipes:
        with console.status(f"Measuring: {name}"):
            figures.append(measure(size // scale, rounds))
        console.print(f"Measured: {name}")
    return figures


def table(figures: list[Figure]) -> Table:
    """Return the figures as a person reads them."""
    shown = Table("figure", "lab", "peer", "ratio", "from … to", title="Higher is better")
    for one in figures:
        shown.add_row(
            one.name,
            f"{_said(one.value)} {one.unit}",
            f"{_said(one.peer_value)} {one.unit}\n{one.peer}",
            f"{one.ratio:.3g}",
            f"{one.ratio_min:.3g} … {one.ratio_max:.3g}",
        )
    return shown


def _said(value: float) -> str:
    """Return a number with three significant digits, and no exponent."""
    return f"{value:,.2f}" if value < 10 else f"{float(f'{value:.3g}'):,.0f}"


if __name__ == "__main__":
    main()
