"""kafka-python clients for the lab's cluster, which fail fast and with a reason.

A client that cannot reach its broker waits half a minute, and leaves a thread behind each time.
So the address is tried with a plain TCP connection first, and the client is made once.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from labkit.broker.cluster_state import read_cluster
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable

PROBE_TIMEOUT_S = 3.0
BOOTSTRAP_TIMEOUT_MS = 5_000
HANDSHAKE_TIMEOUT_MS = 3_000
"""How long a broker that accepts a connection may take to say a word; the client's own is 10 s."""
START = "lab.start_broker()   or, in a terminal: labkit broker start"

WIRE_LOGS = ("kafka.protocol.parser", "kafka.net.connection", "kafka.net.transport")
"""Where the client writes each request, byte for byte, at level DEBUG: a login too."""

# The client writes four lines for each failed attempt; what matters reaches the user as an error.
_log = logging.getLogger("kafka")
if _log.level == logging.NOTSET:  # somebody who wants to read them has set a level before
    _log.setLevel(logging.CRITICAL)


def bootstrap_servers() -> str:
    """Return the address of the cluster to use.

    Returns
    -------
    str
        ``LABKIT_BOOTSTRAP_SERVERS`` where it is set, else the lab's own brokers that can answer.

    Raises
    ------
    BrokerUnavailable
        No address is set, and the lab's own broker does not run, or is frozen.
    """
    configured = load_config().bootstrap_servers
    if configured:
        return configured
    cluster = read_cluster()
    alive = [node for node in (cluster.nodes if cluster else ()) if node.is_running]
    if not alive:
        raise BrokerUnavailable("No broker of this lab is running", START)
    # A frozen broker accepts the connection and never answers: a client would wait for it.
    addresses = [node.address for node in alive if node.state == "running"]
    if not addresses:
        frozen = alive[0].node_id
        msg = f"broker {frozen} of this lab is frozen: it accepts connections, and answers none"
        raise BrokerUnavailable(msg, f"labkit broker thaw {frozen}")
    return ",".join(addresses)


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
    client = _connect(KafkaAdminClient, settings)
    for _ in range(5 if silent_nodes() else 0):
        # The client asks whom it likes, at first also a broker that is dead or frozen and that the
        # others have not given up yet. Once it is connected with one that answers, it stays there.
        with contextlib.suppress(KafkaError):
            client.describe_cluster()
            break
    return client


def consumer(**settings: Any) -> KafkaConsumer:
    """Return a consumer that is subscribed to nothing yet; settings and errors as in `admin`."""
    return _connect(KafkaConsumer, settings)


def producer(client: type[KafkaProducer] = KafkaProducer, /, **settings: Any) -> KafkaProducer:
    """Return a producer, of another class than the client's own if need be; else as `admin`."""
    return _connect(client, settings)


def silent_nodes() -> set[int]:
    """Return which of the lab's own nodes are dead or frozen; none where the cluster is another."""
    cluster = None if load_config().bootstrap_servers else read_cluster()
    return {one.node_id for one in (cluster.nodes if cluster else ()) if one.state != "running"}


def _connect(client: type[Any], settings: dict[str, Any]) -> Any:
    servers = settings.pop("bootstrap_servers", None) or bootstrap_servers()
    probe(servers)
    config = load_config()
    if config.sasl_mechanism is not None:
        for name in WIRE_LOGS:
            logging.getLogger(name).setLevel(logging.INFO)
    try:
        return client(
            bootstrap_servers=servers.split(","),
            **{
                "client_id": "labkit",
                "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
                "reconnect_backoff_max_ms": 1_000,
                "kafka_client": partial(
                    KafkaNetClient, socket_connection_setup_timeout_ms=HANDSHAKE_TIMEOUT_MS
                ),
                **config.client_settings(),
                **settings,
            },
        )
    except KafkaError as error:
        msg = f"{servers} accepts connections, but does not answer as Kafka does: {error}"
        # A refused login looks like silence: kafka-python tries again until its time is up.
        if config.sasl_mechanism is not None:
            msg += ". It may refuse the login in LABKIT_SASL_* and LABKIT_SSL_*"
            next_line = "set LABKIT_SASL_PLAIN_USERNAME and LABKIT_SASL_PLAIN_PASSWORD anew"
        elif config.bootstrap_servers == servers:
            msg += ". It may want a login, or encryption"
            next_line = "labkit doctor   (or set LABKIT_SECURITY_PROTOCOL and LABKIT_SASL_*)"
        else:
            next_line = "labkit doctor"
        raise BrokerUnavailable(msg, next_line) from error


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
