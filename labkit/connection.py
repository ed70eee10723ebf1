"""kafka-python clients for the lab's cluster, which fail fast and with a reason.

A client that cannot reach its broker waits half a minute, and leaves a thread behind each time.
So the address is tried with a plain TCP connection first, and the client is made once.
"""

from __future__ import annotations

import logging
import socket
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from labkit.cluster import read_cluster
from labkit.config import load_config
from labkit.errors import BrokerUnavailable

PROBE_TIMEOUT_S = 3.0
BOOTSTRAP_TIMEOUT_MS = 5_000
START = "lab.start_broker()   or, in a terminal: labkit broker start"

# The client writes four lines for each failed attempt; what matters reaches the user as an error.
_log = logging.getLogger("kafka")
if _log.level == logging.NOTSET:  # somebody who wants to read them has set a level before
    _log.setLevel(logging.CRITICAL)


def bootstrap_servers() -> str:
    """Return the address of the cluster to use.

    Returns
    -------
    str
        ``LABKIT_BOOTSTRAP_SERVERS`` where it is set, else the lab's own broker.

    Raises
    ------
    BrokerUnavailable
        No address is set, and the lab's own broker does not run.
    """
    configured = load_config().bootstrap_servers
    if configured:
        return configured
    cluster = read_cluster()
    if cluster is None or not any(node.is_running for node in cluster.nodes):
        raise BrokerUnavailable("No broker of this lab is running", START)
    return cluster.bootstrap_servers


def admin(**settings: Any) -> KafkaAdminClient:
    """Return an admin client: it asks and changes what the cluster has.

    Parameters
    ----------
    **settings
        Any setting of `kafka.KafkaAdminClient`, in its own words.

    Raises
    ------
    BrokerUnavailable
        Nothing answers at the address.
    """
    return _connect(KafkaAdminClient, settings)


def consumer(**settings: Any) -> KafkaConsumer:
    """Return a consumer that is subscribed to nothing yet; settings and errors as in `admin`."""
    return _connect(KafkaConsumer, settings)


def producer(**settings: Any) -> KafkaProducer:
    """Return a producer; settings and errors as in `admin`."""
    return _connect(KafkaProducer, settings)


def _connect(client: type[Any], settings: dict[str, Any]) -> Any:
    servers = settings.pop("bootstrap_servers", None) or bootstrap_servers()
    probe(servers)
    try:
        return client(
            bootstrap_servers=servers.split(","),
            **{
                "client_id": "labkit",
                "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
                "reconnect_backoff_max_ms": 1_000,
                **load_config().client_settings(),
                **settings,
            },
        )
    except KafkaError as error:
        msg = f"{servers} accepts connections, but does not answer as Kafka does: {error}"
        if load_config().security_protocol != "PLAINTEXT":
            # A refused login looks like silence: kafka-python tries it again until its time is up.
            msg += ". It may refuse the login in LABKIT_SASL_* and LABKIT_SSL_*"
        raise BrokerUnavailable(msg, "labkit doctor") from error


def probe(servers: str, timeout_s: float = PROBE_TIMEOUT_S) -> None:
    """Try the addresses, all at once, until one accepts a TCP connection.

    Parameters
    ----------
    servers : str
        ``host:port``, several separated by commas.
    timeout_s : float
        How long to wait for an answer, in seconds.

    Raises
    ------
    BrokerUnavailable
        None does; each one's reason is named.
    """
    addresses = [address.strip() for address in servers.split(",")]
    pool = ThreadPoolExecutor(len(addresses), thread_name_prefix="labkit-probe")
    attempts = {pool.submit(_touch, one, timeout_s): one for one in addresses}
    pool.shutdown(wait=False)  # one good address is enough; the others end by themselves
    if any(attempt.exception() is None for attempt in as_completed(attempts)):
        return
    reasons = (f"{address} ({attempt.exception()})" for attempt, address in attempts.items())
    configured = load_config().bootstrap_servers == servers
    next_line = "echo $LABKIT_BOOTSTRAP_SERVERS   (is it host:port?)" if configured else START
    raise BrokerUnavailable(f"No broker answers at {', '.join(reasons)}", next_line)


def _touch(address: str, timeout_s: float) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        msg = "not an address of the form host:port"
        raise ValueError(msg)
    socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
