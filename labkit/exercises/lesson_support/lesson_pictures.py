"""The lessons' drawings: the journey with one stage marked, a log, a group, a replicated topic.

Each is an SVG drawn here, in the colours of whatever shows it (``currentColor``), so that it suits
a light page and a dark one; its alternative text says all that the picture does.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

from labkit.core.errors import LabError

STAGES = ("readings", "producer", "topic", "consumer", "CSV", "API", "page")
_FONT = "font-family: system-ui, sans-serif; font-size: 13px; fill: currentColor"


@dataclass(frozen=True)
class Picture:
    """A drawing in a notebook, and in words everywhere else."""

    alt: str
    width: int
    height: int
    body: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        return (
            f'<svg role="img" aria-label="{html.escape(self.alt)}" viewBox="0 0 {self.width} '
            f'{self.height}" style="max-width: {self.width}px; width: 100%; {_FONT}" '
            f'xmlns="http://www.w3.org/2000/svg"><title>{html.escape(self.alt)}</title>'
            f"{_ARROW_HEAD}{self.body}</svg>"
        )


def picture(name: str, mark: str = "") -> Picture:
    """Draw one of the lessons' pictures.

    Parameters
    ----------
    name : {'journey', 'bootstrap', 'log', 'group', 'replicas'}
        The way of a reading; how a client finds a broker; a topic as three logs; two consumers
        that share them; a topic whose every partition is held by three brokers.
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
    if name == "journey":
        return _journey(mark)
    if name not in _PICTURES:
        raise LabError(f"there is no picture {name!r}", 'lab.picture("journey")')
    return _PICTURES[name]()


def _journey(mark: str) -> Picture:
    if mark and mark not in STAGES:
        raise LabError(
            f"the journey has no stage {mark!r}", f'lab.picture("journey", "{STAGES[2]}")'
        )
    parts, step = [], 112
    for number, stage in enumerate(STAGES):
        x = 4 + number * step
        parts.append(_box(x, 14, 88, 36, stage, is_marked=stage == mark))
        if number:
            parts.append(_arrow(x - 22, 32, x - 3, 32))
        if stage == mark:
            parts.append(_text(x + 44, 68, "you are here"))
    here = f" This lesson is about the {mark}." if mark else ""
    alt = f"The way of a reading: {', then '.join(STAGES)}.{here}"
    return Picture(alt, 4 + step * len(STAGES) - 20, 76, "".join(parts))


def _bootstrap() -> Picture:
    steps = (
        ("1  who belongs to this cluster?", "asked at bootstrap_servers", True),
        ("2  find me at 127.0.0.1:9092", "its advertised.listeners", False),
        ("3  everything else: records, questions", "sent to the address of step 2", True),
    )
    parts = [_box(4, 8, 84, 176, "client"), _box(412, 8, 84, 176, "broker")]
    for number, (what, where, is_question) in enumerate(steps):
        y = 34 + number * 58
        parts.append(_text(250, y - 6, what))
        parts.append(_arrow(92, y, 408, y) if is_question else _arrow(408, y, 92, y))
        parts.append(_text(250, y + 17, where))
    alt = (
        "A client asks at bootstrap_servers who belongs to the cluster. The broker answers with "
        "its advertised.listeners, here 127.0.0.1:9092. The client sends everything else there."
    )
    return Picture(alt, 500, 192, "".join(parts))


def _log() -> Picture:
    parts = []
    for partition, length in enumerate((6, 4, 5)):
        y = 12 + partition * 42
        parts.append(_text(44, y + 19, f"partition {partition}"))
        parts += [_box(96 + n * 40, y, 34, 28, str(n)) for n in range(length)]
        parts.append(_box(96 + length * 40, y, 34, 28, "", is_dashed=True))
    parts.append(_text(112, 146, "older"))
    parts.append(_arrow(138, 142, 242, 142))
    parts.append(_text(332, 146, "newer: appended here"))
    alt = (
        "A topic with three partitions. Each is a log of records, numbered 0, 1, 2 and so on by "
        "their offsets; a new record is only ever appended at the end of one of them."
    )
    return Picture(alt, 460, 156, "".join(parts))


