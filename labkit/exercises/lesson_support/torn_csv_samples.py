"""Torn versions of a CSV, made from valid rows, to test a reader with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_HALF = 25  # bytes off the end: the checksum, and a part of what it proves


class Torn(NamedTuple):
    """The lines of a file; how many may be read; and what reading others would mean."""

    lines: list[bytes]
    true: int
    mistake: str


def torn(lines: list[bytes]) -> Iterator[Torn]:
    """Yield valid lines, then the last one torn at each byte, then torn with more after it."""
    before, last = lines[:-1], lines[-1]
    yield Torn(lines, len(lines), "every row of your CSV is valid, but some were not read.")
    for cut in range(1, len(last)):
        end = last[:cut][-30:].decode(errors="replace")
        yield Torn(
            [*before, last[:cut]],
            len(before),
            f"the last row is cut after byte {cut} of {len(last)} (`...{end}`), and only the "
            f"{len(before)} rows before it are whole.",
        )
    yield Torn(
        [*before, last[:-_HALF] + b"\n"],
        len(before),
        "the last row is torn, with a line break after it: that does not make it valid.",
    )
    yield Torn(
        [*before[:-1], before[-1][:-_HALF] + b"\n", last],
        len(before) - 1,
        "a row in the middle is not valid. To continue after it is to miss a reading, and nobody "
        "notices.",
    )
