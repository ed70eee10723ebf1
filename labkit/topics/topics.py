"""Create, describe, change and delete topics: the functions that ``lab`` offers for them.

A topic is a name for a set of partitions; a partition is a log that one broker leads and others
copy. Nothing is cached here: every call asks the cluster.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType
from kafka.errors import TopicAuthorizationFailedError

from labkit.core.config import load_config
from labkit.core.errors import TopicRefused
from labkit.topics.topic_arguments import refuse_wrong_arguments
from labkit.topics.topic_metadata import (
    METADATA_TIMEOUT_S,
    ask_cluster,
    cluster,
    describe,
    describe_created,
    describe_known,
    read_all_metadata,
    read_configs,
    read_metadata,
    read_topics,
    remember_deletion,
)
from labkit.topics.topic_model import Topic
from labkit.topics.topic_refusals import (
    ConfigValue,
    config_text,
    raise_if_not_created,
    raise_refusal,
    refuse_differences,
    refuse_fewer_partitions,
    refuse_unknown_settings,
)
from labkit.topics.topic_waits import wait_for_deletion, wait_for_partitions, wait_for_settings


def ensure_topic(
    name: str | None = None,
    num_partitions: int | None = None,
    replication_factor: int | None = None,
    config: Mapping[str, ConfigValue] | None = None,
) -> Topic:
    """Create a topic, or check that the existing one is as asked for.

    An existing topic is never changed: it must already have the values that you pass, and may have
    any value for what you leave out.

    Parameters
    ----------
    name : str, optional
        The topic; by default the lab's own, ``co2-emissions``.
    num_partitions : int, optional
        How many logs the topic is split into; a record's key decides which one it goes to. At
        most this many consumers of a group can share the work. By default the lab's setting, 3.
    replication_factor : int, optional
        How many brokers hold each partition; by default 3, or all brokers if there are fewer.
    config : mapping, optional
        Settings of this topic, under Kafka's names: ``{"retention.ms": 3_600_000}``.

    Returns
    -------
    Topic
        As the cluster describes it, with a leader for every partition.

    Raises
    ------
    TopicConfigDiffers
        It exists with other partitions, replicas or settings; the message lists each.
    TopicRefused
        The cluster does not accept that name, number or setting.

    See: Kafka documentation, section 4.1 "Topic Configs"; KIP-464 (defaults of a new topic).
    """
    settings = load_config()
    name = name or settings.topic
    refuse_wrong_arguments("ensure_topic", name, num_partitions, replication_factor, config)
    asked_config = _as_texts(config)
    with cluster() as client:
        if read_metadata(client, name) is None:
            refuse_unknown_settings(client, name, asked_config, "ensure_topic")
            brokers = len(client.describe_cluster()["brokers"])
            partitions = num_partitions or settings.num_partitions
            new_topic = _new_topic(partitions, replication_factor, asked_config, brokers)
            reply = client.create_topics({name: new_topic}, raise_errors=False)["topics"][0]
            raise_if_not_created(reply, name, new_topic["replication_factor"], brokers)
            client.wait_for_topics([name], timeout_ms=METADATA_TIMEOUT_S * 1000)
        topic = describe_created(client, name)
        effective = read_configs(client, [name], "all")[name] if asked_config else {}
    refuse_differences(topic, num_partitions, replication_factor, asked_config, effective)
    return topic


def refuse_impossible_topic(
    call: str,
    name: str,
    num_partitions: int,
    replication_factor: int | None,
    config: Mapping[str, ConfigValue] | None,
) -> None:
    """Raise `TopicRefused` if the cluster would not create such a topic; create nothing.

    The cluster is asked with ``validate_only``, about a name that no topic has.

    See: KIP-4, ``validate_only`` of CreateTopicsRequest.
    """
    with cluster() as client:
        refuse_unknown_settings(client, name, config or {}, call)
        brokers = len(client.describe_cluster()["brokers"])
        new_topic = _new_topic(num_partitions, replication_factor, _as_texts(config), brokers)
        reply = client.create_topics(
            {uuid.uuid4().hex: new_topic}, validate_only=True, raise_errors=False
        )["topics"][0]
        raise_if_not_created(reply, name, new_topic["replication_factor"], brokers, call)


def _new_topic(
    num_partitions: int, replication_factor: int | None, config: Mapping[str, str], brokers: int
) -> dict[str, Any]:
    """Return a topic as it is asked for: by default with 3 replicas, or one on each broker."""
    return {
        "num_partitions": num_partitions,
        "replication_factor": replication_factor or min(3, brokers),
        "configs": config,
    }


def _as_texts(config: Mapping[str, ConfigValue] | None) -> dict[str, str]:
    return {key: config_text(value) for key, value in (config or {}).items()}


def describe_topic(name: str | None = None) -> Topic:
    """Describe a topic: leaders, in-sync replicas, offsets and settings.

    Raises
    ------
    TopicNotFound
        It is not on this cluster; the message names topics that are.
    """
    return ask_cluster(lambda client: describe_known(client, name or load_config().topic))


def list_topics(internal: bool = False) -> list[Topic]:
    """List the cluster's topics by name.

    Parameters
    ----------
    internal : bool
        Include Kafka's own, such as ``__consumer_offsets``, where groups' commits are stored.
    """

    def all_topics(client: KafkaAdminClient) -> list[Topic]:
        found = [
            metadata
            for metadata in read_all_metadata(client)
            if internal or not (metadata["is_internal"] or metadata["name"].startswith("__"))
        ]
        return read_topics(client, sorted(found, key=lambda metadata: metadata["name"]))

    return ask_cluster(all_topics)


def alter_topic(
    name: str,
    num_partitions: int | None = None,
    config: Mapping[str, ConfigValue | None] | None = None,
) -> Topic:
    """Give a topic more partitions or other settings, while it is in use.

    Kafka can add partitions but never remove one, because its records would be lost. After an
    increase, a key may map to another partition than before.

    Parameters
    ----------
    name : str
        The topic.
    num_partitions : int, optional
        The new total.
    config : mapping, optional
        Settings under Kafka's names; None as a value resets one to the broker's default.

    Returns
    -------
    Topic
        As it is once the change has reached the brokers.

    Raises
    ------
    TopicNotFound, TopicRefused
        There is no such topic; or the lab or the cluster refuses the change, and says why.
    """
    refuse_wrong_arguments("alter_topic", name, num_partitions, config=config)
    with cluster() as client:
        topic = describe(client, name)
        if config:
            refuse_unknown_settings(client, name, config)
        if num_partitions is not None and num_partitions != topic.num_partitions:
            refuse_fewer_partitions(topic, num_partitions)
            reply = client.create_partitions({name: num_partitions}, raise_errors=False)
            what = f"topic {name!r} gets no more partitions"
            line = f"lab.describe_topic({name!r})"
            raise_refusal(reply.to_dict()["results"][0], what, line, "Alter", name)
            wait_for_partitions(client, name, num_partitions)
        if config:
            changes = {
                key: (AlterConfigOp.DELETE, None)
                if value is None
                else (AlterConfigOp.SET, config_text(value))
                for key, value in config.items()
            }
            resource = ConfigResource(ConfigResourceType.TOPIC, name, changes)
            result = client.alter_configs([resource])["topic"][name]
            if "TopicAuthorizationFailedError" in result:
                refused = {"error_code": TopicAuthorizationFailedError.errno}
                raise_refusal(refused, "", "", "AlterConfigs", name)
            if result != "OK":
                msg = f"the settings of topic {name!r} stay as they were: {result}"
                raise TopicRefused(msg, f"lab.describe_topic({name!r})")
            wait_for_settings(client, name, config)
        return describe(client, name)


def delete_topic(name: str) -> None:
    """Delete a topic with all its records, and wait until the brokers no longer list it.

    A consumer or producer that still uses it gets ``UnknownTopicOrPartitionError``.

    Raises
    ------
    TopicNotFound
        It is not on this cluster.
    """
    with cluster() as client:
        topic = describe_known(client, name)
        reply = client.delete_topics([name], raise_errors=False)["topics"][0]
        what, line = f"topic {name!r} cannot be deleted", f"lab.describe_topic({name!r})"
        raise_refusal(reply, what, line, "Delete", name)
        wait_for_deletion(client, name)
    remember_deletion(topic)
