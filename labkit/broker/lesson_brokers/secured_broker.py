"""A broker with TLS that requires a login: a cluster as in most companies, on this machine.

The lab's own broker accepts every client on this machine. This one encrypts (TLS), accepts clients
that log in (SASL, mechanism PLAIN), and refuses others. It is a second cluster with one node in a
separate folder; settings point the lab at it, as at any other cluster.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from labkit.broker import cluster_start, node_setup
from labkit.broker.certificates import listener_properties, write_pair
from labkit.broker.cluster_state import ClusterState, NodeState, cluster_lock, read_cluster
from labkit.broker.lesson_brokers.side_cluster import SideCluster, start_one_node
from labkit.broker.security_properties import login
from labkit.core import background_workers
from labkit.core.config import Unprinted, load_config
from labkit.core.progress_bar import waiting

if TYPE_CHECKING:
    from trustme import CA

PROTOCOL, MECHANISM = "SASL_SSL", "PLAIN"
CA_FILE, CERTIFICATE, KEY_STORE = "ca.pem", "broker.pem", "broker.both.pem"


class SecuredBroker(SideCluster):
    """A broker with TLS that requires a login; see `start_secured_broker`.

    Password, certificate and authority are new at each start. The password is in no repr and no
    log, and the authority's key in no file.
    """

    what = "the secured broker"

    def __init__(
        self,
        folder: Path,
        cluster: ClusterState,
        username: str,
        password: SecretStr,
        name: str,
        authority: CA,
    ) -> None:
        super().__init__(folder)
        self.name = name
        self.bootstrap_servers = cluster.bootstrap_servers
        self.cluster_id = cluster.cluster_id
        self.controller = f"127.0.0.1:{cluster.nodes[0].controller_port}"
        self._authority = authority
        self.username = username
        self.password = password

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority (CA) that signed the broker's own, as a PEM file."""
        return self._folder / CA_FILE

    @property
    def variables(self) -> Mapping[str, str]:
        """The settings that point the lab at it: ``os.environ.update(secured.variables)``.

        The password prints as stars.
        """
        return {
            "LABKIT_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "LABKIT_SECURITY_PROTOCOL": PROTOCOL,
            "LABKIT_SSL_CAFILE": str(self.ca_file),
            "LABKIT_SASL_MECHANISM": MECHANISM,
            "LABKIT_SASL_PLAIN_USERNAME": self.username,
            "LABKIT_SASL_PLAIN_PASSWORD": Unprinted(self.password.get_secret_value()),
        }

    def issue_certificate(self, name: str) -> Path:
        """Write a new certificate for it, of the same authority; the broker does not use it yet.

        Returns
        -------
        Path
            Certificate and key in one file, relative to the folder in which the broker runs.
        """
        _issue(self._authority, self._folder / name)
        return Path("..", name).with_suffix(".both.pem")

    def restart(self) -> None:
        """Stop it, and start it again with a new certificate.

        Port, password, authority and records stay.
        """
        with waiting("Restarting the secured broker"), cluster_lock(self._folder):
            known = read_cluster(self._folder)
            if known is not None:
                cluster_start.stop(known, self._folder)
            _issue(self._authority, self._folder / CERTIFICATE)
            _start(self._folder, self.username, self.password)

    def stop(self, timeout_s: float = 60.0) -> None:
        """Stop it. Its records stay on disk, and the settings no longer point to it."""
        for variable, value in self.variables.items():
            if os.environ.get(variable) == value:
                del os.environ[variable]
        super().stop(timeout_s)

    def __repr__(self) -> str:
        how = "lets in" if self.is_running else "stopped; it let in"
        return f"<SecuredBroker at {self.bootstrap_servers}: {how} {self.username}, by password>"


def start_secured_broker(
    username: str = "ada", *, name: str = "secured-broker", expires_at: datetime | None = None
) -> SecuredBroker:
    """Start a real broker with TLS that requires a login, on this machine only.

    Clients, and the broker's own connections, log in by SASL with the mechanism PLAIN, which sends
    name and password as they are. So the connection is encrypted (``SASL_SSL``), and a client
    first checks the broker's certificate, for which it needs ``secured.ca_file``.

    Parameters
    ----------
    username : str
        The user. A password is generated: ``secured.password``.
    name : str
        Its name in the lab. A running one of that name is stopped first.
    expires_at : datetime, optional
        When its certificate expires; by default, in some hundred years.

    Returns
    -------
    SecuredBroker
        It listens when this returns. With ``bootstrap_servers``, ``ca_file``, ``username``,
        ``password``, ``variables`` (the settings that point the lab at it) and ``stop()``.

    Raises
    ------
    BrokerUnavailable
        It did not start.

    See: Kafka documentation, "Authentication using SASL/PLAIN"; RFC 4616; KIP-651 (PEM files).
    """
    import trustme  # takes a third of a second

    folder = load_config().state_dir / "secured"
    background_workers.replace(name)
    password = SecretStr(secrets.token_urlsafe(18))
    authority = trustme.CA(organization_name="labkit")
    with waiting("Starting a broker that wants a password"), cluster_lock(folder):
        authority.cert_pem.write_to_path(folder / CA_FILE)
        _issue(authority, folder / CERTIFICATE, expires_at)
        cluster = _start(folder, username, password)
    secured = SecuredBroker(folder, cluster, username, password, name, authority)
    background_workers.register(secured)
    return secured


def _start(folder: Path, username: str, password: SecretStr) -> ClusterState:
    """Start the node; called under the folder's lock."""
    try:
        return start_one_node(
            folder,
            "secured broker",
            lambda one, data_dir: secured_properties(one, data_dir, username, password),
        )
    finally:  # it has been read, and contains the password
        (folder / "node-1" / "server.properties").unlink(missing_ok=True)


def _issue(authority: CA, path: Path, expires_at: datetime | None = None) -> None:
    """Write a certificate for the broker, always with the same name in it.

    A running broker takes a new certificate only if its name is that of the old one
    (``ssl.allow.dn.changes``).
    """
    leaf = authority.issue_cert(
        *("127.0.0.1", "localhost"),
        organization_name="labkit",
        organization_unit_name="secured broker",
        not_after=expires_at,
    )
    write_pair(path, leaf)


def secured_properties(
    one: NodeState, data_dir: Path, username: str, password: SecretStr
) -> dict[str, str]:
    """Return the ``server.properties`` of a node whose listeners all require a login.

    The controller's listener has no TLS: it talks to this node alone.

    The node is also a client of itself: of its controller, and for transactions. So it has a user
    name and a password, too.
    """
    own = secrets.token_urlsafe(18)
    users = {f"user_{username}": password.get_secret_value(), "user_broker": own}
    jaas = login(MECHANISM, username="broker", password=own, **users)
    per_listener = {}
    for listener in ("listener.name.clients", "listener.name.controller"):
        per_listener[f"{listener}.sasl.enabled.mechanisms"] = MECHANISM
        per_listener[f"{listener}.plain.sasl.jaas.config"] = jaas
    return {
        **node_setup.properties(one, [one], data_dir),
        "listeners": f"CLIENTS://{one.address},CONTROLLER://127.0.0.1:{one.controller_port}",
        "advertised.listeners": f"CLIENTS://{one.address}",
        "listener.security.protocol.map": f"CLIENTS:{PROTOCOL},CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "sasl.mechanism.controller.protocol": MECHANISM,
        **per_listener,
        # Relative to the node's own folder, in which it runs.
        **listener_properties("CLIENTS", Path("..", KEY_STORE), Path("..", CA_FILE)),
    }
