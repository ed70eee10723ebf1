"""Rates: means of the last seconds; a counter that falls has none."""

from __future__ import annotations

from labkit.core.rates import Rates


def test_a_rate_is_a_mean_of_the_last_seconds() -> None:
    rates: Rates[int] = Rates(over_s=4)
    assert rates.add(0, {0: 0}) == {0: None}
    assert rates.add(1, {0: 10}) == {0: 10}
    # A consumer that commits every four seconds: steps, and yet one rate.
    found = [rates.add(at, {0: 10 + 40 * (at // 4)})[0] for at in range(2, 40)]
    assert found[-8:] == [10.0] * 8


def test_a_counter_that_falls_or_is_new_has_no_rate() -> None:
    rates: Rates[int] = Rates(over_s=4)
    rates.add(0, {0: 100})
    assert rates.add(1, {0: 7, 1: 5_000}) == {0: None, 1: None}
    for at in range(2, 8):
        found = rates.add(at, {0: 7, 1: None})
    assert found == {0: 0.0, 1: None}
