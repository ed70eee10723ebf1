"""Parts of a widget's text twin: the same content for a console or a screen reader."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 record``, ``1,204 records``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def letters(place: int) -> str:
    """Return the letters of a place: A to Z, then AA, AB, and so on, as in a spreadsheet."""
    rest, letter = divmod(place, 26)
    return (letters(rest - 1) if rest else "") + chr(ord("A") + letter)


def table_text(rows: list[list[str]]) -> str:
    """Return rows as columns of equal width; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([head, "  ".join("-" * width for width in widths), *body])