def _group() -> Picture:
    parts = [_text(72, 16, "topic"), _text(330, 16, "group csv-writer")]
    owners = (0, 0, 1)
    for partition, owner in enumerate(owners):
        y = 26 + partition * 42
        parts.append(_box(8, y, 128, 30, f"partition {partition}"))
        parts.append(_arrow(138, y + 15, 262, 51 + owner * 60))
    parts += [_box(266, 34 + n * 60, 128, 34, f"member {n + 1}") for n in range(2)]
    alt = (
        "A consumer group of two members reads a topic of three partitions: member 1 has "
        "partitions 0 and 1, member 2 has partition 2. No partition has two members of one group."
    )
    return Picture(alt, 404, 160, "".join(parts))


def _replicas() -> Picture:
    parts = []
    for broker in range(3):
        x = 8 + broker * 136
        parts.append(_box(x, 24, 124, 132, ""))
        parts.append(_text(x + 62, 16, f"broker {broker + 1}"))
        for partition in range(3):
            leads = partition == broker
            label = f"partition {partition}{' ★' if leads else ''}"
            parts.append(_box(x + 10, 34 + partition * 40, 104, 30, label, is_marked=leads))
    parts.append(_text(204, 176, "★ leader: clients write and read here; the others copy it"))
    alt = (
        "Three brokers; each holds a copy of partitions 0, 1 and 2. Each broker leads one of them: "
        "clients write to the leader, and the other two copy it."
    )
    return Picture(alt, 420, 186, "".join(parts))


def _batches() -> Picture:
    parts = [_text(76, 16, "your program"), _text(238, 16, "its memory"), _text(430, 16, "broker")]
    parts += [_box(8, 62, 136, 34, "send(record)"), _box(166, 26, 144, 112, "")]
    for partition, waiting in enumerate((3, 1, 2)):
        y = 36 + partition * 33
        parts += [_box(178 + n * 40, y, 34, 26, "") for n in range(waiting)]
        parts.append(_box(362, y, 136, 26, f"partition {partition}"))
        parts.append(_arrow(312, y + 13, 359, y + 13))
    parts.append(_arrow(146, 79, 163, 79))
    parts.append(_text(238, 156, "a batch for each partition"))
    alt = (
        "What send does: it puts a record into a batch in the program's own memory, one batch for "
        "each partition. A thread in the background sends each batch to the broker, as one piece."
    )
    return Picture(alt, 506, 166, "".join(parts))


def _offsets() -> Picture:
    marks = ((3, "start"), (6, "committed"), (10, "end"))
    parts = [
        _box(8 + n * 40, 48, 34, 28, str(n) if n > 2 else "", is_dashed=n < 3 or n == 10)
        for n in range(11)
    ]
    for offset, label in marks:
        x = 25 + offset * 40
        parts += [_text(x, 16, label), _arrow(x, 22, x, 45)]
    parts.append(_text(66, 96, "deleted by retention"))
    parts.append(_text(188, 96, "done"))
    parts.append(_text(328, 96, "lag: still to do"))
    parts.append(_text(425, 96, "next one"))
    alt = (
        "A partition whose offsets 0 to 2 were deleted by retention. Start is 3, the first record "
        "that is there. Committed is 6: the group has done 3 to 5, and 6 is its next one. End is "
        "10, where the next record will be appended. The lag is end minus committed: 4 records."
    )
    return Picture(alt, 460, 104, "".join(parts))


_PICTURES: dict[str, Callable[[], Picture]] = {
    "bootstrap": _bootstrap,
    "log": _log,
    "group": _group,
    "replicas": _replicas,
    "batches": _batches,
    "offsets": _offsets,
}

_ARROW_HEAD = (
    '<defs><marker id="labkit-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>'
)


def _box(
    x: int,
    y: int,
    width: int,
    height: int,
    label: str,
    *,
    is_marked: bool = False,
    is_dashed: bool = False,
) -> str:
    line = 'stroke-width="3"' if is_marked else 'stroke-width="1"'
    dashes = ' stroke-dasharray="4 3"' if is_dashed else ""
    weight = ' font-weight="bold"' if is_marked else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="none" '
        f'stroke="currentColor" {line}{dashes}/>'
        f'<text x="{x + width // 2}" y="{y + height // 2 + 5}" text-anchor="middle"{weight}>'
        f"{html.escape(label)}</text>"
    )


def _text(x: int, y: int, words: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle">{html.escape(words)}</text>'


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="currentColor" '
        'marker-end="url(#labkit-arrow)"/>'
    )
