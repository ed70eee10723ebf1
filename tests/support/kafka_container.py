"""The official ``apache/kafka`` image in a container, with a listener that requires a login."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from require import require

from labkit.broker.broker_for_tests import LISTENERS, why_no_docker
from labkit.broker.broker_for_tests import KafkaContainer as PlainContainer

USER, PASSWORD = "learner", 'a "secret" \\ pass'
SECURE = "SECURE"


class KafkaContainer(PlainContainer):
    """One node with a second listener, for clients that log in as `USER` with `PASSWORD`."""

    def __init__(self) -> None:
        super().__init__(more_listeners={SECURE: 9095})
        protocols = [f"{name}:PLAINTEXT" for name in LISTENERS]
        self.with_envs(
            KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=",".join([*protocols, f"{SECURE}:SASL_PLAINTEXT"]),
            KAFKA_LISTENER_NAME_SECURE_SASL_ENABLED_MECHANISMS="PLAIN",
            KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG=login_of_the_only_user(),
        )

    @property
    def secure_bootstrap_servers(self) -> str:
        """The address for clients that log in."""
        return self.address(SECURE)


def login_of_the_only_user() -> str:
    """Return the broker's login settings: one user and a password."""
    password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="{USER}" password="{password}" user_{USER}="{password}";'
    )
    return login.replace("\\", "\\\\")  # the image writes it into a properties file as it is


@pytest.fixture(scope="session")
def docker_broker() -> Iterator[KafkaContainer]:
    """Run one broker in a container for the whole session."""
    require("docker", why_no_docker())
    with KafkaContainer() as container:
        yield container


@pytest.fixture(params=["embedded", pytest.param("docker", marks=pytest.mark.docker)])
def any_bootstrap_servers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test twice: on the embedded broker, and on the official image.

    Clients find both as they find a user's own cluster, by ``LABKIT_BOOTSTRAP_SERVERS``.
    """
    broker = request.getfixturevalue("broker" if request.param == "embedded" else "docker_broker")
    address: str = broker.bootstrap_servers
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", address)
    return address
