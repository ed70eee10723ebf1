"""What can be seen of a cluster at one moment: its brokers, and one topic's partitions on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BrokerState = Literal["running", "frozen", "dead"]


@dataclass(frozen=True)
class BrokerView:
    """One broker; ``state`` is its process's, or what the cluster says of one that is not ours."""

    node_id: int
    state: BrokerState
    address: str


@dataclass(frozen=True)
class Replicas:
    """One partition: who leads it, who copies it, and who has all of it (the in-sync replicas)."""

    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    isr: tuple[int, ...]


@dataclass(frozen=True)
class ClusterView:
    """The cluster at one moment.

    ``controller`` is the active KRaft controller, None while there is none or nobody says;
    ``partitions`` is None where nobody answers, empty where the topic is not there.
    ``trouble`` says in a sentence what cannot be known, and the next line to type.
    """

    topic: str
    is_own: bool
    brokers: tuple[BrokerView, ...]
    controller: int | None = None
    partitions: tuple[Replicas, ...] | None = None
    trouble: str = ""

    @property
    def majority(self) -> int:
        """How many controllers have to agree on anything, of the lab's own cluster."""
        return len(self.brokers) // 2 + 1
