"""An experiment's own topic: empty at the start, whatever was run before."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from labkit import worker
from labkit.config import dead_letter_topic, load_config
from labkit.errors import TopicRefused
from labkit.segments import topic_dir
from labkit.topic_changes import ConfigValue
from labkit.topic_view import Topic
from labkit.topics import delete_topic, ensure_topic, list_topics


def fresh_topic(
    name: str,
    num_partitions: int = 3,
    replication_factor: int | None = None,
    config: Mapping[str, ConfigValue] | None = None,
    *,
    data_dir: str | Path | None = None,
) -> Topic:
    """Make a topic anew, for an experiment that starts from nothing.

    What an earlier run left under this name goes first: what this notebook still runs on it, the
    topic and its dead-letter queue with their records, and its CSV. Kafka itself then forgets the
    offsets that groups have committed for it.

    Parameters
    ----------
    name : str
        The experiment's topic. The lab's own topic is refused: its records are to be kept.
    num_partitions, replication_factor, config : optional
        As for `labkit.ensure_topic`.
    data_dir : path, optional
        The data folder that holds the topic's CSV; a relative one lies in the lab's folder.

    Returns
    -------
    Topic
        Without a record, and with an id that no topic had before.

    Raises
    ------
    TopicRefused
        It is the lab's own topic, or the cluster does not take that name or number.
    """
    settings = load_config()
    if name == settings.topic:
        msg = f"{name!r} is the lab's own topic, and its records would be lost"
        raise TopicRefused(msg, f"lab.fresh_topic({name + '-experiment'!r})")
    for thing in worker.running():
        if getattr(thing, "topic", None) == name:
            worker.replace(thing.name)
    there = {topic.name for topic in list_topics()}
    for old in (name, dead_letter_topic(name)):
        if old in there:
            delete_topic(old)
    shutil.rmtree(topic_dir(settings.data_path(data_dir), name), ignore_errors=True)
    return ensure_topic(name, num_partitions, replication_factor, config)
