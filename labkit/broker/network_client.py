"""The network layer of the lab's Kafka clients, which keeps the reason why a connection failed.

kafka-python tells a user only "Unable to bootstrap", after its timeout. `NetworkClient` remembers
what each address answered, and fails at once when trying again cannot help: a refused login, a
certificate that is not valid. `connection_failures` puts the reason into a sentence.

Upstream, in kafka-python 3.0.12:

- ``KafkaConnectionManager`` has the reason only in its log, and the classes' places are private.
- ``KafkaTCPTransport._read_from_sock`` drops what a broker sent just before it closed the
  connection. A broker that refuses a login answers in exactly this way, so the answer is lost and
  the client tries again until its timeout. Not reported yet.
- ``KafkaConnectionManager._build_transport`` leaves the socket open when the TLS handshake fails.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

_FINAL = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
)
_MAY_PASS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class NetworkClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python has no types
    """kafka-python's network client, with connections that remember why they failed."""

    def __init__(self, net: Any = None, manager: Any = None, **configs: Any) -> None:
        net = NetworkSelector(**configs) if net is None else net
        self.connections = _Connections(net, **configs) if manager is None else manager
        super().__init__(net, self.connections, **configs)


class _Connections(KafkaConnectionManager):  # type: ignore[misc]
    """The connections of one client.

    Attributes
    ----------
    failures : dict
        By address (its id in the client): the error of the last attempt to connect.
    has_connected : bool
        Whether any attempt got as far as Kafka's protocol and, if asked for, a login.
    """

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)
        self.failures: dict[Any, BaseException] = {}
        self.has_connected = False

    def get_connection(self, node_id: Any, *arguments: Any, **options: Any) -> Any:
        """Return the connection to a node; raise at once if no address will ever let us in."""
        if self.failures and not self.has_connected:
            self._raise_if_final()
        connection = super().get_connection(node_id, *arguments, **options)
        if not connection.init_future.is_done:
            connection.init_future.add_errback(lambda error: self._failed(node_id, error))
            connection.init_future.add_callback(self._connected)
        return connection

    def _raise_if_final(self) -> None:
        addresses = {one.node_id for one in self.cluster.bootstrap_brokers()}
        final = {node for node, error in self.failures.items() if is_final(error)}
        if addresses <= final:
            raise next(iter(self.failures.values()))

    def _failed(self, node_id: Any, error: BaseException) -> None:
        self.failures[node_id] = error

    def _connected(self, _result: Any) -> None:
        self.has_connected = True

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        """Connect, as the client's own method does, and close what could not be connected."""
        options = self.config["socket_options"]
        sock = await create_connection(
            self._net, node.host, node.port, options, self.config["proxy_url"], timeout_at
        )
        if self.ssl_enabled:
            tls = {name: value for name, value in self.config.items() if name.startswith("ssl_")}
            transport = KafkaSSLTransport(self._net, sock, host=node.host, **tls)
        else:
            transport = KafkaTCPTransport(self._net, sock, host=node.host)
        try:
            await transport.handshake()
        except Exception as error:
            transport.abort(error)
            raise kafka_errors.KafkaConnectionError(f"Handshake failed: {error}") from error
        receive = transport._sock_recv

        def receive_all() -> tuple[bytes, BaseException | None]:
            data, error = receive()
            return data, None if data else error  # the next read meets the same end again

        transport._sock_recv = receive_all
        return transport


def is_final(error: BaseException) -> bool:
    """Tell whether connecting again cannot succeed without other settings."""
    return any(
        isinstance(one, _FINAL)
        or (isinstance(one, ssl.SSLError) and not isinstance(one, _MAY_PASS))
        for one in causes(error)
    )


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those from which it came; kafka-python also wraps one as an argument."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        error = inner or error.__cause__ or error.__context__
