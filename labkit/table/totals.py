"""What rows add up to, by source: of all of them as they come in, and of each block of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from labkit.table.columns import Columns, first_rows
from labkit.table.intervals import Array

BLOCK_ROWS = 16_384


class Totals:
    """Running totals of each source: added to with every row, so that asking costs nothing.

    Attributes
    ----------
    records, grams : array of int
        Readings, and whole grams of CO2: integers, so that they add up exactly.
    covered_s, mwh : array of float
        Seconds the readings cover, and the energy of their load.
    first_ms : array of int
        When the interval of the first reading began.
    last_ms, last_load_mw, last_interval_s, last_t_per_h : array
        The newest reading: when, its load, the seconds it covers, its rate.
    """

    def __init__(self) -> None:
        self.records = np.zeros(0, np.int64)
        self.grams = np.zeros(0, np.int64)
        self.covered_s = np.zeros(0)
        self.mwh = np.zeros(0)
        self.first_ms = np.zeros(0, np.int64)
        self.last_ms = np.zeros(0, np.int64)
        self.last_load_mw = np.zeros(0)
        self.last_interval_s = np.zeros(0)
        self.last_t_per_h = np.zeros(0)

    def add(self, rows: Columns, sources: int) -> None:
        """Count rows; ``sources`` is how many sources there are by now."""
        if len(self.records) < sources:
            for name, values in vars(self).items():
                setattr(self, name, np.pad(values, (0, sources - len(values))))
        by = rows.source
        first = first_rows(by, sources)
        new = np.flatnonzero((first >= 0) & (self.records == 0))
        first = first[new]
        self.first_ms[new] = rows.recorded_ms[first] - rows.interval_s[first] * 1000
        self.records += np.bincount(by, minlength=sources)
        self.grams += np.bincount(by, grams(rows), sources).astype(np.int64)
        self.covered_s += np.bincount(by, rows.interval_s, sources)
        self.mwh += np.bincount(by, mwh(rows), sources)
        np.maximum.at(self.last_ms, by, rows.recorded_ms)
        newest = np.flatnonzero(rows.recorded_ms == self.last_ms[by])
        self.last_load_mw[by[newest]] = rows.load_mw[newest]
        self.last_interval_s[by[newest]] = rows.interval_s[newest]
        self.last_t_per_h[by[newest]] = rows.co2_kg[newest] / rows.interval_s[newest] * 3.6

    def merge(self, other: Totals) -> None:
        """Count what other totals have counted, of rows that are not in these."""
        missing = len(self.records) - len(other.records)
        theirs = {name: np.pad(values, (0, missing)) for name, values in vars(other).items()}
        starts = (theirs["records"] > 0) & (
            (self.records == 0) | (theirs["first_ms"] < self.first_ms)
        )
        self.first_ms = np.where(starts, theirs["first_ms"], self.first_ms)
        for name in ("records", "grams", "covered_s", "mwh"):
            setattr(self, name, getattr(self, name) + theirs[name])
        newer = theirs["last_ms"] >= self.last_ms
        for name in ("last_ms", "last_load_mw", "last_interval_s", "last_t_per_h"):
            setattr(self, name, np.where(newer, theirs[name], getattr(self, name)))

    def copy(self) -> Totals:
        """Return totals that stay as they are now."""
        other = Totals()
        vars(other).update({name: values.copy() for name, values in vars(self).items()})
        return other


def grams(rows: Columns) -> Array:
    """Return whole grams, in floating point: exact, as long as a sum is below 9 billion tonnes."""
    whole: Array = np.rint(rows.co2_kg * 1000)
    return whole


def mwh(rows: Columns) -> Array:
    """Return the energy of each row's load over its interval."""
    energy: Array = rows.load_mw * rows.interval_s / 3600
    return energy


class Block(NamedTuple):
    """What `BLOCK_ROWS` rows of one partition add up to, and the oldest ``recorded_at`` of them."""

    oldest_ms: int
    totals: Totals


def more_blocks(blocks: tuple[Block, ...], rows: Columns, sources: int) -> tuple[Block, ...]:
    """Return the blocks of a partition's rows: those there are, and those that are full by now."""
    found = list(blocks)
    for begin in range(len(blocks) * BLOCK_ROWS, len(rows.offset) - BLOCK_ROWS + 1, BLOCK_ROWS):
        block = rows.cut(begin, begin + BLOCK_ROWS)
        totals = Totals()
        totals.add(block, sources)
        found.append(Block(int(block.recorded_ms.min()), totals))
    return tuple(found)
