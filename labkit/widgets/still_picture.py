"""Pictures of the widgets for a notebook without its kernel: small SVGs, drawn in Python.

They have mid-grey labels and no background, so they are readable in a light and in a dark theme.
"""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Sequence
from typing import Any

from labkit.core.terminal_text import visible

COLOURS = ("#2f7fc1", "#d0641f", "#1a9172", "#b5599a", "#a37a14", "#4a97c9", "#7a808a", "#858014")
"""As in ``web/src/chart/marks.ts``; each has a contrast of 3 : 1 with white and with black."""
SECTORS = ("power", "steel", "cement", "refining", "chemicals", "paper", "waste")
"""Each has the colour that it has in every chart of the lab."""
GREY = "#7a7a7a"
WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 12, 24
SLOT, LANE = 46, 40
Box = tuple[str, int | None]
"""A text, and the number of its colour; None: a frame without colour."""


def line_picture(payload: dict[str, Any], unit: str) -> str:
    """Return lines over time as SVG; each line's name is at its end."""
    series = [one for one in payload.get("series", ()) if any(v is not None for v in one["values"])]
    if not series:
        return ""
    most = max(value for one in series for value in one["values"] if value is not None) or 1.0
    count = max(len(payload["times"]) - 1, 1)

    def point(place: int, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * place / count
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most)
        return f"{x:.1f},{y:.1f}"

    base = HEIGHT - BOTTOM
    parts = [
        f'<path d="M{LEFT},{TOP}V{base}H{WIDTH - RIGHT}" fill="none" stroke="{GREY}"/>',
        _text(LEFT - 6, TOP + 8, f"{most:,.4g}", "end"),
        _text(LEFT - 6, base, "0", "end"),
        _text(LEFT, HEIGHT - 6, f"{_clock(payload['times'][0])} UTC"),
        _text(WIDTH - RIGHT, HEIGHT - 6, _clock(payload["times"][-1]), "end"),
        _text(LEFT + 6, TOP + 8, unit),
    ]
    ends: list[tuple[float, str, str]] = []
    for number, one in enumerate(series):
        key, run = one.get("key"), []
        hue = SECTORS.index(key) if key in SECTORS else number
        colour = COLOURS[hue % len(COLOURS)]
        for place, value in [*enumerate(one["values"]), (count + 1, None)]:
            if value is not None:
                run.append(point(place, value))
            elif run:  # a gap, or the end
                points = " ".join(run if len(run) > 1 else run * 2)
                parts.append(
                    f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
                    'stroke-linecap="round"/>'
                )
                last, run = run[-1], []
        ends.append((float(last.partition(",")[2]), colour, str(one["label"])))
    y = 0.0
    for end, colour, label in sorted(ends):
        y = max(end + 4, y + 14)  # names do not cover each other
        parts.append(_text(WIDTH - RIGHT + 8, y, label, colour=colour))
    return _svg(WIDTH, max(HEIGHT, round(y) + 8), parts)


def bar_picture(rows: Sequence[tuple[str, float | None, str]]) -> str:
    """Return bars as SVG: a name, a length, and a figure in each row."""
    most = max((value for _, value, _ in rows if value), default=0.0)
    if not most:
        return ""
    parts = []
    for number, (name, value, figure) in enumerate(rows):
        y = 8 + number * 26
        width = (WIDTH - 340) * (value or 0) / most
        parts += [
            _text(120, y + 13, name, "end"),
            f'<rect x="130" y="{y}" width="{width:.1f}" height="16" rx="2" fill="#2f8c92"/>',
            _text(138 + width, y + 13, figure),
        ]
    return _svg(WIDTH, 12 + 26 * len(rows), parts)


def box_picture(rows: Sequence[tuple[str, Sequence[Box]]]) -> str:
    """Return rows of boxes as SVG: a name, and its boxes from left to right."""
    if not any(boxes for _, boxes in rows):
        return ""
    parts = []
    for number, (name, boxes) in enumerate(rows):
        y = 6 + number * LANE
        parts.append(_text(4, y + 20, name))
        for slot, (text, colour) in enumerate(boxes):
            stroke = GREY if colour is None else COLOURS[colour % len(COLOURS)]
            x = 150 + slot * SLOT
            parts += [
                f'<rect x="{x}" y="{y}" width="{SLOT - 4}" height="30" rx="4" fill="none" '
                f'stroke="{stroke}" stroke-width="2"/>',
                _text(x + (SLOT - 4) / 2, y + 20, text, "middle"),
            ]
    return _svg(150 + SLOT * max(len(boxes) for _, boxes in rows) + 4, 6 + LANE * len(rows), parts)


def still_html(name: str, picture: str, text: str) -> str:
    """Return a picture and the widget's text twin as HTML, without a script or a style sheet.

    The picture is an image with its data in its address: Jupyter shows that in a notebook of
    somebody else, too, where it removes everything that could be a program.
    """
    image = ""
    if picture:
        data = base64.b64encode(picture.encode()).decode()
        alt = html.escape(f"Picture of the {name}; the same in words is below", quote=True)
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}" style="max-width: 100%">'
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    return (
        f'<div class="labkit-still">{image}<pre>{html.escape(visible(text))}</pre>'
        f"<p><small>As it was at {at} UTC. This is a picture: the widget is live again when its "
        "cell runs.</small></p></div>"
    )


def _svg(width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = GREY) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{html.escape(visible(text))}</text>"
    )


def _clock(time_iso: str) -> str:
    return time_iso.partition("T")[2][:8]
