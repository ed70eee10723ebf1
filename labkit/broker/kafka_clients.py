"""kafka-python clients for the lab's cluster, which fail fast and with a reason.

A client that cannot reach its broker waits half a minute and leaks a thread. So the address is
tried with a plain TCP connection first, and the client is created once. `admin`, `consumer` and
`producer` return a new client; `ReusedClients` keeps clients for many requests.

This file, `network_client` and `unreadable_batches` have all access of `broker` and `topics` to
kafka-python's private parts. Here these are:

- ``kafka.net.compat.KafkaNetClient`` (as `NetworkClient`) for the connection timeout and for
  `advertised_addresses`: version 3.0 does not pass ``socket_connection_setup_timeout_ms`` on from
  the public clients (https://github.com/dpkp/kafka-python/pull/3129 does), and none of them
  returns the addresses that a broker advertises without connecting to these addresses.
- The names of the loggers that write a login to the log (`WIRE_LOGS`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaConfigurationError, KafkaError
from pydantic import SecretStr

from labkit.broker.cluster_state import NodeState, read_cluster
from labkit.broker.connection_failures import explain, refuse_unusable_files
from labkit.broker.denied_access import denied_access
from labkit.broker.network_client import NetworkClient
from labkit.broker.unreadable_batches import name_unreadable_batches
from labkit.core.assert_statements import refuse_without_assert
from labkit.core.config import LabConfig, load_config
from labkit.core.errors import BrokerUnavailable, LabError, SettingInvalid
from labkit.core.tcp import connection_error

PROBE_TIMEOUT_S = 3.0
BOOTSTRAP_TIMEOUT_MS = 5_000
HANDSHAKE_TIMEOUT_MS = 3_000
"""Until the first answer on a new connection; the client's default is 10 s."""
REQUEST_TIMEOUT_MS = 6_000
"""Of `ReusedClients`: a frozen broker never answers; the clients' default is 30 s."""
SECURITY_SETTINGS = (
    *("security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password"),
    *("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password"),
)
START = "lab.start_broker()   or, in a terminal: labkit broker start"

WIRE_LOGS = ("kafka.protocol.parser", "kafka.net.connection", "kafka.net.transport")
"""These log each request byte by byte at level DEBUG, including a login."""

# The client logs four lines for each failed attempt; the user gets an error anyway.
_log = logging.getLogger("kafka")
if _log.level == logging.NOTSET:  # otherwise the user has chosen a level
    _log.setLevel(logging.CRITICAL)


def bootstrap_servers() -> str:
    """Return the address of the cluster to use.

    Returns
    -------
    str
        ``LABKIT_BOOTSTRAP_SERVERS`` if it is set, else the lab's own brokers that can answer.

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
    # A frozen broker accepts connections and never answers: a client would wait for it.
    addresses = [node.address for node in alive if node.state == "running"]
    if not addresses:
        frozen = alive[0].node_id
        msg = f"broker {frozen} of this lab is frozen: it accepts connections, and answers none"
        raise BrokerUnavailable(msg, f"labkit broker thaw {frozen}")
    return ",".join(addresses)


def admin(**settings: Any) -> KafkaAdminClient:
    """Return an admin client, for requests about topics, groups and the cluster.

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
    nodes = _own_nodes()
    running = [one.node_id for one in nodes if one.state == "running"]
    if len(running) == len(nodes):
        return client
    for _ in range(5):
        # The client may pick a dead or frozen broker that is still in the metadata. Once it is
        # connected to one that answers, it keeps using that one.
        with contextlib.suppress(KafkaError):
            client.describe_cluster()
            break
    # The same for changes, which the client sends to the broker that the metadata calls the
    # controller. Any broker forwards them to it (KIP-590), so one that lives is chosen.
    if running:
        client._controller_id = running[0]
    return client


def consumer(**settings: Any) -> KafkaConsumer:
    """Return a consumer without a subscription; settings and errors as in `admin`.

    It reads only what was committed: records of an aborted transaction do not exist for it, and
    it waits for an open one. A batch that it cannot read is a `BatchUnreadable`.

    See: KIP-98 (exactly once delivery and transactional messaging), "read_committed".
    """
    client = _connect(KafkaConsumer, {"isolation_level": "read_committed", **settings})
    name_unreadable_batches(client)
    return client


