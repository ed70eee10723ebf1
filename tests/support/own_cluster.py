"""A separate cluster, for tests that break it or need more than one broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import wait_until

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


def restore(broker: Broker, topic: str) -> None:
    """Bring every broker back to life, and wait until each holds the topic's replicas in sync."""
    for one in broker.nodes:
        if one.state == "frozen":
            broker.thaw(one.node_id)
    lab.start_broker()
    lab.ensure_topic(topic, num_partitions=3)

    def in_sync() -> bool:
        return all(len(one.isr) == 3 for one in lab.describe_topic(topic).partitions)

    wait_until(in_sync, "three replicas in sync")


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a cluster of three brokers for the tests of a module."""
    with own_cluster(tmp_path_factory.mktemp("cluster"), brokers=3) as broker:
        yield broker
