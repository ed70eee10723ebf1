"""The values of the last minute, and how fast a count grows."""

from __future__ import annotations

import pytest

from labkit.api.recent_values import KEEP_S, Recent, rate_per_s


def counts(*values: tuple[float, int]) -> Recent[int]:
    recent: Recent[int] = Recent()
    for at, value in values:
        recent.add(at, value)
    return recent


def test_old_values_are_forgotten_and_none_comes_twice() -> None:
    recent = counts((10, 1), (10, 2), (9, 3), (10 + KEEP_S, 4), (11 + KEEP_S, 5))
    assert [past.value for past in recent.since(0)] == [4, 5]


@pytest.mark.parametrize(
    ("values", "rate"),
    [
        ([], None),
        ([(10, 5)], None),
        ([(10, 5), (12, 25)], 10.0),
        ([(0, 0), (10, 500), (20, 510)], 1.0),  # of the last 10 s
        ([(10, 500), (12, 3)], None),  # the CSV was started again
    ],
)
def test_a_rate_is_of_the_last_seconds(values: list[tuple[float, int]], rate: float | None) -> None:
    assert rate_per_s(counts(*values), over_s=10) == rate
