"""The pictures in saved notebooks: what the live widgets showed, and other images.

Only images and text are taken, never HTML or a script: the teacher opens the file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

from labkit.exercises.submission.saved_notebooks import cells_of

IMAGES = ("image/png", "image/jpeg")
ADDRESS = re.compile(r"data:image/(?:svg\+xml|png|jpeg);base64,[A-Za-z0-9+/=\s]+")
MOST = 60
"""Of all notebooks; a course has some twenty widgets."""
LARGEST = 400_000
"""Characters of an image; larger ones are left out."""


@dataclass(frozen=True)
class Picture:
    """An image as a ``data:`` address, empty if there is only text, and the same in words."""

    notebook: str
    address: str
    text: str


def pictures_in(folder: Path) -> list[Picture]:
    """Return the pictures of the notebooks in a folder; another file is skipped."""
    found = [picture for path in sorted(folder.glob("*.ipynb")) for picture in _of(path)]
    return found[:MOST]


def _of(path: Path) -> Iterator[Picture]:
    outputs = [cell.get("outputs") for cell in cells_of(path)]
    for output in chain.from_iterable(one for one in outputs if isinstance(one, list)):
        data = output.get("data") or {} if isinstance(output, dict) else {}
        picture = _still(path.stem, _joined(data.get("text/html"))) or _image(path.stem, data)
        if picture is not None and len(picture.address) <= LARGEST:
            yield picture


def _still(notebook: str, text: str) -> Picture | None:
    """Read a widget's still: the image and the words of it."""
    if "labkit-still" not in text:
        return None
    still = _Still()
    still.feed(text)
    return Picture(notebook, still.address, still.words)


def _image(notebook: str, data: dict[str, Any]) -> Picture | None:
    for kind in IMAGES:
        try:
            content = base64.b64decode(_joined(data.get(kind)), validate=False)
        except (binascii.Error, ValueError):
            continue
        if content:
            address = f"data:{kind};base64,{base64.b64encode(content).decode()}"
            return Picture(notebook, address, _joined(data.get("text/plain")))
    return None


def _joined(text: Any) -> str:
    """Return a notebook's text, which may be a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")


class _Still(HTMLParser):
    """Takes the first image and the preformatted text out of a still."""

    def __init__(self) -> None:
        super().__init__()
        self.address = ""
        self.words = ""
        self._in_words = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("src") or ""
        if tag == "img" and not self.address and ADDRESS.fullmatch(address):
            self.address = address
        self._in_words = tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._in_words = self._in_words and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._in_words:
            self.words += data
