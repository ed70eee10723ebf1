"""A broker that wants a name and a password: a cluster as it is met at work, on this machine.

The lab's own broker lets everybody in who is on this machine. This one lets in who logs in (SASL,
mechanism PLAIN), and refuses the others. It is a second cluster, beside the lab's own, with one
node and a folder of its own; the lab is pointed at it by settings, as at any other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from labkit.broker import cluster_start, node_setup
from labkit.broker.cluster_state import (
    ClusterState,
    NodeState,
    cluster_lock,
    read_cluster,
    take_part,
)
from labkit.broker.install.kafka_jars import kafka_jars
from labkit.broker.security_properties import login, write_private
from labkit.broker.special.side_cluster import SideCluster
from labkit.core import background_workers
from labkit.core.config import Unprinted, load_config
from labkit.core.progress_bar import waiting

KIND = "secured broker"
MECHANISM = "PLAIN"


class SecuredBroker(SideCluster):
    """A broker with a lock on its door; see `start_secured_broker`.

    Its password is made anew at each start, and shows in no repr and no log.
    """

    what = "the secured broker"

    def __init__(
        self, folder: Path, cluster: ClusterState, username: str, password: SecretStr, name: str
    ) -> None:
        super().__init__(folder)
        self.name = name
        self.bootstrap_servers = cluster.bootstrap_servers
        self.cluster_id = cluster.cluster_id
        self.username = username
        self.password = password

    @property
    def variables(self) -> Mapping[str, str]:
        """The settings that point the lab at it: ``os.environ.update(secured.variables)``.

        The password prints as stars, and is itself where it is used.
        """
        return {
            "LABKIT_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "LABKIT_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "LABKIT_SASL_MECHANISM": MECHANISM,
            "LABKIT_SASL_PLAIN_USERNAME": self.username,
            "LABKIT_SASL_PLAIN_PASSWORD": Unprinted(self.password.get_secret_value()),
        }

    def stop(self, timeout_s: float = 60.0) -> None:
        """End it. Its records stay on disk, and the lab is no longer pointed at it."""
        for variable, value in self.variables.items():
            if os.environ.get(variable) == value:
                del os.environ[variable]
        super().stop(timeout_s)

    def __repr__(self) -> str:
        how = "lets in" if self.is_running else "stopped; it let in"
        return f"<SecuredBroker at {self.bootstrap_servers}: {how} {self.username}, by password>"


def start_secured_broker(username: str = "ada", *, name: str = "secured-broker") -> SecuredBroker:
    """Start a real broker that wants a login, in a folder of its own, on this machine alone.

    Clients, and the broker's own listeners for itself, log in by SASL with the mechanism PLAIN: a
    name and a password, as they are. On a network that goes only inside of TLS (``SASL_SSL``);
    here the password never leaves the machine.

    Parameters
    ----------
    username : str
        Who may log in. The password is made here: ``secured.password``.
    name : str
        Its name in the lab. What ran under that name is stopped first.

    Returns
    -------
    SecuredBroker
        It listens when this returns. With ``bootstrap_servers``, ``username``, ``password``,
        ``variables`` (what points the lab at it) and ``stop()``.

    Raises
    ------
    BrokerUnavailable
        It did not start.

    See: Kafka documentation, "Authentication using SASL/PLAIN"; RFC 4616.
    """
    folder = load_config().state_dir / "secured"
    background_workers.replace(name)
    password = SecretStr(secrets.token_urlsafe(18))
    with waiting("Starting a broker that wants a password"), cluster_lock(folder):
        cluster = cluster_start.plan(read_cluster(folder), 1, 0, folder)
        take_part(cluster, folder, keep=False)
        jars = kafka_jars()
        (one,) = cluster.nodes
        settings = folder / one.name / "server.properties"

        def command(one: NodeState, log: Path) -> list[str]:
            own = folder / one.name
            node_setup.format_data(one, own, jars, cluster.cluster_id)
            write_private(settings, secured_properties(one, own / "data", username, password))
            return node_setup.command(jars, load_config().broker_heap_mb, settings, log)

        try:
            cluster = cluster_start.start_processes(cluster, folder, [one], command, kind=KIND)
        finally:
            settings.unlink(missing_ok=True)  # it has been read, and the password is in it
    secured = SecuredBroker(folder, cluster, username, password, name)
    background_workers.register(secured)
    return secured


def secured_properties(
    one: NodeState, data_dir: Path, username: str, password: SecretStr
) -> dict[str, str]:
    """Return the ``server.properties`` of a node on which every listener wants a login.

    The node is its own client, too: as a broker of its controller, and of its transactions. So it
    has a name and a password of its own.
    """
    own = secrets.token_urlsafe(18)
    users = {f"user_{username}": password.get_secret_value(), "user_broker": own}
    jaas = login(MECHANISM, username="broker", password=own, **users)
    of_each_listener = {
        f"listener.name.{listener}.{key}": value
        for listener in ("clients", "controller")
        for key, value in {
            "sasl.enabled.mechanisms": MECHANISM,
            f"{MECHANISM.lower()}.sasl.jaas.config": jaas,
        }.items()
    }
    return {
        **node_setup.properties(one, [one], data_dir),
        "listeners": f"CLIENTS://{one.address},CONTROLLER://127.0.0.1:{one.controller_port}",
        "advertised.listeners": f"CLIENTS://{one.address}",
        "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "sasl.mechanism.controller.protocol": MECHANISM,
        **of_each_listener,
    }
