"""Kafka clients that are kept from look to look, for what watches a cluster all the time.

Making a client takes some tenths of a second and several requests, so whoever looks twice a second
keeps it. After any trouble both clients are made anew: a broker may come back at another address,
and a client that met a bad batch does not go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError

from labkit.broker import kafka_clients
from labkit.core.errors import BrokerUnavailable

REQUEST_TIMEOUT_MS = 6_000
"""A broker that is frozen says nothing: how long to wait for it (the clients' own is 30 s)."""


class KeptClients:
    """An admin client, and a consumer that belongs to no group; one thread uses them.

    Parameters
    ----------
    request_timeout_ms : int
        How long one question may take.
    """

    def __init__(self, request_timeout_ms: int = REQUEST_TIMEOUT_MS) -> None:
        self._request_timeout_ms = request_timeout_ms
        self._servers = ""
        self._admin: KafkaAdminClient | None = None
        self._consumer: KafkaConsumer | None = None

    @contextlib.contextmanager
    def looking(self) -> Iterator[KeptClients]:
        """Look at the cluster once; what goes wrong with it is the lab's own error.

        Raises
        ------
        BrokerUnavailable
            No broker answers as it should; the next look begins with new clients.
        """
        try:
            servers = kafka_clients.bootstrap_servers()
            if servers != self._servers:
                self.close()
                self._servers = servers
            yield self
        except BrokerUnavailable:
            self.close()
            raise
        except KafkaError as error:
            self.close()
            msg = f"the brokers did not answer as they should ({type(error).__name__})"
            raise BrokerUnavailable(msg, "labkit broker status") from error

    @property
    def admin(self) -> KafkaAdminClient:
        """The admin client, made at its first use."""
        if self._admin is None:
            self._admin = kafka_clients.admin(request_timeout_ms=self._request_timeout_ms)
        return self._admin

    @property
    def consumer(self) -> KafkaConsumer:
        """The consumer, made at its first use: it joins no group, and so it can commit nothing."""
        if self._consumer is None:
            self._consumer = kafka_clients.consumer(
                request_timeout_ms=self._request_timeout_ms,
                enable_auto_commit=False,
                auto_offset_reset="none",  # whoever reads says from where; an error tells the rest
                fetch_max_wait_ms=100,
                max_partition_fetch_bytes=64 * 1024,  # a batch that is larger still comes whole
            )
        return self._consumer

    def close_consumer(self) -> None:
        """Let the consumer go; the next use makes another."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError):
                consumer.close()

    def close(self) -> None:
        """Let both clients go."""
        self.close_consumer()
        admin, self._admin = self._admin, None
        if admin is not None:
            with contextlib.suppress(KafkaError):
                admin.close()
