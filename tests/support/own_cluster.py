"""A separate cluster, for tests that break it or need more than one broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import labkit as lab
from labkit.broker.broker import Broker, stop_cluster


@contextmanager
def own_cluster(folder: Path, brokers: int) -> Iterator[Broker]:
    """Point the lab at a folder, run brokers there, and stop everything at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        try:
            yield lab.start_broker(brokers=brokers)
            lab.stop_all()
        finally:
            stop_cluster()


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a cluster of three brokers for the tests of a module."""
    with own_cluster(tmp_path_factory.mktemp("cluster"), brokers=3) as broker:
        yield broker
