"""The trend of a lag: from figures of the last seconds, and none where there are none."""

from __future__ import annotations

from labkit.diagnostics.watch.lag_trend import AT_LEAST_S, OVER_S, Lag, LagTrends, Trend

KEY = ("co2-emissions", "csv-writer")


def trend_of(*seen: tuple[float, int | None, float | None]) -> Trend:
    """Return the trend after some moments: a time, records, seconds."""
    trends: LagTrends[tuple[str, str]] = LagTrends()
    found = Trend()
    for at_s, records, seconds in seen:
        found = trends.add(at_s, {KEY: Lag(records, seconds)})[KEY]
    return found


def test_a_lag_that_shrinks() -> None:
    assert trend_of((0, 1_000, 50.0), (10, 800, 40.0)) == Trend(-20.0, -1.0)


def test_it_is_the_mean_of_the_last_seconds_alone() -> None:
    long_ago = (0.0, 1_000_000, 9_000.0)
    recent = ((100.0, 100, 5.0), (100.0 + OVER_S, 100 + 2 * int(OVER_S), 5.0))
    assert trend_of(long_ago, *recent) == Trend(2.0, 0.0)


def test_two_moments_close_together_say_nothing() -> None:
    assert trend_of((0, 1_000, 50.0), (AT_LEAST_S / 2, 0, 0.0)) == Trend()


def test_an_unknown_figure_gives_no_trend_of_it() -> None:
    assert trend_of((0, 10, None), (10, 20, 3.0)) == Trend(1.0, None)
    assert trend_of((0, 10, 1.0), (10, None, None)) == Trend(None, None)
    assert trend_of((0, None, None), (5, 10, 1.0), (10, 20, 2.0)) == Trend(2.0, 0.2)


def test_after_a_break_it_begins_again() -> None:
    trends: LagTrends[str] = LagTrends()
    trends.add(0, {"a": Lag(10, 1.0)})
    trends.forget()
    assert trends.add(10, {"a": Lag(20, 2.0)}) == {"a": Trend()}
