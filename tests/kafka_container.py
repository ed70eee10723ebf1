"""The official ``apache/kafka`` image as a test container.

A broker must advertise the address that its clients use, and the port on this machine is known
only once the container runs. So the container starts by waiting; when the port is known, a script
that exports the address and starts the broker is copied in, and after it a marker that says the
script is complete.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Self

import docker
import psutil
import pytest
from docker.errors import DockerException, NotFound
from require import require
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

IMAGE = "apache/kafka:4.3.1"
CLIENT_PORT = 9092
BROKER_PORT = 9093
CONTROLLER_PORT = 9094
SECURE_PORT = 9095
USER, PASSWORD = "learner", 'a "secret" \\ pass'
SCRIPT = "/tmp/testcontainers_start.sh"
MARKER = "/tmp/testcontainers_start.done"
STARTUP_TIMEOUT_S = 90
LABEL = "labkit.test-pid"


class KafkaContainer(DockerContainer):
    """One Kafka node, broker and controller, reachable on 127.0.0.1 alone."""

    def __init__(self, image: str = IMAGE) -> None:
        super().__init__(image, labels={LABEL: str(os.getpid())})
        for port in (CLIENT_PORT, SECURE_PORT):
            self.ports[f"{port}/tcp"] = ("127.0.0.1", None)  # any free port, on loopback
        self.with_command(["sh", "-c", f"while [ ! -f {MARKER} ]; do sleep 0.1; done; sh {SCRIPT}"])
        self.with_envs(
            CLUSTER_ID="4L6g3nShT-eMCtK--X86sw",
            KAFKA_NODE_ID="1",
            KAFKA_PROCESS_ROLES="broker,controller",
            KAFKA_CONTROLLER_QUORUM_VOTERS=f"1@localhost:{CONTROLLER_PORT}",
            KAFKA_LISTENERS=(
                f"PLAINTEXT://:{CLIENT_PORT},BROKER://:{BROKER_PORT},"
                f"CONTROLLER://:{CONTROLLER_PORT},SECURE://:{SECURE_PORT}"
            ),
            KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=(
                "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_PLAINTEXT"
            ),
            KAFKA_LISTENER_NAME_SECURE_SASL_ENABLED_MECHANISMS="PLAIN",
            KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG=login_of_the_only_user(),
            KAFKA_INTER_BROKER_LISTENER_NAME="BROKER",
            KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
            KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
            KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
            KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS="1",
            KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
            KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
            KAFKA_HEAP_OPTS="-Xmx512M",
        )

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients on this machine."""
        return f"127.0.0.1:{self.get_exposed_port(CLIENT_PORT)}"

    @property
    def secure_bootstrap_servers(self) -> str:
        """The address for clients that log in, as `USER` with `PASSWORD`."""
        return f"127.0.0.1:{self.get_exposed_port(SECURE_PORT)}"

    def start(self) -> Self:
        """Start the container, tell the broker its address, and wait until it takes requests."""
        super().start()
        hostname = self.get_wrapped_container().attrs["Config"]["Hostname"]
        advertised = (
            f"PLAINTEXT://{self.bootstrap_servers},BROKER://{hostname}:{BROKER_PORT},"
            f"SECURE://{self.secure_bootstrap_servers}"
        )
        script = (
            f"export KAFKA_ADVERTISED_LISTENERS={advertised}\nexec /etc/kafka/docker/run\n"
        ).encode()
        self.copy_into_container(script, SCRIPT, mode=0o755)
        self.copy_into_container(b"", MARKER)
        ready = LogMessageWaitStrategy(r".*Transitioning from RECOVERY to RUNNING.*")
        ready.with_startup_timeout(STARTUP_TIMEOUT_S).wait_until_ready(self)
        return self


def login_of_the_only_user() -> str:
    """Write the broker's side of the login: who may come in."""
    password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="{USER}" password="{password}" user_{USER}="{password}";'
    )
    return login.replace("\\", "\\\\")  # the image writes it into a properties file as it is


@cache
def why_no_docker() -> str | None:
    """Return why no container can be run here; None: it can."""
    with warnings.catch_warnings():
        # docker leaves the socket of an engine that does not answer to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        reason = _ask_docker()
        gc.collect()
    return reason


def _ask_docker() -> str | None:
    try:
        client = docker.from_env(timeout=10)
        try:
            client.images.get(IMAGE)
        finally:
            client.close()
    except NotFound:
        return f"the image {IMAGE} is not here: docker pull {IMAGE}"
    except DockerException as error:
        return f"no Docker engine answers ({error})"
    return None


@pytest.fixture(scope="session")
def docker_broker() -> Iterator[KafkaContainer]:
    """One broker in a container for the whole run; removed at its end."""
    require("docker", why_no_docker())
    # testcontainers' cleaner is an image of its own, which is often not there; we clean up here.
    testcontainers_config.ryuk_disabled = True
    # The port is published on this machine's loopback, also where this machine is a container.
    testcontainers_config.connection_mode_override = ConnectionMode.docker_host
    remove_leftovers()
    with KafkaContainer() as container:
        yield container


def remove_leftovers() -> None:
    """Remove the containers of test runs that were killed before they could."""
    client = docker.from_env()
    for container in client.containers.list(all=True, filters={"label": LABEL}):
        if not psutil.pid_exists(int(container.labels[LABEL])):
            container.remove(force=True, v=True)
    client.close()


@pytest.fixture(params=["embedded", pytest.param("docker", marks=pytest.mark.docker)])
def any_bootstrap_servers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test twice: on the lab's own broker, and on the official image.

    Both are reached as a user's own cluster is, by ``LABKIT_BOOTSTRAP_SERVERS``.
    """
    broker = request.getfixturevalue("broker" if request.param == "embedded" else "docker_broker")
    address: str = broker.bootstrap_servers
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", address)
    return address
