"""A second broker whose ``advertised.listeners`` a lesson sets wrong, and right again.

It is a cluster of one node in a separate folder, so the experiment cannot affect the lab's broker,
its topics or other notebooks.
"""

from __future__ import annotations

import re
from pathlib import Path

from labkit.broker import cluster_start, node_setup
from labkit.broker.cluster_state import ClusterState, NodeState, cluster_lock, read_cluster
from labkit.broker.lesson_brokers.side_cluster import SideCluster, start_one_node
from labkit.broker.security_properties import read_properties
from labkit.core import background_workers
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable
from labkit.core.progress_bar import waiting

SETTING = "advertised.listeners"


class SecondBroker(SideCluster):
    """A broker that is not the lab's own; see `start_second_broker`."""

    name = "second-broker"
    what = "the second broker"

    @property
    def bootstrap_servers(self) -> str:
        """The address where it listens; the one it advertises may differ."""
        return _known(self._folder).bootstrap_servers

    @property
    def cluster_id(self) -> str:
        """The id of its cluster, which is not the lab's own."""
        return _known(self._folder).cluster_id

    @property
    def settings_file(self) -> Path:
        """Its ``server.properties``, as of the last start."""
        return self._folder / "node-1" / "server.properties"

    def restart(self, advertised_listeners: str | None = None) -> None:
        """Stop it, and start it again on its port; its records stay.

        Parameters
        ----------
        advertised_listeners : str, optional
            As for `start_second_broker`; by default as it was.

        Raises
        ------
        BrokerUnavailable
            It does not start; the message has Kafka's own words.
        """
        _check(advertised_listeners)
        setting = advertised_listeners or read_properties(self.settings_file).get(SETTING)
        with waiting("Restarting the second broker"), cluster_lock(self._folder):
            cluster_start.stop(_known(self._folder), self._folder)
            _start(self._folder, setting)

    def __repr__(self) -> str:
        how = "listens" if self.is_running else "stopped; it listened"
        return f"<SecondBroker: {how} at {self.bootstrap_servers}>"


def start_second_broker(advertised_listeners: str | None = None) -> SecondBroker:
    """Start a second real broker beside the lab's own, with a given advertised address.

    A broker *listens* at one address (``listeners``) and tells its clients another or the same one
    (``advertised.listeners``). Behind Docker or a gateway they must differ, and Kafka does not
    check whether the second leads anywhere.

    Parameters
    ----------
    advertised_listeners : str, optional
        The setting of that name in its ``server.properties``, such as
        ``"PLAINTEXT://127.0.0.1:9"``; by default the address where it listens.

    Returns
    -------
    SecondBroker
        It listens when this returns; one that ran before was stopped. With ``bootstrap_servers``,
        ``settings_file``, ``restart()`` and ``stop()``.

    Raises
    ------
    BrokerUnavailable
        It did not start; the message has Kafka's own words.

    See: Kafka documentation, "Broker Configs", ``advertised.listeners``.
    """
    _check(advertised_listeners)
    folder = load_config().state_dir / SecondBroker.name
    background_workers.replace(SecondBroker.name)
    with waiting("Starting a second broker"), cluster_lock(folder):
        _start(folder, advertised_listeners)
    broker = SecondBroker(folder)
    background_workers.register(broker)
    return broker


def find_second_broker() -> SecondBroker:
    """Return the second broker that runs in this lab.

    Raises
    ------
    BrokerUnavailable
        None does.
    """
    broker = SecondBroker(load_config().state_dir / SecondBroker.name)
    if not broker.is_running:
        raise BrokerUnavailable("no second broker runs in this lab", "lab.start_second_broker()")
    return broker


def _check(advertised_listeners: str | None) -> None:
    """Refuse an address without its listener's name before the running broker is stopped."""
    for one in (advertised_listeners or "").split(","):
        if one and not re.fullmatch(r"\s*[A-Z_]+://[^:/]*:\d+\s*", one):
            raise BrokerUnavailable(
                f"{one.strip()!r} is not an address of a listener: it begins with the listener's "
                "name, here PLAINTEXT, then come ://, the host, a colon and the port. The broker "
                "was left as it is",
                'advertised_listeners="PLAINTEXT://HOST:PORT"   (with your host and port)',
            )


def _start(folder: Path, advertised_listeners: str | None) -> None:
    def properties(one: NodeState, data_dir: Path) -> dict[str, str]:
        settings = node_setup.properties(one, [one], data_dir)
        if advertised_listeners is not None:
            settings[SETTING] = advertised_listeners
        return settings

    start_one_node(folder, "second broker", properties)


def _known(folder: Path) -> ClusterState:
    cluster = read_cluster(folder)
    if cluster is None:
        raise BrokerUnavailable("this lab has no second broker yet", "lab.start_second_broker()")
    return cluster
