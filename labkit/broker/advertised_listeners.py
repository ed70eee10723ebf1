"""The two addresses of a broker: the bootstrap address, and the one it advertises to clients.

A client knows the first from its settings (``bootstrap_servers``). It asks there for the brokers of
the cluster, and from then on connects to the addresses in the answer. If nothing answers at these,
the broker looks alive but cannot be used: the most common problem with Kafka behind Docker.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.broker.kafka_clients import advertised_addresses, bootstrap_servers
from labkit.core.tcp import connection_error

PROBE_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Advertised:
    """The addresses that brokers advertise, and whether anything answers there."""

    bootstrap: str
    """The address that was asked."""
    brokers: dict[int, str]
    """``host:port`` of each broker in the answer, by its node id."""
    unreachable: dict[str, str]
    """The addresses that do not accept a connection, with the reason."""

    @property
    def leads_somewhere(self) -> bool:
        """Whether something accepts connections at each advertised address."""
        return not self.unreachable

    def __repr__(self) -> str:
        lines = [f"bootstrap   {self.bootstrap:<24}  answers"]
        for node_id, address in sorted(self.brokers.items()):
            why = self.unreachable.get(address)
            state = "answers" if why is None else f"does not answer: {why}"
            lines.append(f"advertised  {address:<24}  broker {node_id} {state}")
        return "\n".join(lines)


def advertised(servers: str | None = None) -> Advertised:
    """Ask a cluster for its brokers' addresses, as each client does first, and try them.

    Parameters
    ----------
    servers : str, optional
        ``host:port`` to ask, several separated by commas; default: the lab's broker.

    Returns
    -------
    Advertised
        Both addresses side by side. Each is tried from this machine; for a client on another
        machine, the same address may lead elsewhere.

    Raises
    ------
    BrokerUnavailable
        Nothing answers at the bootstrap address itself.

    See: Kafka documentation, "Broker Configs", ``advertised.listeners``.
    """
    asked = servers or bootstrap_servers()
    found = advertised_addresses(asked)
    errors = {one: connection_error(one, PROBE_TIMEOUT_S) for one in found.values()}
    unreachable = {one: error.strerror or str(error) for one, error in errors.items() if error}
    return Advertised(asked, found, unreachable)
