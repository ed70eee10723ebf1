"""Waits: until a topic is there, or until the brokers show a change of it.

The controller answers a request before it has informed the brokers, so what it changed is not yet
what they answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from kafka import KafkaAdminClient

from labkit.core.errors import BrokerUnavailable, TopicNotFound
from labkit.core.wait_until import wait_until
from labkit.topics.topic_metadata import (
    METADATA_TIMEOUT_S,
    ask_cluster,
    describe,
    read_configs,
    read_metadata,
)
from labkit.topics.topic_refusals import ConfigValue, config_text

WAIT_FOR_TOPIC_S = 1.0  # how often to look for a topic that is waited for
SAY_AGAIN_S = 60.0


def wait_for_topic(name: str, stop: threading.Event, say: Callable[[str], None]) -> bool:
    """Wait until a broker answers and has a topic; return False if told to stop before.

    ``say`` is called with the reason at once, and then once a minute.
    """
    say_at = 0.0
    while not stop.is_set():
        try:
            ask_cluster(lambda client: describe(client, name))
        except (BrokerUnavailable, TopicNotFound) as error:
            if time.monotonic() >= say_at:
                say_at = time.monotonic() + SAY_AGAIN_S
                say(f"Waiting for the topic {name}: {error.what}")
            stop.wait(WAIT_FOR_TOPIC_S)
        else:
            return True
    return False


def wait_for_partitions(client: KafkaAdminClient, name: str, num_partitions: int) -> None:
    """Wait until a topic has so many partitions, each with a leader."""

    def has_leaders() -> bool:
        found = read_metadata(client, name)
        leaders = [partition["leader_id"] for partition in found["partitions"]] if found else []
        return len(leaders) == num_partitions and min(leaders, default=-1) >= 0

    _wait_for(has_leaders, f"{num_partitions} partitions of {name!r} with a leader")


def wait_for_settings(
    client: KafkaAdminClient, name: str, config: Mapping[str, ConfigValue | None]
) -> None:
    """Wait until a topic has these settings of its own; None: it has none of that name."""
    wanted = {key: None if value is None else config_text(value) for key, value in config.items()}

    def has_settings() -> bool:
        own = read_configs(client, [name], "modified")[name]
        return all(own.get(key) == value for key, value in wanted.items())

    _wait_for(has_settings, f"the settings of {name!r}")


def wait_for_deletion(client: KafkaAdminClient, name: str) -> None:
    """Wait until a topic that was deleted is no longer listed."""
    _wait_for(lambda: read_metadata(client, name) is None, f"topic {name!r} to be gone")


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    def error() -> BrokerUnavailable:
        msg = f"the brokers did not show {what} within {METADATA_TIMEOUT_S:g} s"
        return BrokerUnavailable(msg, "labkit doctor")

    wait_until(condition, METADATA_TIMEOUT_S, error)
