"""A fresh topic or a separate cluster for an experiment."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from labkit.core import background_workers
from labkit.core.config import CLUSTERS, dead_letter_topic, load_config
from labkit.core.environment_variables import environment
from labkit.core.errors import TopicRefused
from labkit.core.run_files import runs_on
from labkit.core.wait_until import wait_until
from labkit.sink.segment_files import topic_dir
from labkit.topics.topic_arguments import refuse_wrong_arguments
from labkit.topics.topic_model import Topic
from labkit.topics.topic_refusals import ConfigValue
from labkit.topics.topics import (
    delete_topic,
    ensure_topic,
    list_topics,
    refuse_impossible_topic,
)

USERS_END_S = 8.0
"""How long a program of a kernel that was restarted may take to end."""


def fresh_topic(
    name: str,
    num_partitions: int = 3,
    replication_factor: int | None = None,
    config: Mapping[str, ConfigValue] | None = None,
    *,
    data_dir: str | Path | None = None,
) -> Topic:
    """Create an empty topic for an experiment, replacing what an earlier run left.

    It first stops what this notebook still runs on that topic, and deletes the topic, its
    dead-letter queue and its CSV. Kafka then forgets the offsets that groups have committed for it.

    Parameters
    ----------
    name : str
        The experiment's topic. The lab's own topic is refused while another program uses it, and if
        it holds a table that was replayed, because that would be lost.
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
        The lab's own topic is needed, or the cluster does not take that name, number or setting.
        Nothing has been deleted then.
    """
    settings = load_config()
    refuse_wrong_arguments("fresh_topic", name, num_partitions, replication_factor, config)
    there = {topic.name: topic for topic in list_topics()}
    if name in there:
        refuse_impossible_topic("fresh_topic", name, num_partitions, replication_factor, config)
    for thing in background_workers.running():
        if getattr(thing, "topic", None) == name:
            background_workers.replace(thing.name)
            print(f"Stopped first: {background_workers.called(thing)}, which used {name!r}.")  # noqa: T201
    if name == settings.topic and name in there:
        _refuse_if_used(name)
        _refuse_if_replayed(there[name])
    for old in (name, dead_letter_topic(name)):
        if old in there:
            delete_topic(old)
    shutil.rmtree(topic_dir(settings.data_path(data_dir), name), ignore_errors=True)
    return ensure_topic(name, num_partitions, replication_factor, config)


def _refuse_if_used(name: str) -> None:
    """Refuse to empty a topic that another program uses; one that has just ended is waited for."""

    def users() -> list[dict[str, Any]]:
        return [run for kind in ("up", "producer", "consumer") for run in runs_on(name, kind)]

    try:
        wait_until(lambda: not users(), USERS_END_S)
    except TimeoutError:
        who, next_line = _whose(users())
        msg = f"the records of {name!r} are in use by {who}"
        raise TopicRefused(msg, f"{next_line}; then run this cell again") from None


def _whose(users: list[dict[str, Any]]) -> tuple[str, str]:
    """Return who uses a topic, and the mildest step that ends it: the broker goes on."""
    if ups := [run for run in users if run["kind"] == "up"]:
        return (
            f"`labkit up` (process {ups[0]['pid']})",
            "press Ctrl-C in the terminal of `labkit up`",
        )
    who = " and ".join(f"a {run['kind']} (process {run['pid']})" for run in users)
    if any(_is_of_a_notebook(run["pid"]) for run in users):
        return (
            f"{who} of another notebook",
            "lab.stop_all() in that notebook, or restart its kernel",
        )
    return f"{who} of another program", "press Ctrl-C in its terminal"


def _is_of_a_notebook(pid: int) -> bool:
    """Tell whether a process is a notebook's kernel, or was started by one."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return any("ipykernel_launcher" in one.cmdline() for one in (process, *process.parents()))
    return False


def _refuse_if_replayed(topic: Topic) -> None:
    if any((load_config().state_dir / "replay" / topic.topic_id).glob("*.json")):
        msg = f"{topic.name!r} holds a table that was replayed, and it would be lost"
        raise TopicRefused(msg, f"lab.delete_topic({topic.name!r})   (if you do not need it)")


def use_cluster(name: str | None = None) -> Path:
    """Let this notebook use a separate cluster instead of the lab's own.

    A cluster keeps its number of brokers and its records, so an experiment with three brokers needs
    another cluster than the lab's single broker. `labkit.start_broker` starts it, and what the
    notebook starts from here on uses it.

    Parameters
    ----------
    name : str, optional
        The cluster's folder, below the lab's state folder; None: back to the lab's own.

    Returns
    -------
    Path
        Where its brokers keep their records.
    """
    home = home_state_dir()
    os.environ[HOME_STATE_DIR] = str(home)
    os.environ["LABKIT_STATE_DIR"] = str(home / CLUSTERS / name if name else home)
    return load_config().state_dir / "cluster"


@contextlib.contextmanager
def home_cluster() -> Iterator[None]:
    """Use the lab's own cluster for a moment, whichever this notebook uses otherwise."""
    with environment({"LABKIT_STATE_DIR": str(home_state_dir())}):
        yield


HOME_STATE_DIR = "LABKIT_HOME_STATE_DIR"


def home_state_dir() -> Path:
    """Return the lab's own state folder, whichever cluster this notebook uses now."""
    return Path(os.environ.get(HOME_STATE_DIR) or load_config().state_dir)
