"""Environment variables for a moment: after it, each is as it was before."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest

from labkit.core.environment_variables import environment


def test_variables_are_as_before_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_EXAMPLE", "old")
    monkeypatch.delenv("LABKIT_OTHER", raising=False)
    variables = {"LABKIT_EXAMPLE": "new", "LABKIT_OTHER": "x"}
    with suppress(ZeroDivisionError), environment(variables):
        assert (os.environ["LABKIT_EXAMPLE"], os.environ["LABKIT_OTHER"]) == ("new", "x")
        raise ZeroDivisionError
    assert os.environ["LABKIT_EXAMPLE"] == "old"
    assert "LABKIT_OTHER" not in os.environ
