"""Wait for a condition, with a deadline: the one way the lab waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(
    condition: Callable[[], Found],
    timeout_s: float,
    error: Callable[[], Exception] | None = None,
    *,
    every_s: float = 0.05,
    retry_on: tuple[type[Exception], ...] = (),
) -> Found:
    """Check a condition repeatedly until it holds, and return what it found.

    Parameters
    ----------
    condition : callable
        The condition; any true value counts.
    timeout_s : float
        How long to wait, in seconds. The condition is checked at least once.
    error : callable, optional
        Makes the error to raise at the deadline. It is called then, so that its message can
        contain what was found last. By default what the condition raised, or `TimeoutError`.
    every_s : float
        The pause between two checks, in seconds.
    retry_on : tuple of exception types
        What the condition may raise to say "not yet".

    Returns
    -------
    object
        The first true value that the condition returned.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        not_yet: Exception | None = None
        try:
            found = condition()
            if found:
                return found
        except retry_on as exception:
            not_yet = exception
        if time.monotonic() > deadline:
            if error is None:
                raise not_yet or TimeoutError
            raise error() from not_yet
        time.sleep(every_s)
