"""The lessons' drawings: the journey with one stage marked, a log, a group, a replicated topic.

Each is an SVG in ``pictures/``, in the colours of whatever shows it (``currentColor``), so that it
suits a light page and a dark one. Its title, read by screen readers, says all that it shows.
"""

from __future__ import annotations

import html
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

from labkit.core.errors import LabError

HERE = '<text x="44" y="54" font-weight="normal">you are here</text>'


@dataclass(frozen=True)
class Picture:
    """A drawing in a notebook, and its title everywhere else."""

    svg: str

    def __repr__(self) -> str:
        title = re.search("<title>(.+)</title>", self.svg)
        return html.unescape(title[1]) if title else ""

    def _repr_html_(self) -> str:
        # A page may hold several pictures, and those of other notebooks: `url(#arrow)` finds the
        # first element with that id, and nothing is drawn where that one is hidden.
        unique = uuid.uuid4().hex[:8]
        return re.sub(r'(?<=\bid=")[\w-]+|(?<=url\(#)[\w-]+', rf"\g<0>-{unique}", self.svg)


def picture(name: str, mark: str = "") -> Picture:
    """Draw one of the lessons' pictures.

    Parameters
    ----------
    name : {'journey', 'bootstrap', 'log', 'group', 'replicas', 'batches', 'offsets'}
        The route of a reading; how a client finds a broker; a topic as three logs; two consumers
        that share them; a topic whose every partition is held by three brokers; what ``send``
        does; the offsets of a partition.
    mark : str
        Of the journey: the stage that this lesson is about, such as ``"topic"``.

    Returns
    -------
    Picture
        Shown by the cell that returns it; its text says the same.

    Raises
    ------
    LabError
        There is no picture of that name, or no such stage.
    """
    drawings = {path.stem: path for path in Path(__file__).with_name("pictures").glob("*.svg")}
    if name not in drawings:
        raise LabError(f"there is no picture {name!r}", 'lab.picture("journey")')
    svg = drawings[name].read_text(encoding="utf-8")
    if name == "journey" and mark:
        stage = f'data-stage="{mark}">'
        if stage not in svg:
            raise LabError(f"the journey has no stage {mark!r}", 'lab.picture("journey", "topic")')
        svg = svg.replace(stage, f'stroke-width="3" font-weight="bold">{HERE}')
        svg = svg.replace("</title>", f" This lesson is about the {mark}.</title>")
    return Picture(svg)
