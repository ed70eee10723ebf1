"""What a misspelt name was meant to be: the suggestion in "Did you mean ...?".

`difflib.get_close_matches` measures how much two names have in common, so that two topics of one
lesson are similar by their prefix alone. A learner who follows that suggestion changes another
topic. Here a suggestion is at most two edits away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_EDITS = 2
SHORT = 6
"""A name of fewer characters may differ by one edit only."""


def similar_name(name: str, names: Iterable[str]) -> str:
    """Return the name that a misspelt one most plausibly means; empty if there is none.

    Names that differ in the digits of a number, such as ``lesson02`` and ``lesson03``, are two
    names and not a misspelling.
    """
    most = MOST_EDITS if len(name) >= SHORT else 1
    found = [
        (edits(name.casefold(), other.casefold()), other)
        for other in sorted(names)
        if abs(len(name) - len(other)) <= most and not _is_other_number(name, other)
    ]
    number, nearest = min(found, default=(most + 1, ""))
    return nearest if number <= most and number < len(name) - 1 else ""


def edits(one: str, other: str) -> int:
    """Count the edits from one text to another.

    An edit inserts, deletes or replaces a character, or swaps two neighbours.

    See: Damerau-Levenshtein distance, in the form "optimal string alignment".
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
            if i > 1 and j > 1 and (a, one[i - 2]) == (other[j - 2], b):
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]


def _is_other_number(one: str, other: str) -> bool:
    """Tell whether two names have numbers of the same length that are not the same."""
    numbers, others = re.findall(r"\d+", one), re.findall(r"\d+", other)
    return numbers != others and [*map(len, numbers)] == [*map(len, others)]
