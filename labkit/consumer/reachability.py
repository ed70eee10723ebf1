"""Whether the brokers can be reached, asked when nothing comes from them.

To a Kafka client a broker that is gone looks like a topic in which nothing happens: it goes on
trying, in silence. And it knows the addresses that it was started with, and those that the
brokers gave it; of one that came back at another port it never hears (KIP-899 would help, and
kafka-python does not have it). So a consumer that hears nothing looks for itself.
"""

from __future__ import annotations

import time

from labkit.broker.cluster_state import read_cluster
from labkit.broker.kafka_clients import bootstrap_servers, probe
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable

LOOK_EVERY_S = 5.0
TIMEOUT_S = 1.0


class Reachability:
    """Looks after the brokers of one client.

    Attributes
    ----------
    problem : str
        Why none can be reached; empty while one can.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._known = _all_addresses()
        self._look_at = time.monotonic() + LOOK_EVERY_S

    def heard(self) -> None:
        """Note that records came."""
        self.problem = ""
        self._look_at = time.monotonic() + LOOK_EVERY_S

    def lost(self, why: str) -> None:
        """Note that the client has lost its connection; the next look tells whether for long."""
        self.problem = why

    def look(self) -> None:
        """Try to connect, if nothing was heard for some seconds.

        Raises
        ------
        BrokerUnavailable
            The lab's broker runs elsewhere now, where this client will not look for it.
        """
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        try:
            probe(bootstrap_servers(), TIMEOUT_S)
        except BrokerUnavailable as error:
            self.problem = error.what
            return
        self.problem = ""
        now = _all_addresses()
        if not now & self._known:
            msg = (
                f"the broker answers at {', '.join(sorted(now))} now, and this client was started "
                f"for {', '.join(sorted(self._known))}: it will not look for it elsewhere"
            )
            raise BrokerUnavailable(msg, "labkit consume   (starts it anew, at the new address)")
        self._known |= now


def _all_addresses() -> set[str]:
    """Return the addresses of all brokers: of the dead ones too, for they come back there."""
    configured = load_config().bootstrap_servers
    cluster = None if configured else read_cluster()
    servers = cluster.bootstrap_servers if cluster is not None else bootstrap_servers()
    return set(servers.split(","))
