"""Wait for a condition, with a deadline: the one way the lab waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(
    condition: Callable[[], Found],
    timeout_s: float,
    error: Callable[[], Exception],
    *,
    every_s: float = 0.05,
) -> Found:
    """Ask again and again until a condition holds, and return what it found.

    Parameters
    ----------
    condition : callable
        What is waited for; any true value counts.
    timeout_s : float
        How long to wait, in seconds. The condition is asked at least once.
    error : callable
        Makes the error to raise at the deadline: it is called then, so that it can tell what was
        found last.
    every_s : float
        The pause between two questions, in seconds.

    Returns
    -------
    object
        The first true value that the condition returned.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise error()
        time.sleep(every_s)
    return found
