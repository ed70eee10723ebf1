"""The ways in which a CSV can be torn, made of true rows: what a reader has to withstand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_HALF = 25  # bytes off the end: the checksum, and a part of what it proves


class Torn(NamedTuple):
    """Lines as they may lie in a file; how many may be read; and what it means to read others."""

    lines: list[bytes]
    true: int
    mistake: str


def torn(lines: list[bytes]) -> Iterator[Torn]:
    """Yield true lines whole, then torn at each byte of the last one, then torn and written on."""
    before, last = lines[:-1], lines[-1]
    yield Torn(lines, len(lines), "every row of your CSV is whole and true, and yet some are left.")
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
        "the last row is torn, and a line break was written behind it: that does not make it true.",
    )
    yield Torn(
        [*before[:-1], before[-1][:-_HALF] + b"\n", last],
        len(before) - 1,
        "a row in the middle is not true. To go on behind it is to miss a reading, and nobody "
        "hears of it.",
    )
