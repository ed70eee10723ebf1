"""The figures as a person reads them: in a terminal, and in Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from bench.figures import Figure

WORDS = {True: "yes", False: "no", None: "–"}


def table(figures: Sequence[Figure]) -> Table:
    """Return the figures as a table for a terminal."""
    shown = Table("figure", "lab", "peer", "ratio", "from … to", "reach", "reached")
    for one in figures:
        shown.add_row(
            one.name,
            f"{said(one.value)} {one.unit}",
            f"{said(one.peer_value)} {one.unit}\n{one.peer}",
            f"{said(one.ratio)}",
            f"{said(one.ratio_min)} … {said(one.ratio_max)}",
            str(one.bar or "–"),
            WORDS[one.is_met],
        )
    return shown


def said(value: float) -> str:
    """Return a number with three significant digits, and no exponent."""
    return f"{value:,.2f}" if value < 10 else f"{float(f'{value:.3g}'):,.0f}"
