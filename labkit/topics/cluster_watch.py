"""Watch the brokers and one topic's replicas: what the cluster map shows.

There are two sources, and they may disagree for some seconds. The operating system says whether a
broker's process runs; the cluster says which broker leads and which replicas are in sync. A killed
broker is dead at once, but stays leader in the metadata until it has missed its heartbeats.
"""

from __future__ import annotations

from dataclasses import replace

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from labkit.broker.cluster_state import ClusterState, cluster_dir, read_cluster
from labkit.broker.kafka_clients import ReusedClients
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable
from labkit.core.json_files import read_json
from labkit.topics.topic_metadata import partitions_of, read_metadata
from labkit.topics.topic_model import BrokerView, ClusterView

REQUEST_TIMEOUT_MS = 1_500
ATTEMPTS = 2
"""Requests while a broker is silent: the metadata still lists it, so a client may pick it."""


class ClusterWatch:
    """Reads the cluster and a topic's partitions repeatedly, from one thread with one client."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        # Short: the map should go on while one broker is silent.
        self._clients = ReusedClients(REQUEST_TIMEOUT_MS)

    def read(self) -> ClusterView:
        """Return the cluster as it is now; ``trouble`` says what is unknown."""
        is_own = not load_config().bootstrap_servers
        own = read_cluster() if is_own else None
        nodes = own.nodes if own is not None else ()
        brokers = tuple(BrokerView(one.node_id, one.state, one.address) for one in nodes)
        if is_own and not brokers:
            nothing = "This lab has no cluster yet. Next: lab.start_broker(brokers=3)"
            return ClusterView(self.topic, True, (), trouble=nothing)
        able = [one for one in brokers if one.state == "running"]
        if own is not None and len(able) < own.majority:
            self._clients.close()
            return ClusterView(self.topic, is_own, brokers, trouble=_no_majority(own, len(able)))
        trouble = ""
        for _ in range(ATTEMPTS):
            try:
                with self._clients.use() as clients:
                    return self._ask(clients.admin, own, brokers)
            except BrokerUnavailable as error:
                trouble = f"{error.what}."
            if len(able) == len(brokers):
                break  # no broker is known to be silent, so a new client would not help
        controller = _controller_on_disk(own) if own is not None else None
        return ClusterView(self.topic, is_own, brokers, controller, trouble=trouble)

    def _ask(
        self, client: KafkaAdminClient, own: ClusterState | None, brokers: tuple[BrokerView, ...]
    ) -> ClusterView:
        if own is None:
            brokers = _foreign_brokers(client)
        metadata = read_metadata(client, self.topic)
        partitions = tuple(
            replace(one, isr=tuple(sorted(one.isr)))
            for one in (partitions_of(metadata) if metadata is not None else ())
        )
        missing = (
            f"There is no topic {self.topic!r} yet. It is shown here as soon as it is created."
        )
        trouble = "" if partitions else missing
        controller = _active_controller(client) if own is None else _controller_on_disk(own)
        is_own = own is not None
        return ClusterView(self.topic, is_own, brokers, controller, partitions, trouble)

    def close(self) -> None:
        """Close the client."""
        self._clients.close()


def _foreign_brokers(client: KafkaAdminClient) -> tuple[BrokerView, ...]:
    """Return the brokers of a cluster that is not the lab's, as it lists them itself."""
    found = sorted(client.describe_cluster()["brokers"], key=lambda one: one["broker_id"])
    return tuple(
        BrokerView(
            one["broker_id"],
            "dead" if one.get("is_fenced") else "running",
            f"{one['host']}:{one['port']}",
        )
        for one in found
    )


def _controller_on_disk(cluster: ClusterState) -> int | None:
    """Return the active controller, as the lab's own nodes have recorded it on disk.

    Each node's ``quorum-state`` file holds the leader it follows and the epoch; the highest epoch
    is right. A request would take too long when it matters most: a broker forwards it to the
    controller it knows, and waits even if that one is frozen.
    """
    newest = -1, -1
    able = {one.node_id: one for one in cluster.nodes if one.state == "running"}
    for one in able.values():
        folder = cluster_dir() / one.name / "data" / "__cluster_metadata-0"
        written = read_json(folder / "quorum-state") or {}
        newest = max(newest, (written.get("leaderEpoch", -1), written.get("leaderId", -1)))
    return newest[1] if newest[1] in able else None


def _active_controller(client: KafkaAdminClient) -> int | None:
    """Ask a cluster that is not the lab's for the leader of its metadata log.

    That is the active controller. ``describe_cluster()["controller_id"]`` is not: since KRaft a
    broker returns any live broker there, which forwards an old client's controller requests.

    See: KIP-595 (DescribeQuorum), and KIP-590 for the controller id that clients get.
    """
    try:
        quorum = client.describe_metadata_quorum()
    except (kafka_errors.UnsupportedVersionError, kafka_errors.ClusterAuthorizationFailedError):
        return None  # the cluster is old, or does not authorize the request
    leader: int = quorum["topics"][0]["partitions"][0]["leader_id"]
    return leader if leader >= 0 else None


def _no_majority(cluster: ClusterState, able: int) -> str:
    frozen = [one.node_id for one in cluster.nodes if one.state == "frozen"]
    first = frozen[0] if frozen else cluster.nodes[0].node_id
    verb = "thaw" if frozen else "restart"
    return (
        f"{able} of {len(cluster.nodes)} brokers can answer, and {cluster.majority} have to agree: "
        f"the cluster stands still. Next: labkit broker {verb} {first}"
    )