def producer(client: type[KafkaProducer] = KafkaProducer, /, **settings: Any) -> KafkaProducer:
    """Return a producer, of a given class if need be; settings and errors as in `admin`."""
    return _connect(client, settings)


def silent_nodes() -> set[int]:
    """Return which of the lab's own nodes are dead or frozen; empty for another cluster."""
    return {one.node_id for one in _own_nodes() if one.state != "running"}


def _own_nodes() -> list[NodeState]:
    """Return the nodes of the lab's own cluster; empty if another one is used, or there is none."""
    cluster = None if load_config().bootstrap_servers else read_cluster()
    return cluster.nodes if cluster else []


def _connect(client: type[Any], settings: dict[str, Any]) -> Any:
    refuse_without_assert()
    servers = settings.pop("bootstrap_servers", None) or bootstrap_servers()
    config = load_config()
    security = config.client_settings()
    refuse_unusable_files(config)
    probe(servers)
    if config.wants_login:
        for name in WIRE_LOGS:
            logging.getLogger(name).setLevel(logging.INFO)
    made: list[NetworkClient] = []

    def network_client(**own: Any) -> NetworkClient:
        own["socket_connection_setup_timeout_ms"] = HANDSHAKE_TIMEOUT_MS
        made.append(NetworkClient(**own))
        return made[-1]

    try:
        return client(
            bootstrap_servers=servers.split(","),
            **{
                "client_id": "labkit",
                "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
                "reconnect_backoff_max_ms": 1_000,
                "kafka_client": network_client,
                **security,
                **settings,
            },
        )
    except KafkaConfigurationError as error:  # before or after it has connected
        for one in made:
            one.close()
        msg = f"kafka-python's {client.__name__} refuses these settings: {error}"
        raise SettingInvalid(
            msg, f"kafka.{client.__name__}.DEFAULT_CONFIG   (all of them)"
        ) from error
    except (KafkaError, OSError) as error:
        for one in made:
            raise _no_connection(servers, config, one, error) from error
        raise


def _no_connection(
    servers: str, config: LabConfig, client: NetworkClient, error: Exception
) -> BrokerUnavailable:
    """Return the error of a client that could not be made, and close what there is of it."""
    connections = client.connections
    reason = next(iter(connections.failures.values()), error)
    with contextlib.suppress(KafkaError, OSError, RuntimeError):
        client.close()
    known = explain(reason, servers, config, has_connected=connections.has_connected)
    if known is not None:
        return known
    msg = f"{servers} accepts connections, but does not answer as Kafka does: {error}"
    if config.bootstrap_servers == servers:
        msg += ". It may want a login, or encryption"
        return BrokerUnavailable(msg, "labkit doctor   (or set LABKIT_SECURITY_PROTOCOL)")
    return BrokerUnavailable(msg, "labkit doctor")


def refusal(servers: str, settings: Mapping[str, Any]) -> LabError | None:
    """Return why a cluster does not let a client with these settings in; None if it does.

    Parameters
    ----------
    servers : str
        The addresses, separated by commas.
    settings : mapping
        Those of a client of kafka-python, in its own words; others than those of security are left
        out. The sentence names them as the lab does: ``LABKIT_SSL_CAFILE`` for ``ssl_cafile``.
    """
    known = {name: value for name, value in settings.items() if name in SECURITY_SETTINGS}
    secrets = {name: SecretStr(known[name]) for name in known if known[name] and "password" in name}
    files = {name: Path(known[name]) for name in known if known[name] and name.endswith("file")}
    fields = {**dict.fromkeys(SECURITY_SETTINGS), **known, **secrets, **files}
    config = LabConfig.model_construct(
        lab_dir=Path(), state_dir=Path(), bootstrap_servers=servers, **fields
    )
    client = None
    try:
        refuse_unusable_files(config)
        client = NetworkClient(bootstrap_servers=servers.split(","), client_id="labkit", **known)
        client.check_version(timeout_ms=BOOTSTRAP_TIMEOUT_MS)
    except SettingInvalid as error:
        return error
    except (KafkaError, OSError) as error:
        return _no_connection(servers, config, client, error) if client is not None else None
    finally:
        if client is not None:
            client.close()
    return None


