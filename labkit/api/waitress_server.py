"""waitress as the API uses it: its limits, and its errors as ``application/problem+json``.

A request that is malformed or too large never reaches Flask. waitress answers it itself: in plain
text that repeats part of the request, and without the security headers. Three small subclasses turn
these answers into problems like all others. waitress has no setting for any of this.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

from labkit.api.problem_responses import HEADERS, problem

HOST = "127.0.0.1"  # IPv4: Flask's check of the Host header cannot match [::1]
THREADS = 8  # one page needs one: it sends one request at a time
MAX_BODY_BYTES = 65_536  # waitress's default is 1 GiB; this API reads no body at all
MAX_HEADER_BYTES = 16_384
MAX_DRAINED_BYTES = 1024**2
STOP_WITHIN_S = 0.2
_DETAILS = {
    400: "This is not a valid HTTP request (RFC 9112).",
    413: f"A request's body must be smaller than {MAX_BODY_BYTES:,} bytes.",
    431: f"A request's line and headers must be smaller than {MAX_HEADER_BYTES:,} bytes.",
    500: "The server failed; its log says why.",
    501: "The only supported Transfer-Encoding is chunked.",
}


class Request(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """A request parser that answers 400 where waitress's own parser raises a `ValueError`.

    A request line may hold a whole address (``GET http://host/path``). Its host then replaces the
    Host header (RFC 9112, section 3.2.2), so that the check of the host covers both.
    """

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request line and the headers."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an address such as http://[, a length of 5,000 digits
            msg = "not a valid address or length"
            raise ParsingError(msg) from error
        if self.proxy_netloc:
            self.headers["HOST"] = self.proxy_netloc


class ProblemTask(ErrorTask):  # type: ignore[misc]
    """The answer to a request that does not reach Flask."""

    def execute(self) -> None:
        """Write the problem, with the security headers, and close the connection."""
        code = self.request.error.code
        answer = problem(code, _DETAILS[code])
        body = answer.get_data()
        self.status = answer.status
        self.content_length = len(body)
        self.response_headers += [*HEADERS.items(), ("Content-Type", answer.content_type)]
        self.set_close_on_finish()
        self.channel.bytes_to_drain = MAX_DRAINED_BYTES
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that reads what is left of a refused request before it closes.

    A connection that is closed while bytes are unread is reset, and the client loses the answer: it
    sees "connection reset" and never learns why (RFC 9112, section 9.6).
    """

    parser_class = Request
    error_task_class = ProblemTask
    bytes_to_drain = 0  # how many more bytes to read and discard
    is_draining = False

    def handle_close(self) -> None:
        """Close the sending side; close fully once the client has, or has sent too much."""
        if self.bytes_to_drain <= 0 or self.is_draining:
            super().handle_close()
            return
        self.is_draining, self.will_close = True, False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client has gone
            super().handle_close()

    def received(self, data: bytes) -> bool:
        """Pass bytes to waitress, or discard them while draining."""
        if not self.is_draining:
            return bool(super().received(data))
        self.bytes_to_drain -= len(data)
        if self.bytes_to_drain <= 0:
            self.handle_close()
        return False


def serve(app: Flask, listener: socket.socket, stop: threading.Event) -> None:
    """Run waitress until ``stop`` is set; its own loop has no way to end."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue only delays
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=THREADS,
        max_request_body_size=MAX_BODY_BYTES,
        max_request_header_size=MAX_HEADER_BYTES,
        ident=None,  # no Server header: it would only help attackers
    )
    server.channel_class = Channel
    try:
        while not stop.is_set():
            wasyncore.loop(timeout=STOP_WITHIN_S, map=sockets, count=1)
    finally:
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)
        server.close()
