"""How a figure is measured: in turn with its peer, several rounds, and quoted as a ratio.

A ratio of two neighbours in one run says something on any machine; a single time only says how
busy this one was. Each round times the lab and its peer one after the other; what is quoted is
the median of the rounds, with the smallest and the largest beside it.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One row of the table: medians, and how far the rounds' ratios lay apart."""

    name: str
    unit: str
    value: float
    peer: str
    peer_value: float
    ratio: float
    ratio_min: float
    ratio_max: float
    rounds: int


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    name: str,
    unit: str,
    ours: Callable[[], float],
    peer: str,
    theirs: Callable[[], float],
    *,
    rounds: int,
    smaller_is_better: bool = False,
) -> Figure:
    """Measure the lab and its peer in turn.

    Parameters
    ----------
    name, unit : str
        What is measured.
    ours, theirs : callable
        Do the work once and return the figure.
    peer : str
        What the lab is compared with.
    rounds : int
        How many pairs, after one that is not counted.
    smaller_is_better : bool
        For times: the ratio is then the peer's figure divided by ours.
    """
    pairs = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
    ratios = [(b / a) if smaller_is_better else (a / b) for a, b in pairs]
    return Figure(
        name,
        unit,
        statistics.median(a for a, _ in pairs),
        peer,
        statistics.median(b for _, b in pairs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        rounds,
    )


def write(figures: list[Figure], path: Path) -> None:
    """Write the figures as JSON, with the machine they were measured on."""
    machine = {"system": platform.platform(), "python": platform.python_version()}
    content = {"machine": machine, "figures": [asdict(figure) for figure in figures]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
