"""Why a topic is not as it was asked for, and the next line to type.

`topics` does the work; this file words what the cluster, or the lab itself, refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from labkit.broker.denied_access import denied_access
from labkit.core.errors import TopicConfigDiffers, TopicRefused
from labkit.core.text_tables import many
from labkit.topics.topic_metadata import read_configs
from labkit.topics.topic_model import Topic

ConfigValue = str | int | float | bool


def config_text(value: ConfigValue) -> str:
    """Write a setting as Kafka does: true and false in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def raise_if_not_created(
    reply: Mapping[str, Any], name: str, replicas: int, brokers: int, call: str = "ensure_topic"
) -> None:
    """Raise `TopicRefused` if the cluster did not create a topic with so many replicas.

    ``call`` is the function of the lab that asked for it, for the next line.
    """
    if reply["error_code"] == kafka_errors.TopicAlreadyExistsError.errno:
        return  # another client has just created it: it is compared as any existing topic
    what, hint = f"topic {name!r} cannot be created", f"lab.{call}({name!r})"
    if reply["error_code"] == kafka_errors.InvalidReplicationFactorError.errno:
        hint = f"lab.{call}({name!r}, replication_factor={min(3, brokers)})"
        if replicas > brokers:  # Kafka's own words also speak of log directories and cordons
            raise TopicRefused(
                f"{what}: {replicas:,} replicas of each partition need a broker each, and the "
                f"cluster has only {many(brokers, 'broker')}",
                hint,
            )
    raise_refusal(reply, what, hint, "Create", name)


def raise_refusal(
    reply: Mapping[str, Any], what: str, next_line: str, operation: str, name: str
) -> None:
    """Raise `TopicRefused` in the cluster's own words, or `AccessDenied`, if a reply is an error.

    ``operation`` and ``name`` are what was tried, in the words of Kafka's ACLs, and on which topic.
    """
    if reply["error_code"]:
        error = kafka_errors.for_code(reply["error_code"])
        if denied := denied_access(error(), operation, name):
            raise denied
        reason = reply.get("error_message") or error.description or error.__name__
        raise TopicRefused(f"{what}: {reason}", next_line)


def refuse_fewer_partitions(topic: Topic, num_partitions: int) -> None:
    """Raise `TopicRefused` if a topic would have fewer partitions than now."""
    if num_partitions < topic.num_partitions:
        msg = f"topic {topic.name!r} has {topic.num_partitions} partitions and cannot have "
        msg += f"{num_partitions}: Kafka never takes a partition away, its records would be lost"
        raise TopicRefused(msg, start_again_line(topic, {"num_partitions": num_partitions}))


def refuse_unknown_settings(
    client: KafkaAdminClient,
    name: str,
    config: Mapping[str, ConfigValue | None],
    call: str = "alter_topic",
) -> None:
    """Raise `TopicRefused` for a setting that Kafka does not have, and name similar ones.

    The names are those of a topic that exists, whichever: each topic has all of them. Without any
    topic, nothing is refused here, and the cluster refuses it in its own words.
    """
    if not config:
        return
    topics = client.list_topics()
    any_topic = name if name in topics else next(iter(topics), None)
    known = read_configs(client, [any_topic], "all")[any_topic] if any_topic else config
    if not known:  # each topic has some; kafka-python drops the error in the answer
        error = kafka_errors.TopicAuthorizationFailedError(any_topic)
        raise denied_access(error, "DescribeConfigs") or error
    for key in config:
        if key not in known:
            near = get_close_matches(key, known, n=3)
            similar = f"; similar: {', '.join(near)}" if near else ""
            example, remark = (near[0], "") if near else ("retention.ms", "   (for example)")
            raise TopicRefused(
                f"Kafka has no topic setting {key!r}{similar}",
                f"lab.{call}({name!r}, config={{{example!r}: ...}}){remark}",
            )


def refuse_differences(
    topic: Topic,
    num_partitions: int | None,
    replication_factor: int | None,
    asked_config: Mapping[str, str],
    effective: Mapping[str, str | None],
) -> None:
    """Raise `TopicConfigDiffers` with each difference and the one line that resolves them all."""
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


def alter_line(topic: Topic, wishes: Mapping[str, Any]) -> str:
    """Return the line that alters a topic as wished: for a cell, then for a terminal."""
    words = ["labkit topics alter", topic.name]
    if "num_partitions" in wishes:
        words.append(f"--partitions {wishes['num_partitions']}")
    words += [f"--config {key}={value}" for key, value in wishes.get("config", {}).items()]
    return f"lab.alter_topic({_arguments(topic, wishes)})   # in a terminal: {' '.join(words)}"


def start_again_line(topic: Topic, wishes: Mapping[str, Any]) -> str:
    """Return the line that deletes a topic and creates it as wished, and say what is lost."""
    wishes = {"num_partitions": topic.num_partitions, **wishes}
    if topic.config:
        wishes["config"] = {**topic.config, **wishes.get("config", {})}
    call = _arguments(topic, wishes)
    lost = "its records" if topic.records is None else f"its {topic.records:,} records"
    cost = "" if topic.records == 0 else f"   # {lost} are lost"
    return f"lab.delete_topic({topic.name!r}); lab.ensure_topic({call}){cost}"


def _arguments(topic: Topic, wishes: Mapping[str, Any]) -> str:
    return ", ".join([repr(topic.name), *(f"{key}={value!r}" for key, value in wishes.items())])
