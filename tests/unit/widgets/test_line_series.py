"""Figures over time: gaps stay gaps, and a window has an end."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from labkit.widgets.line_series import MAX_POINTS, LineSeries


def test_a_line_has_a_value_or_a_gap_at_each_time() -> None:
    lines = LineSeries(60)
    lines.add(1_000.0, {"a": 1, "b": None})
    lines.add(1_001.0, {})
    lines.add(1_002.0, {"a": 5, "b": 2})
    payload = lines.payload(["a", "b"])
    assert [one["values"] for one in payload["series"]] == [[1, None, 5], [None, None, 2]]
    assert payload["times"][0] == "1970-01-01T00:16:40.000+00:00"
    assert lines.digest("a") == (5, 1, 5)
    assert lines.digest("nobody") == (None, None, None)
    json.dumps(payload, allow_nan=False)


def test_a_gap_at_the_end_is_told_as_not_known_now() -> None:
    lines = LineSeries(60)
    lines.add(0.0, {"a": 1})
    lines.add(1.0, {})
    assert lines.digest("a") == (None, 1, 1)


@given(st.integers(4, 2_000), st.integers(1, 1_500))
def test_it_keeps_the_window_and_never_too_much(quarters: int, points: int) -> None:
    window_s = quarters / 4  # exact in binary, as are the times: so nothing is a rounding's matter
    lines = LineSeries(window_s)
    for number in range(points):
        lines.add(float(number), {"a": number})
    assert len(lines.values("a")) == min(points, int(window_s) + 1, MAX_POINTS)
    assert lines.values("a")[-1] == points - 1
