"""Measure a figure in turn with its peer, for several rounds, and report the ratio.

A ratio from one run means something on any machine; a single time mostly says how busy this one
was. Each round measures the lab and its peer one after the other. The result is the median of the
rounds, with the smallest and the largest ratio.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar

Found = TypeVar("Found")
Quotient = Literal["lab/peer", "peer/lab"]


@dataclass(frozen=True)
class Scale:
    """The amount of work per figure: all of it, or so little that all figures take a minute."""

    quick: bool = False

    @property
    def rounds(self) -> int:
        """How many pairs are measured, after one that is not counted."""
        return 1 if self.quick else 5

    def of(self, size: int, quick: int) -> int:
        """Return the size of a piece of work, in its own unit."""
        return quick if self.quick else size


@dataclass(frozen=True)
class Bar:
    """The ratio that a figure has to reach."""

    sign: Literal["≥", "≤", "<"]
    ratio: float

    def __str__(self) -> str:
        return f"{self.sign} {self.ratio:,g}"

    def is_met_by(self, ratio: float) -> bool:
        """Tell whether a ratio reaches the bar."""
        if self.sign == "≥":
            return ratio >= self.ratio
        return ratio <= self.ratio if self.sign == "≤" else ratio < self.ratio


@dataclass(frozen=True)
class Figure:
    """One row of the table: medians, and the spread of the rounds' ratios."""

    name: str
    unit: str
    value: float
    peer: str
    peer_value: float
    quotient: Quotient
    ratio: float
    ratio_min: float
    ratio_max: float
    rounds: int
    bar: Bar | None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is reached; None where there is none."""
        return None if self.bar is None else self.bar.is_met_by(self.ratio)

    def to_dict(self) -> dict[str, object]:
        """Return the row as ``results.json`` has it."""
        return {**asdict(self), "bar": str(self.bar or ""), "is_met": self.is_met}


def timed(work: Callable[[], Found]) -> tuple[Found, float]:
    """Do a piece of work; return what it found, and how long it took, in seconds."""
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes, in seconds."""
    return timed(work)[1]


def in_turn(
    rounds: int, *works: Callable[[], Found], warm_up: bool = True
) -> list[tuple[Found, ...]]:
    """Measure several things one after the other, round by round.

    The first round, in which files are read and programs compiled for the first time, is not
    counted, unless ``warm_up`` is false.
    """
    first = 1 if warm_up else 0
    return [tuple(work() for work in works) for _ in range(first + rounds)][first:]


def compare(
    name: str,
    unit: str,
    ours: Callable[[], float],
    peer: str,
    theirs: Callable[[], float],
    *,
    rounds: int,
    quotient: Quotient = "lab/peer",
    bar: Bar | None = None,
    warm_up: bool = True,
    note: str = "",
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
        How many pairs are counted.
    quotient : {'lab/peer', 'peer/lab'}
        How the ratio is formed: ``peer/lab`` says how many times faster the lab is.
    bar : Bar, optional
        What the ratio has to reach.
    warm_up : bool
        Measure a pair first that is not counted.
    note : str
        What a reader has to know about the figure: sizes, settings.
    """
    pairs = [(a, b) for a, b in in_turn(rounds, ours, theirs, warm_up=warm_up)]
    return from_pairs(name, unit, peer, pairs, quotient=quotient, bar=bar, note=note)


def from_pairs(
    name: str,
    unit: str,
    peer: str,
    pairs: Sequence[tuple[float, float]],
    *,
    quotient: Quotient = "lab/peer",
    bar: Bar | None = None,
    note: str = "",
) -> Figure:
    """Make a row of measured pairs: the lab's figure and its peer's, round by round."""
    ratios = [a / b if quotient == "lab/peer" else b / a for a, b in pairs]
    return Figure(
        name=name,
        unit=unit,
        value=statistics.median(a for a, _ in pairs),
        peer=peer,
        peer_value=statistics.median(b for _, b in pairs),
        quotient=quotient,
        ratio=statistics.median(ratios),
        ratio_min=min(ratios),
        ratio_max=max(ratios),
        rounds=len(pairs),
        bar=bar,
        note=note,
    )


def write(figures: Sequence[Figure], path: Path, *, quick: bool, took_s: float) -> None:
    """Write the figures as JSON, with the machine they were measured on."""
    content = {
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        },
        "quick": quick,
        "took_s": round(took_s),
        "figures": [figure.to_dict() for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
