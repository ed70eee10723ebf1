"""Wait for a condition in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from labkit.core import wait_until as lab_waiting

PATIENCE_S = 120.0
"""How long to wait unless a test says otherwise. Nothing is timed; this only ends a hang."""

Found = TypeVar("Found")


def wait_until(
    condition: Callable[[], Found],
    meaning: str | Callable[[], object] = "the condition holds",
    timeout_s: float = PATIENCE_S,
    *,
    every_s: float = 0.05,
) -> Found:
    """Return the first true value of a condition; fail the test at the deadline.

    ``meaning`` says what is waited for. A function is called at the deadline and can tell what was
    seen last.
    """

    def too_late() -> Exception:
        what = meaning() if callable(meaning) else meaning
        return AssertionError(f"not within {timeout_s:g} s: {what}")

    return lab_waiting.wait_until(condition, timeout_s, too_late, every_s=every_s)
