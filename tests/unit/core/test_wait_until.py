"""Waiting for a condition: what it returns, and what it raises at the deadline."""

from __future__ import annotations

import itertools

import pytest

from labkit.core.wait_until import wait_until


def test_it_returns_what_the_condition_found() -> None:
    values = iter([None, "", "found", "not asked for"])

    assert wait_until(lambda: next(values), 10.0, AssertionError, every_s=0.001) == "found"


def test_at_the_deadline_the_error_tells_what_was_found_last() -> None:
    asked = itertools.count(1)
    seen: list[int] = []

    def condition() -> bool:
        seen.append(next(asked))
        return False

    with pytest.raises(TimeoutError, match=r"asked \d+ times"):
        wait_until(condition, 0.02, lambda: TimeoutError(f"asked {len(seen)} times"), every_s=0.001)
    assert len(seen) > 1


def test_the_condition_is_asked_even_where_there_is_no_time() -> None:
    assert wait_until(lambda: True, 0.0, AssertionError)


def test_what_the_condition_raises_to_say_not_yet_is_the_cause_of_the_error() -> None:
    turns = iter([True, False])

    def condition() -> str:
        if next(turns, True):
            raise LookupError("not yet")
        return "found"

    assert wait_until(condition, 10.0, every_s=0.001, retry_on=(LookupError,)) == "found"
    with pytest.raises(LookupError, match="not yet"):
        wait_until(condition, 0.0, retry_on=(LookupError,))
    with pytest.raises(TimeoutError, match="too late") as caught:
        wait_until(condition, 0.0, lambda: TimeoutError("too late"), retry_on=(LookupError,))
    assert isinstance(caught.value.__cause__, LookupError)
    with pytest.raises(LookupError):
        wait_until(condition, 10.0, retry_on=(OSError,))
