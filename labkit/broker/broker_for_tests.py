"""Test support: a real broker for a test, in a container or the lab's own.

Nothing in the lab's stages imports this module. If a Docker engine has the official image,
`broker_for_tests` runs it with *testcontainers* and removes it afterwards; otherwise it starts the
lab's broker. Either way the test gets an address.

Needs ``testcontainers`` for the first way: ``pip install "labkit[test]"``.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from typing import Self

import psutil

from labkit.broker.broker import start_broker
from labkit.core.errors import LabError

try:
    import docker
    from docker.errors import DockerException, NotFound
    from testcontainers.core.config import ConnectionMode, testcontainers_config
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy
except ImportError as error:
    msg = (
        "labkit.broker.broker_for_tests needs testcontainers, which is not installed in this Python"
    )
    raise LabError(msg, f"{sys.executable} -m pip install pytest testcontainers") from error

IMAGE = "apache/kafka:4.3.1"
CLIENT_PORT = 9092
LISTENERS = {"PLAINTEXT": CLIENT_PORT, "BROKER": 9093, "CONTROLLER": 9094}
SCRIPT = "/labkit_start.sh"  # in the container
MARKER = "/labkit_start.done"
STARTUP_TIMEOUT_S = 90
LABEL = "labkit.test-pid"


class KafkaContainer(DockerContainer):
    """A Kafka node, broker and controller, reachable on 127.0.0.1 only.

    A broker must advertise the address that its clients use, and the port on this machine is known
    only once the container runs. So the container first waits; then a script that exports the
    address and starts the broker is copied in, and after it a marker that the script is complete.

    Parameters
    ----------
    image : str
        The image, with the same configuration layout as ``apache/kafka``.
    more_listeners : mapping, optional
        Further listeners for clients: name and port in the container.

    See: Testcontainers for Java, ``KafkaContainer``, for the order of the steps.
    """

    def __init__(self, image: str = IMAGE, more_listeners: Mapping[str, int] | None = None) -> None:
        super().__init__(image, labels={LABEL: str(os.getpid())})
        self._client_ports = {"PLAINTEXT": CLIENT_PORT, **(more_listeners or {})}
        for port in self._client_ports.values():
            # Any free port, on loopback; testcontainers passes this on to docker.
            self.ports[f"{port}/tcp"] = ("127.0.0.1", None)  # type: ignore[assignment]
        self.with_command(["sh", "-c", f"while [ ! -f {MARKER} ]; do sleep 0.1; done; sh {SCRIPT}"])
        listeners = LISTENERS | self._client_ports
        self.with_envs(
            CLUSTER_ID="4L6g3nShT-eMCtK--X86sw",
            KAFKA_NODE_ID="1",
            KAFKA_PROCESS_ROLES="broker,controller",
            KAFKA_CONTROLLER_QUORUM_VOTERS=f"1@localhost:{LISTENERS['CONTROLLER']}",
            KAFKA_LISTENERS=",".join(f"{name}://:{port}" for name, port in listeners.items()),
            KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=",".join(
                f"{name}:PLAINTEXT" for name in LISTENERS
            ),
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
        return self.address("PLAINTEXT")

    def address(self, listener: str) -> str:
        """Return the address of a listener for clients on this machine."""
        return f"127.0.0.1:{self.get_exposed_port(self._client_ports[listener])}"

    def start(self) -> Self:
        """Start the container, give the broker its address, and wait until it is ready."""
        # testcontainers' cleaner needs another image, which is often missing. Our containers have
        # a label instead, and the next run removes those of a run that was killed.
        testcontainers_config.ryuk_disabled = True
        # The port is on this machine's loopback, even if this machine is itself a container.
        testcontainers_config.connection_mode_override = ConnectionMode.docker_host
        remove_leftovers()
        super().start()
        hostname = self.get_wrapped_container().attrs["Config"]["Hostname"]
        reached = [f"{name}://{self.address(name)}" for name in self._client_ports]
        advertised = ",".join([*reached, f"BROKER://{hostname}:{LISTENERS['BROKER']}"])
        script = f"export KAFKA_ADVERTISED_LISTENERS={advertised}\nexec /etc/kafka/docker/run\n"
        self.copy_into_container(script.encode(), SCRIPT, mode=0o755)
        self.copy_into_container(b"", MARKER)
        ready = LogMessageWaitStrategy(r".*Transitioning from RECOVERY to RUNNING.*")
        ready.with_startup_timeout(STARTUP_TIMEOUT_S).wait_until_ready(self)
        return self


@contextmanager
def broker_for_tests() -> Iterator[str]:
    """Give a test the address of a real broker, and stop the container afterwards.

    Yields
    ------
    str
        ``host:port``: of a container if a Docker engine has the image, else of the lab's own
        broker, which is not stopped afterwards.
    """
    why_not = why_no_docker()
    if why_not is None:
        with KafkaContainer() as container:
            print(f"a container of {IMAGE} at {container.bootstrap_servers}")  # noqa: T201
            yield container.bootstrap_servers
        return
    broker = start_broker()
    print(f"the lab's own broker at {broker.bootstrap_servers}: {why_not}")  # noqa: T201
    yield broker.bootstrap_servers


@cache
def why_no_docker() -> str | None:
    """Return why no container can run here; None if one can."""
    with warnings.catch_warnings():
        # docker leaves the socket of a silent engine to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        reason = _ask_docker()
        gc.collect()
    return reason


def _ask_docker() -> str | None:
    try:
        with closing(docker.from_env(timeout=10)) as client:
            client.images.get(IMAGE)
    except NotFound:
        return f"the image {IMAGE} is not here: docker pull {IMAGE}"
    except DockerException as error:
        return f"no Docker engine answers ({error})"
    return None


def remove_leftovers() -> None:
    """Remove the containers of test runs that were killed."""
    with closing(docker.from_env()) as client:
        for container in client.containers.list(all=True, filters={"label": LABEL}):
            if not psutil.pid_exists(int(container.labels[LABEL])):
                container.remove(force=True, v=True)