def probe(servers: str, timeout_s: float = PROBE_TIMEOUT_S) -> None:
    """Try all addresses, separated by commas, at once, until one accepts a TCP connection.

    Raises
    ------
    BrokerUnavailable
        None does; the message has the reason for each.
    """
    addresses = [address.strip() for address in servers.split(",")]
    pool = ThreadPoolExecutor(len(addresses), thread_name_prefix="labkit-probe")
    attempts = {pool.submit(connection_error, one, timeout_s): one for one in addresses}
    pool.shutdown(wait=False)  # one is enough; the other attempts end by themselves
    if any(attempt.result() is None for attempt in as_completed(attempts)):
        return
    reasons = (f"{address} ({attempt.result()})" for attempt, address in attempts.items())
    configured = load_config().bootstrap_servers == servers
    next_line = "echo $LABKIT_BOOTSTRAP_SERVERS   (is it host:port?)" if configured else START
    raise BrokerUnavailable(f"No broker answers at {', '.join(reasons)}", next_line)


def advertised_addresses(servers: str) -> dict[int, str]:
    """Return the ``host:port`` that each broker advertises, by node id, without connecting to it.

    Raises
    ------
    BrokerUnavailable
        The cluster at ``servers`` does not answer.
    """
    probe(servers)
    config = load_config()
    client = NetworkClient(
        bootstrap_servers=servers.split(","), client_id="labkit", **config.client_settings()
    )
    try:
        client.check_version(timeout_ms=BOOTSTRAP_TIMEOUT_MS)  # fetches the brokers, too
        return {one.node_id: f"{one.host}:{one.port}" for one in client.cluster.brokers()}
    except (KafkaError, OSError) as error:
        raise _no_connection(servers, config, client, error) from error
    finally:
        client.close()


class ReusedClients:
    """An admin client and a consumer that are kept for many requests, from one thread.

    Creating a client takes several requests and some tenths of a second. After any error both are
    created again: a broker may have another address.
    """

    def __init__(self, request_timeout_ms: int = REQUEST_TIMEOUT_MS) -> None:
        self._request_timeout_ms = request_timeout_ms
        self._servers = ""
        self._admin: KafkaAdminClient | None = None
        self._consumer: KafkaConsumer | None = None

    @contextlib.contextmanager
    def use(self) -> Iterator[ReusedClients]:
        """Use the clients for some requests; their errors become the lab's own.

        Raises
        ------
        BrokerUnavailable
            No broker answers as it should; the next use creates new clients.
        AccessDenied
            No ACL of the cluster allows a request.
        """
        try:
            servers = bootstrap_servers()
            if servers != self._servers:
                self.close()
                self._servers = servers
            yield self
        except BrokerUnavailable:
            self.close()
            raise
        except KafkaError as error:
            self.close()
            if denied := denied_access(error):
                raise denied from error
            msg = f"the brokers did not answer as they should ({type(error).__name__})"
            raise BrokerUnavailable(msg, "labkit broker status") from error

    @property
    def admin(self) -> KafkaAdminClient:
        """The admin client, created on first use."""
        if self._admin is None:
            self._admin = admin(request_timeout_ms=self._request_timeout_ms)
        return self._admin

    @property
    def consumer(self) -> KafkaConsumer:
        """The consumer, created on first use. It joins no group, so it cannot commit."""
        if self._consumer is None:
            self._consumer = consumer(
                request_timeout_ms=self._request_timeout_ms,
                enable_auto_commit=False,
                auto_offset_reset="none",  # the caller seeks, and handles an invalid offset
                fetch_max_wait_ms=100,
                max_partition_fetch_bytes=64 * 1024,  # a larger batch still comes whole
            )
        return self._consumer

    def close_consumer(self) -> None:
        """Close the consumer; the next use creates another."""
        client, self._consumer = self._consumer, None
        if client is not None:
            with contextlib.suppress(KafkaError):
                client.close()

    def close(self) -> None:
        """Close both clients."""
        self.close_consumer()
        client, self._admin = self._admin, None
        if client is not None:
            with contextlib.suppress(KafkaError):
                client.close()
