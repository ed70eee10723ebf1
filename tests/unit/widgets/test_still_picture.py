"""The pictures: well-formed SVG that shows what it is given, and runs nothing."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from xml.etree import ElementTree

from labkit.widgets.still_picture import bar_picture, box_picture, line_picture, still_html

TIMES = ["2026-01-01T10:00:00.000Z", "2026-01-01T10:00:01.000Z", "2026-01-01T10:00:02.000Z"]


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(svg).iter() if one.text]


def test_lines_with_a_gap_and_a_name_that_is_markup() -> None:
    series = [
        {"label": "<b>&", "values": [1.0, None, 3.0]},
        {"label": "unknown", "values": [None, None, None]},
    ]
    svg = line_picture({"times": TIMES, "series": series}, "t/h")
    assert svg.count("<polyline") == 2  # one on each side of the gap
    assert {"<b>&", "3", "t/h", "10:00:00 UTC"} <= set(texts(svg))
    assert "unknown" not in texts(svg)


def test_names_do_not_cover_each_other() -> None:
    series = [{"label": f"line {n}", "values": [0.0, 0.0, 0.0]} for n in range(7)]
    svg = line_picture({"times": TIMES, "series": series}, "t/h")
    places = [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>line', svg)]
    assert all(later - one >= 14 for one, later in pairwise(places))


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_picture([("emitted", 100, "100 g"), ("csv", 50, "50 g"), ("served", None, "–")])
    widths = [float(one) for one in re.findall(r'<rect[^>]* width="([\d.]+)"', svg)]
    assert widths[0] == 2 * widths[1] > widths[2] == 0
    assert "50 g" in texts(svg)


def test_boxes() -> None:
    svg = box_picture([("partition 0", [("41", 0), ("42", None)]), ("partition 1", [])])
    assert {"partition 0", "41", "42", "partition 1"} <= set(texts(svg))


def test_nothing_to_draw() -> None:
    assert line_picture({"times": [], "series": []}, "t/h") == ""
    assert bar_picture([("emitted", None, "–")]) == ""
    assert box_picture([("partition 0", [])]) == ""


def test_the_still_has_its_picture_in_itself_and_runs_nothing() -> None:
    shown = still_html("chart", "<svg/>", "<script>alert(1)</script>\x1b[2J")
    assert "<script" not in shown
    assert "\x1b" not in shown
    assert base64.b64encode(b"<svg/>").decode() in shown
