"""Topics: create, look at, change and delete them, with the cluster as the only truth.

A topic is a name for a set of partitions; a partition is a log that one broker leads and others
copy. Everything shown here was asked of the brokers a moment ago; nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient

from labkit.core.config import load_config
from labkit.core.errors import TopicConfigDiffers
from labkit.topics.topic_changes import (
    ConfigValue,
    add_partitions,
    alter_line,
    config_text,
    create,
    raise_refusal,
    set_config,
    start_again_line,
    wait_until,
)
from labkit.topics.topic_metadata import (
    ask_cluster,
    cluster,
    describe,
    describe_created,
    no_such_topic,
    read_configs,
    read_metadata,
    read_topics,
)
from labkit.topics.topic_model import Topic


def ensure_topic(
    name: str | None = None,
    num_partitions: int | None = None,
    replication_factor: int | None = None,
    config: Mapping[str, ConfigValue] | None = None,
) -> Topic:
    """Create a topic, or find that it is there already as asked for.

    Kafka never changes a topic because a client asked again, and neither does this: what you
    name must be so, what you leave out may be as it is.

    Parameters
    ----------
    name : str, optional
        The topic; by default the lab's own, ``co2-emissions``.
    num_partitions : int, optional
        Logs to split it into, by the record's key: so many consumers of a group can share the
        work. By default the lab's setting, 3.
    replication_factor : int, optional
        How many brokers hold each partition: 3, or all of them where there are fewer.
    config : mapping, optional
        Settings of this topic, by Kafka's names: ``{"retention.ms": 3_600_000}``.

    Returns
    -------
    Topic
        As the cluster describes it, with a leader for every partition.

    Raises
    ------
    TopicConfigDiffers
        It exists with other partitions, replicas or settings; the message lists each.
    TopicRefused
        The cluster does not take that name, number or setting.

    See: Kafka documentation, section 4.1 "Topic Configs"; KIP-464 (defaults of a new topic).
    """
    settings = load_config()
    name = name or settings.topic
    asked_config = {key: config_text(value) for key, value in (config or {}).items()}
    with cluster() as client:
        if read_metadata(client, name) is None:
            brokers = len(client.describe_cluster()["brokers"])
            create(
                client,
                name,
                settings.num_partitions if num_partitions is None else num_partitions,
                min(3, brokers) if replication_factor is None else replication_factor,
                asked_config,
                brokers,
            )
        topic = describe_created(client, name)
        effective = read_configs(client, [name], "all")[name] if asked_config else {}
    _refuse_differences(topic, num_partitions, replication_factor, asked_config, effective)
    return topic


def describe_topic(name: str | None = None) -> Topic:
    """Ask the cluster for a topic: leaders, replicas in sync, offsets and settings.

    Raises
    ------
    TopicNotFound
        It is not on this cluster; the message names what is.
    """
    return ask_cluster(lambda client: describe(client, name or load_config().topic))


def list_topics(internal: bool = False) -> list[Topic]:
    """Ask the cluster for all its topics, by name.

    Parameters
    ----------
    internal : bool
        Show Kafka's own too: ``__consumer_offsets``, where groups keep their positions.
    """

    def all_topics(client: KafkaAdminClient) -> list[Topic]:
        found = [
            metadata
            for metadata in client.describe_topics()
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

    Kafka can add partitions but never take one away: the records in it would be lost. After
    adding, a key may land in another partition than before.

    Parameters
    ----------
    name : str
        The topic.
    num_partitions : int, optional
        How many it shall have in all.
    config : mapping, optional
        Settings by Kafka's names; None as a value puts one back to the broker's default.

    Returns
    -------
    Topic
        As it is once the change has reached the brokers.

    Raises
    ------
    TopicNotFound, TopicRefused
        There is no such topic; or the cluster refuses the change, in its own words.
    """
    with cluster() as client:
        topic = describe(client, name)
        if num_partitions is not None and num_partitions != topic.num_partitions:
            add_partitions(client, topic, num_partitions)
        if config:
            set_config(client, name, config)
        return describe(client, name)


def delete_topic(name: str) -> None:
    """Delete a topic with all its records, and wait until the brokers have forgotten it.

    A consumer or producer that still uses it sees ``UnknownTopicOrPartitionError``.

    Raises
    ------
    TopicNotFound
        It is not on this cluster.
    """
    with cluster() as client:
        if read_metadata(client, name) is None:
            raise no_such_topic(client, name)
        reply = client.delete_topics([name], raise_errors=False)["topics"][0]
        raise_refusal(reply, f"topic {name!r} cannot be deleted", f"lab.describe_topic({name!r})")
        wait_until(lambda: read_metadata(client, name) is None, f"topic {name!r} to be gone")


def _refuse_differences(
    topic: Topic,
    num_partitions: int | None,
    replication_factor: int | None,
    asked_config: Mapping[str, str],
    effective: Mapping[str, str | None],
) -> None:
    """Raise `TopicConfigDiffers` with each difference and the one line that resolves them."""
    differences = []
    wishes: dict[str, Any] = {}
    if num_partitions is not None and num_partitions != topic.num_partitions:
        differences.append(f"num_partitions is {topic.num_partitions}, not {num_partitions}")
        wishes["num_partitions"] = num_partitions
    if replication_factor is not None and replication_factor != topic.replication_factor:
        differences.append(
            f"replication_factor is {topic.replication_factor}, not {replication_factor}"
        )
        wishes["replication_factor"] = replication_factor
    for key, value in asked_config.items():
        if effective.get(key) != value:
            differences.append(f"{key} is {effective.get(key, 'unknown to Kafka')}, not {value}")
            wishes.setdefault("config", {})[key] = value
    if differences:
        can_alter = (num_partitions or topic.num_partitions) >= topic.num_partitions
        can_alter = can_alter and "replication_factor" not in wishes
        raise TopicConfigDiffers(
            f"topic {topic.name!r} exists, but {'; '.join(differences)}",
            alter_line(topic, wishes) if can_alter else start_again_line(topic, wishes),
        )
