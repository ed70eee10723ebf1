"""What clusters beside the lab's own have in common: `SideCluster`, and the start of one broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Self

from labkit.broker import cluster_start
from labkit.broker.cluster_state import ClusterState, NodeState, add_owner, read_cluster
from labkit.core.progress_bar import waiting


class SideCluster:
    """What `SecondBroker`, `SecuredBroker` and `Connect` have in common: a folder and ``stop``."""

    what: ClassVar[str]
    """Its name in the message while it stops, such as ``the second broker``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_running(self) -> bool:
        """Whether one of its processes is alive."""
        cluster = read_cluster(self._folder)
        return cluster is not None and any(one.is_running for one in cluster.nodes)

    def stop(self, timeout_s: float = 60.0) -> None:
        """Stop it. Its data stays on disk for the next start."""
        if self.is_running:
            with waiting(f"Stopping {self.what}"):
                cluster_start.stop_cluster(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def start_one_node(
    folder: Path, kind: str, properties: Callable[[NodeState, Path], Mapping[str, str]]
) -> ClusterState:
    """Start a cluster of one broker in a folder; called under the folder's lock.

    ``properties`` is as for `cluster_start.start`.
    """
    cluster = cluster_start.plan(read_cluster(folder), 1, 0, folder)
    add_owner(cluster, folder, keep=False)
    return cluster_start.start(cluster, folder, kind=kind, properties=properties)
