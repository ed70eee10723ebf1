"""A cluster of processes beside the lab's own: how it is told to be alive, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from labkit.broker import cluster_start
from labkit.broker.cluster_state import read_cluster
from labkit.core.progress_bar import waiting


class SideCluster:
    """What `SecondBroker`, `SecuredBroker` and `Connect` have in common: a folder, and an end."""

    what: ClassVar[str]
    """What it is called while one waits for its end, such as ``the second broker``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_running(self) -> bool:
        """Whether a process of it is alive."""
        cluster = read_cluster(self._folder)
        return cluster is not None and any(one.is_running for one in cluster.nodes)

    def stop(self, timeout_s: float = 60.0) -> None:
        """End it. What it keeps stays on disk for the next start."""
        if self.is_running:
            with waiting(f"Stopping {self.what}"):
                cluster_start.stop_cluster(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()
