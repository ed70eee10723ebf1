"""Skip a test where the machine lacks something, or fail where it must not.

``LABKIT_TEST_REQUIRE=docker,chromium`` is for machines that have both: there a skip would hide that
nothing was tested.
"""

from __future__ import annotations

import os

import pytest


def require(what: str, reason_it_is_missing: str | None) -> None:
    """Skip the test if ``what`` is missing; fail it if LABKIT_TEST_REQUIRE names it."""
    if reason_it_is_missing is None:
        return
    required = os.environ.get("LABKIT_TEST_REQUIRE", "").replace(" ", "").split(",")
    if what in required:
        pytest.fail(f"LABKIT_TEST_REQUIRE names {what}, but {reason_it_is_missing}", pytrace=False)
    pytest.skip(f"no {what}: {reason_it_is_missing}")
