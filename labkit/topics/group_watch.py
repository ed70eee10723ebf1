"""Watch a consumer group: its members, and which partitions each is assigned.

The members do not see each other; one broker, the group's coordinator, knows them all. `GroupWatch`
asks it as Kafka's own tool ``kafka-consumer-groups`` does, and changes nothing in the group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from labkit.broker.kafka_clients import ReusedClients
from labkit.core.similar_names import similar_name


@dataclass(frozen=True)
class Member:
    """One member of a group, as the coordinator knows it.

    `topics` is what it subscribes to, `assigned` what it may read now: topic -> partitions. While
    the group is being rebalanced, the coordinator reports neither.
    """

    member_id: str
    client_id: str
    host: str
    topics: tuple[str, ...]
    assigned: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class GroupDescription:
    """A group at one moment.

    `state` is Kafka's word: Stable, PreparingRebalance, CompletingRebalance, Empty, or Dead where
    there is no such group. `assignor` is the one the members agreed on, such as cooperative-sticky.
    `partitions` is the number of partitions of each of its topics; deleted topics are left out.
    `problem` is why the coordinator could not answer, or empty. `similar` is the group
    that exists of whose name this one may be a misspelling, where this one does not.
    """

    group_id: str
    state: str
    assignor: str
    members: tuple[Member, ...]
    partitions: dict[str, int]
    problem: str = ""
    similar: str = ""


class GroupWatch:
    """Reads one group repeatedly, with the same client.

    Parameters
    ----------
    group_id : str
        The group; it may have no members, or not exist yet.
    topic : str, optional
        The only topic to show; default: what the members subscribe to.
    fallback : str
        The topic whose partitions are shown while no member subscribes to any.
    """

    def __init__(self, group_id: str, topic: str | None, fallback: str) -> None:
        self._group_id, self._topic = group_id, topic
        self._topics: tuple[str, ...] = (topic or fallback,)
        self._clients = ReusedClients()

    def read(self) -> GroupDescription:
        """Read the group once.

        Raises
        ------
        BrokerUnavailable
            No broker answers.
        """
        with self._clients.use() as clients:
            found, problem = _ask_coordinator(clients.admin, self._group_id)
            members = tuple(sorted(map(_member, found["members"]), key=lambda one: one.member_id))
            told = {name for one in members for name in (*one.topics, *one.assigned)}
            if self._topic is None and told:
                self._topics = tuple(sorted(told))
            return GroupDescription(
                group_id=self._group_id,
                state=found["group_state"],
                assignor=found["protocol_data"],
                members=members,
                partitions={
                    one["name"]: len(one["partitions"])
                    for one in clients.admin.describe_topics(list(self._topics))
                    if one["partitions"]
                },
                problem=problem,
                similar=self._similar(clients.admin) if found["group_state"] == "Dead" else "",
            )

    def _similar(self, client: KafkaAdminClient) -> str:
        return similar_name(self._group_id, [one["group_id"] for one in client.list_groups()])

    def close(self) -> None:
        """Close the client."""
        self._clients.close()


def _ask_coordinator(client: KafkaAdminClient, group_id: str) -> tuple[dict[str, Any], str]:
    nothing = {"group_state": "", "protocol_data": "", "members": []}
    try:
        found: dict[str, Any] = client.describe_groups([group_id])[group_id]
    except ValueError:  # kafka-python takes every member for a consumer
        others = nothing | {"group_state": "not of consumers"}
        return others, "its members are not consumers: workers of Kafka Connect, perhaps"
    except KafkaError as error:
        if not error.retriable:
            raise
        # On a new cluster the first request creates the topic __consumer_offsets, in which the
        # coordinators keep the groups; until it exists there is no coordinator.
        return nothing, f"the group has no coordinator just now ({type(error).__name__})"
    error_text = found["error"] or ""
    if "not a classic group" in error_text:
        return found, "it uses the newer protocol (KIP-848), which kafka-python does not describe"
    # A missing group is not a problem: its state is then Dead.
    return found, "" if "GroupIdNotFound" in error_text else error_text


def _member(told: dict[str, Any]) -> Member:
    # Empty bytes where the coordinator reports nothing; bytes where the protocol is unknown.
    subscription, assignment = (
        one if isinstance(one, dict) else {}
        for one in (told["member_metadata"], told["member_assignment"])
    )
    return Member(
        member_id=told["member_id"],
        client_id=told["client_id"],
        host=told["client_host"].lstrip("/"),
        topics=tuple(subscription.get("topics", ())),
        assigned={
            one["topic"]: tuple(sorted(one["partitions"]))
            for one in assignment.get("assigned_partitions", ())
        },
    )
