"""Whether anything accepts a connection at an address."""

from __future__ import annotations

import socket

import pytest

from labkit.core.tcp import connection_error


def test_an_address_where_something_listens_has_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert connection_error(f"127.0.0.1:{server.getsockname()[1]}", 1.0) is None


def test_a_closed_port_has_the_systems_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = connection_error(f"127.0.0.1:{port}", 1.0)
    assert isinstance(error, ConnectionRefusedError)


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:kafka", ":9092", "127.0.0.1:99999"]
)
def test_what_is_not_an_address_has_a_reason(address: str) -> None:
    assert str(connection_error(address, 1.0))
