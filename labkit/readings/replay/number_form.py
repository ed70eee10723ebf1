"""How the numbers of a column are written: which sign is the decimal one.

1.234 is one and a bit, or one thousand and more. A single cell cannot tell, but a column can:
39.372,75 or 12.5 in any of its rows settles it. What stays ambiguous is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from labkit.core.errors import ReplayError
from labkit.readings.rejection_reasons import shorten

_MINUS = "\u2212"  # the typographic sign
MOST_DIGITS = 18  # before the decimal sign: the atmosphere has some 10^15 kg of CO2

_NUMBER = re.compile(r"[+-]?[\d.,]*\d[\d.,]*([eE][+-]?\d{1,3})?")
# Blanks of any width and apostrophes between groups of three digits.
_GROUPS = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_BY_DECIMAL = {
    ".": re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+|(?=\.\d))(\.\d*)?([eE][+-]?\d{1,3})?"),
    ",": re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+|(?=,\d))(,\d*)?([eE][+-]?\d{1,3})?"),
}
_THOUSANDS = {".": ",", ",": "."}


class NumberForm(NamedTuple):
    """The decimal sign of a column; the other sign may separate thousands."""

    decimal: str = "."

    def parse(self, text: str) -> Decimal | None:
        """Return the number, exactly as it is written; None if it is not one in this form."""
        text = _GROUPS.sub("", text.replace(_MINUS, "-"))
        if not _BY_DECIMAL[self.decimal].fullmatch(text):
            return None
        plain = text.replace(_THOUSANDS[self.decimal], "").replace(self.decimal, ".")
        number = Decimal(plain)
        return number if number.adjusted() < MOST_DIGITS else None


class NumberEvidence:
    """What the cells of a column tell about its decimal sign: the first line of each kind."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.seen: dict[str, tuple[int, str]] = {}  # ".", "," or "ambiguous"

    def add(self, text: str, line: int) -> None:
        """Look at one cell."""
        if text.isdecimal():  # most cells of many files
            return
        kind = _kind(_GROUPS.sub("", text.replace(_MINUS, "-")))
        if kind is not None and kind not in self.seen:
            self.seen[kind] = (line, text)


def _kind(text: str) -> str | None:
    """Return the decimal sign that a number shows, "ambiguous", or None if it shows none."""
    if not _NUMBER.fullmatch(text):
        return None
    points, commas = text.count("."), text.count(",")
    if points and commas:
        return max(".,", key=text.rindex)
    if points > 1 or commas > 1:
        return "," if points else "."
    if not points and not commas:
        return None
    sign = "." if points else ","
    whole, _, rest = text.lstrip("+-").partition(sign)
    is_group = len(rest) == 3 and rest.isdecimal() and 1 <= len(whole) <= 3 and whole[0] != "0"
    return "ambiguous" if is_group else sign


def settle_numbers(
    found: Mapping[str, NumberEvidence], stated: str | None, name: str
) -> dict[str, NumberForm]:
    """Decide on each column's form.

    A column is judged by its own cells; if they are ambiguous, by the other columns.

    Parameters
    ----------
    found : mapping
        The evidence, by field.
    stated : str, optional
        The decimal sign, if the user gave it.

    Raises
    ------
    ReplayError
        A column has both signs as decimal signs, or cannot be judged.
    """
    forms: dict[str, NumberForm] = {}
    signs = {sign for one in found.values() for sign in one.seen if sign != "ambiguous"}
    for field, evidence in found.items():
        seen = evidence.seen
        if stated is not None:
            forms[field] = NumberForm(stated)
        elif "." in seen and "," in seen:
            (one, point), (other, comma) = seen["."], seen[","]
            msg = (
                f"{name} line {max(one, other)}, column {evidence.title!r}: {shorten(point)} (line "
                f"{one}) and {shorten(comma)} (line {other}) have different decimal signs"
            )
            raise ReplayError(msg, "correct the file, or say which one is right: --decimal point")
        elif own := seen.keys() & {".", ","}:
            forms[field] = NumberForm(own.pop())
        elif "ambiguous" not in seen:
            forms[field] = NumberForm()
        elif len(signs) == 1:
            forms[field] = NumberForm(next(iter(signs)))
        else:
            line, text = seen["ambiguous"]
            without = re.sub("[.,]", "", text)
            msg = (
                f"{name} line {line}, column {evidence.title!r}: {shorten(text)} may be "
                f"{without} or {text.replace(',', '.')}, and no row of the column tells which"
            )
            raise ReplayError(msg, "--decimal comma   (or --decimal point)")
    return forms
