"""A real broker with TLS, logins and ACLs, as a hosted Kafka has them: one for a test module.

Its certificates are made by trustme. Each listener has its own way to let clients in, or its own
fault in the broker's certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.x509 import load_pem_x509_certificate
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from waiting import wait_until

import labkit as lab
from labkit.broker import cluster_start, node_setup
from labkit.broker.certificates import listener_properties, write_pair
from labkit.broker.cluster_state import NodeState, cluster_lock
from labkit.broker.lesson_brokers.side_cluster import start_one_node
from labkit.broker.security_properties import login

USER, PASSWORD, KEY_PASSWORD = "ada", "canary-sc-ram", "canary-k-ey"
CLIENT_NAME = "ada"
PROTOCOLS = {
    "INTERNAL": "PLAINTEXT",
    "CONTROLLER": "PLAINTEXT",
    "LOGIN": "SASL_SSL",
    "MTLS": "SSL",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
}
EVERYTHING = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
CLIENT_LISTENERS = ("LOGIN", "MTLS", "EXPIRED", "ELSEWHERE")


@dataclass(frozen=True)
class TlsBroker:
    """Where its listeners are, and the files and settings that open them."""

    addresses: Mapping[str, str]
    pem: Path

    def variables(self, listener: str, **settings: object) -> dict[str, str]:
        """Return the lab's settings for a listener, and further or other ones."""
        known: dict[str, object] = {
            "bootstrap_servers": self.addresses[listener],
            "security_protocol": PROTOCOLS[listener],
        }
        if "SSL" in PROTOCOLS[listener]:
            known["ssl_cafile"] = self.pem / "ca.pem"
        if listener == "LOGIN":
            known |= {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": USER}
            known["sasl_plain_password"] = PASSWORD
        if listener == "MTLS":
            known |= {"ssl_certfile": self.pem / "client.pem", "ssl_password": KEY_PASSWORD}
            known["ssl_keyfile"] = self.pem / "client.key"
        known |= settings
        return {f"LABKIT_{key.upper()}": str(one) for key, one in known.items() if one is not None}

    @property
    def principal(self) -> str:
        """The user that the cluster takes the client's certificate for: its whole subject."""
        certificate = load_pem_x509_certificate((self.pem / "client.pem").read_bytes())
        # As Java writes it: trustme's names contain a "#", which Java escapes everywhere.
        return f"User:{certificate.subject.rfc4514_string()}".replace("#", "\\#")

    def admin(self) -> KafkaAdminClient:
        """Return an administrator's client, by the listener inside the cluster."""
        return KafkaAdminClient(bootstrap_servers=self.addresses["INTERNAL"])

    def producer(self) -> KafkaProducer:
        """Return an administrator's producer."""
        return KafkaProducer(bootstrap_servers=self.addresses["INTERNAL"])

    def add_user(self, name: str) -> None:
        """Add a user who may log in by SCRAM, with the password of all."""
        with self.admin() as client:
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
                user = UserScramCredentialUpsertion(name, mechanism, PASSWORD)
                assert client.alter_user_scram_credentials([user]) == {name: None}

    def allow(
        self,
        kind: ResourceType,
        name: str,
        *operations: ACLOperation,
        principals: Sequence[str] = (),
    ) -> None:
        """Allow operations, by default the one user, by either way in; and wait for it."""
        rules = [
            ACL(principal, "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
            for principal in principals or (f"User:{USER}", self.principal)
            for operation in operations
        ]
        with self.admin() as client:
            client.create_acls(rules)
            all_rules = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, EVERYTHING)

            def are_known() -> bool:
                found, _ = client.describe_acls(all_rules)
                return set(rules) <= set(found)

            wait_until(are_known, "the broker knows the new ACLs")


def write_certificates(folder: Path) -> None:
    """Write the authorities, the broker's certificates and the clients' as PEM files."""
    folder.mkdir()
    ours, others = trustme.CA(organization_name="the lab"), trustme.CA(organization_name="another")
    ours.cert_pem.write_to_path(folder / "ca.pem")
    others.cert_pem.write_to_path(folder / "other-ca.pem")
    now = datetime.now(UTC)
    past = {"not_before": now - timedelta(days=30), "not_after": now - timedelta(days=1)}
    write_pair(folder / "LOGIN", ours.issue_cert("127.0.0.1", "localhost"))
    write_pair(folder / "MTLS", ours.issue_cert("127.0.0.1", "localhost"))
    write_pair(folder / "EXPIRED", ours.issue_cert("127.0.0.1", **past))
    write_pair(folder / "ELSEWHERE", ours.issue_cert("kafka.example.com"))
    write_pair(
        folder / "client", ours.issue_cert("ada.client", common_name=CLIENT_NAME), KEY_PASSWORD
    )
    write_pair(folder / "stranger", others.issue_cert("ada.client", common_name=CLIENT_NAME))
    write_pair(folder / "late", ours.issue_cert("ada.client", common_name=CLIENT_NAME, **past))


def server_properties(
    ports: Mapping[str, int], folder: Path
) -> Callable[[NodeState, Path], Mapping[str, str]]:
    """Return what makes a node's ``server.properties``."""

    def properties(one: NodeState, data_dir: Path) -> dict[str, str]:
        own = {"INTERNAL": one.port, **ports}
        per_listener: dict[str, str] = {}
        for listener in CLIENT_LISTENERS:
            key_store = folder / f"{listener}.both.pem"
            per_listener |= listener_properties(listener, key_store, folder / "ca.pem")
        logins = "listener.name.login"
        users = {f"user_{USER}": PASSWORD}
        return {
            **node_setup.properties(one, [one], data_dir),
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in own.items())
            + f",CONTROLLER://127.0.0.1:{one.controller_port}",
            "advertised.listeners": ",".join(
                f"{name}://127.0.0.1:{port}" for name, port in own.items()
            ),
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in PROTOCOLS.items()
            ),
            "inter.broker.listener.name": "INTERNAL",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",  # the listeners inside the cluster
            "listener.name.mtls.ssl.client.auth": "required",
            f"{logins}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f"{logins}.plain.sasl.jaas.config": login("PLAIN", **users),
            f"{logins}.scram-sha-256.sasl.jaas.config": login("SCRAM-SHA-256"),
            f"{logins}.scram-sha-512.sasl.jaas.config": login("SCRAM-SHA-512"),
            **per_listener,
        }

    return properties


@pytest.fixture(scope="module")
def tls_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsBroker]:
    """Run such a broker for the tests of a module."""
    folder = tmp_path_factory.mktemp("tls")
    write_certificates(folder / "pem")
    ports = dict(zip(CLIENT_LISTENERS, node_setup.free_ports(len(CLIENT_LISTENERS)), strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        with cluster_lock(folder / "broker"):
            cluster = start_one_node(
                folder / "broker", "TLS broker", server_properties(ports, folder / "pem")
            )
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    addresses["INTERNAL"] = cluster.bootstrap_servers
    broker = TlsBroker(addresses, folder / "pem")
    try:
        broker.add_user(USER)
        yield broker
    finally:
        lab.stop_all()
        cluster_start.stop_cluster(folder / "broker")
