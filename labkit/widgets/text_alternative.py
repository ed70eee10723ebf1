"""Parts of a widget's text twin: the same content for a console or a screen reader."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Places(Generic[Key]):
    """Places for what is on the screen; each thing keeps its place as long as it is shown."""

    def __init__(self) -> None:
        self._places: dict[Key, int] = {}

    def of(self, keys: Iterable[Key | None]) -> dict[Key, int]:
        """Return each key's place; a new key gets the lowest free one, and None has none."""
        present = dict.fromkeys(key for key in keys if key is not None)
        self._places = {key: place for key, place in self._places.items() if key in present}
        taken = set(self._places.values())
        free = (place for place in range(len(present)) if place not in taken)
        for key in present:
            if key not in self._places:
                self._places[key] = next(free)
        return self._places


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
