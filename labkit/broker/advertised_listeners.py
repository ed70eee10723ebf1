"""Two addresses of one broker: where it was asked, and where it sends its clients.

A client knows the first one from its settings (``bootstrap_servers``). It asks there who belongs
to the cluster, and connects to the addresses in the answer from then on. Where these lead nowhere,
the broker looks alive and is of no use: the most common trouble with Kafka behind Docker.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from labkit.broker.kafka_clients import BOOTSTRAP_TIMEOUT_MS, bootstrap_servers, probe
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable

PROBE_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Advertised:
    """What a broker tells its clients, and whether anything answers there."""

    bootstrap: str
    """The address that was asked."""
    brokers: dict[int, str]
    """``host:port`` of each broker in the answer, by its node id."""
    unreachable: dict[str, str]
    """Which of these addresses do not accept a connection, and why."""

    @property
    def leads_somewhere(self) -> bool:
        """Whether a client that goes on to these addresses finds somebody at each."""
        return not self.unreachable

    def __repr__(self) -> str:
        lines = [f"bootstrap   {self.bootstrap:<24}  answers"]
        for node_id, address in sorted(self.brokers.items()):
            why = self.unreachable.get(address)
            state = "answers" if why is None else f"does not answer: {why}"
            lines.append(f"advertised  {address:<24}  broker {node_id} {state}")
        return "\n".join(lines)


def advertised(servers: str | None = None) -> Advertised:
    """Ask a cluster where its brokers are, as each client does first, and try these addresses.

    Parameters
    ----------
    servers : str, optional
        ``host:port`` to ask, several separated by commas; default: the lab's broker.

    Returns
    -------
    Advertised
        Both addresses side by side. Each is tried from this machine: for a client elsewhere the
        same address may lead elsewhere.

    Raises
    ------
    BrokerUnavailable
        Nothing answers at the bootstrap address itself.

    See: Kafka documentation, "Broker Configs", ``advertised.listeners``.
    """
    asked = servers or bootstrap_servers()
    probe(asked)
    client = KafkaNetClient(
        bootstrap_servers=asked.split(","),
        client_id="labkit",
        **load_config().client_settings(),
    )
    try:
        client.check_version(timeout_ms=BOOTSTRAP_TIMEOUT_MS)  # asks for the brokers, too
        found = {one.node_id: f"{one.host}:{one.port}" for one in client.cluster.brokers()}
    except KafkaError as error:
        msg = f"{asked} accepts connections, but does not answer as Kafka does: {error}"
        raise BrokerUnavailable(msg, "labkit doctor") from error
    finally:
        client.close()
    return Advertised(asked, found, _unreachable(found.values()))


def _unreachable(addresses: Iterable[str]) -> dict[str, str]:
    found = {}
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), PROBE_TIMEOUT_S).close()
        except OSError as error:
            found[address] = error.strerror or str(error)
    return found
