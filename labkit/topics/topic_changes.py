"""The changes themselves: what is sent to the cluster, and its refusals in plain words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType

from labkit.core.errors import BrokerUnavailable, TopicRefused
from labkit.topics.topic_metadata import METADATA_TIMEOUT_S, read_configs, read_metadata
from labkit.topics.topic_model import Topic

ConfigValue = str | int | float | bool


def create(
    client: KafkaAdminClient,
    name: str,
    num_partitions: int,
    replication_factor: int,
    config: Mapping[str, str],
    brokers: int,
) -> None:
    """Create a topic and wait until the broker that is asked names a leader for each partition."""
    wish = {
        "num_partitions": num_partitions,
        "replication_factor": replication_factor,
        "configs": dict(config),
    }
    reply = client.create_topics({name: wish}, raise_errors=False)["topics"][0]
    if reply["error_code"] == kafka_errors.TopicAlreadyExistsError.errno:
        return  # someone created it in the same moment: the caller compares, as with any other
    hint = f"lab.ensure_topic({name!r})"
    if reply["error_code"] == kafka_errors.InvalidReplicationFactorError.errno:
        hint = f"lab.ensure_topic({name!r}, replication_factor={min(3, brokers)})"
    raise_refusal(reply, f"topic {name!r} cannot be created", hint)
    client.wait_for_topics([name], timeout_ms=METADATA_TIMEOUT_S * 1000)


def add_partitions(client: KafkaAdminClient, topic: Topic, num_partitions: int) -> None:
    """Bring a topic to ``num_partitions`` and wait until each has a leader."""
    if num_partitions < topic.num_partitions:
        msg = (
            f"topic {topic.name!r} has {topic.num_partitions} partitions and cannot have "
            f"{num_partitions}: Kafka never takes a partition away, its records would be lost"
        )
        raise TopicRefused(msg, start_again_line(topic, {"num_partitions": num_partitions}))
    response = client.create_partitions({topic.name: num_partitions}, raise_errors=False)
    reply = response.to_dict()["results"][0]
    raise_refusal(
        reply,
        f"topic {topic.name!r} gets no more partitions",
        f"lab.describe_topic({topic.name!r})",
    )

    def all_led() -> bool:
        found = read_metadata(client, topic.name)
        leaders = [partition["leader_id"] for partition in found["partitions"]] if found else []
        return len(leaders) == num_partitions and min(leaders) >= 0

    wait_until(all_led, f"{num_partitions} partitions of {topic.name!r} with a leader")


def set_config(
    client: KafkaAdminClient, name: str, config: Mapping[str, ConfigValue | None]
) -> None:
    """Set or reset settings of a topic and wait until the broker shows them."""
    known = read_configs(client, [name], "all")[name]
    for key in config:
        if key not in known:
            near = get_close_matches(key, known, n=3) or ["retention.ms"]
            msg = f"Kafka has no topic setting {key!r}; near it: {', '.join(near)}"
            raise TopicRefused(msg, f"lab.alter_topic({name!r}, config={{{near[0]!r}: ...}})")
    changes = {
        key: (AlterConfigOp.DELETE, None)
        if value is None
        else (AlterConfigOp.SET, config_text(value))
        for key, value in config.items()
    }
    resource = ConfigResource(ConfigResourceType.TOPIC, name, changes)
    result = client.alter_configs([resource])["topic"][name]
    if result != "OK":
        msg = f"the settings of topic {name!r} stay as they were: {result}"
        raise TopicRefused(msg, f"lab.describe_topic({name!r})")

    def applied() -> bool:
        own = read_configs(client, [name], "modified")[name]
        return all(
            own.get(key) == (None if value is None else config_text(value))
            for key, value in config.items()
        )

    wait_until(applied, f"the settings of {name!r}")


def alter_line(topic: Topic, wishes: Mapping[str, Any]) -> str:
    """Write the line that gives a topic what is wished for, for a cell and for a terminal."""
    words = ["labkit topics alter", topic.name]
    if "num_partitions" in wishes:
        words.append(f"--partitions {wishes['num_partitions']}")
    words += [f"--config {key}={value}" for key, value in wishes.get("config", {}).items()]
    call = ", ".join([repr(topic.name), *_keywords(wishes)])
    return f"lab.alter_topic({call})   # in a terminal: {' '.join(words)}"


def start_again_line(topic: Topic, wishes: Mapping[str, Any]) -> str:
    """Write the line that gives what only a new topic can have, and say what that costs."""
    wishes = {"num_partitions": topic.num_partitions, **wishes}
    if topic.config:
        wishes["config"] = {**topic.config, **wishes.get("config", {})}
    call = ", ".join([repr(topic.name), *_keywords(wishes)])
    lost = "its records" if topic.records is None else f"its {topic.records:,} records"
    cost = "" if topic.records == 0 else f"   # {lost} are lost"
    return f"lab.delete_topic({topic.name!r}); lab.ensure_topic({call}){cost}"


def _keywords(wishes: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value!r}" for key, value in wishes.items()]


def raise_refusal(reply: Mapping[str, Any], what: str, next_line: str) -> None:
    """Raise `TopicRefused` in the cluster's own words, if its reply is an error."""
    if reply["error_code"]:
        error = kafka_errors.for_code(reply["error_code"])
        reason = reply.get("error_message") or error.description or error.__name__
        raise TopicRefused(f"{what}: {reason}", next_line)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a change to reach the brokers, which the controller does not wait for."""
    deadline = time.monotonic() + METADATA_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            msg = f"the brokers did not show {what} within {METADATA_TIMEOUT_S:g} s"
            raise BrokerUnavailable(msg, "labkit doctor")
        time.sleep(0.05)


def config_text(value: ConfigValue) -> str:
    """Write a setting as Kafka does: true and false in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)
