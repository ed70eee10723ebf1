"""Tables of text: as columns of equal width, and as HTML. The first row holds the headings."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

Rows = Sequence[Sequence[str]]


def aligned(rows: Rows, align: Callable[[str, int], str] = str.ljust) -> list[str]:
    """Return each row as a line, its cells as wide as the widest of their column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(align, row, widths)).rstrip() for row in rows]


def many(number: int, what: str) -> str:
    """Return a number of things: ``1 row``, ``8,784 rows``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def html_table(rows: Rows, caption: str = "") -> str:
    """Return rows as an HTML table; what is in the cells is escaped."""

    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    head, *body = rows
    return (
        f"<table>{f'<caption>{html.escape(caption)}</caption>' if caption else ''}"
        f"<thead>{line(head, 'th')}</thead>"
        f"<tbody>{''.join(line(row, 'td') for row in body)}</tbody></table>"
    )
