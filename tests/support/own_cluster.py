"""Brokers in a lab of their own, for the tests that break them, or want more than one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import labkit as lab
from labkit.broker.broker import Broker, stop_cluster


@contextmanager
def own_cluster(folder: Path, brokers: int) -> Iterator[Broker]:
    """Point the lab at a folder, run brokers there, and stop them at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        try:
            yield lab.start_broker(brokers=brokers)
        finally:
            stop_cluster()
