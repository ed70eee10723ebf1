"""waitress as the API uses it: its limits, and its own errors in the API's words.

What is no HTTP request at all, or too large, never reaches Flask: waitress answers it by itself, in
plain text that repeats what was sent, and without a header of ours. Here these answers are
problems like all others, and say nothing of what came in.
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

HOST = "127.0.0.1"  # IPv4: Flask's check of the Host header cannot name [::1]
THREADS = 8  # of which one page needs one: it asks one thing at a time
MAX_BODY_BYTES = 65_536  # waitress's own limit is 1 GiB; this API reads no body at all
MAX_HEADER_BYTES = 16_384
MAX_LATE_BYTES = 1024**2
STOP_WITHIN_S = 0.2
_DETAILS = {
    400: "This is not a request as HTTP has it (RFC 9112).",
    413: f"A request's body is less than {MAX_BODY_BYTES:,} bytes here, and nothing reads it.",
    431: f"A request's line and headers are less than {MAX_HEADER_BYTES:,} bytes here.",
    500: "The server met an error of its own; its log says which.",
    501: "The only Transfer-Encoding here is chunked.",
}


class Request(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """A request being read; what waitress's own parser stumbles over is an error like the others.

    A request line may name a whole address (``GET http://host/path``). Then that host counts and
    not the Host header (RFC 9112, section 3.2.2), so that both go through the same check.
    """

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an address such as http://[, a length of 5,000 digits
            msg = "neither an address nor a length"
            raise ParsingError(msg) from error
        if self.proxy_netloc:
            self.headers["HOST"] = self.proxy_netloc


class ProblemTask(ErrorTask):  # type: ignore[misc]
    """The answer to a request that did not reach Flask."""

    def execute(self) -> None:
        """Write the problem, with the headers of every answer, and close the connection."""
        code = self.request.error.code
        answer = problem(code, _DETAILS[code])
        body = answer.get_data()
        self.status = answer.status
        self.content_length = len(body)
        self.response_headers += [*HEADERS.items(), ("Content-Type", answer.content_type)]
        self.set_close_on_finish()
        self.channel.late_bytes = MAX_LATE_BYTES
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection; behind a refused request it listens a little longer.

    A connection that is closed while bytes of the request lie unread is reset, and with it goes the
    answer: the client would hear "connection reset" and never why (RFC 9112, section 9.6).
    """

    parser_class = Request
    error_task_class = ProblemTask
    late_bytes = 0  # how many more may come in, to be thrown away
    is_lingering = False

    def handle_close(self) -> None:
        """Say that we are done, and close once the client is too, or says too much."""
        if self.late_bytes <= 0 or self.is_lingering:
            super().handle_close()
            return
        self.is_lingering, self.will_close = True, False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client has gone
            super().handle_close()

    def received(self, data: bytes) -> bool:
        """Take what came in; waitress reads it, or it is late."""
        if not self.is_lingering:
            return bool(super().received(data))
        self.late_bytes -= len(data)
        if self.late_bytes <= 0:
            self.handle_close()
        return False


def listen(port: int) -> socket.socket:
    """Open a port on this machine alone; 0 takes any free one."""
    return socket.create_server((HOST, port))


def serve(app: Flask, listener: socket.socket, stop: threading.Event) -> None:
    """Run waitress until ``stop`` is set; its own loop would know no end."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue only means waiting
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=THREADS,
        max_request_body_size=MAX_BODY_BYTES,
        max_request_header_size=MAX_HEADER_BYTES,
        ident=None,  # no Server header: it would only say which holes to try
    )
    server.channel_class = Channel
    try:
        while not stop.is_set():
            wasyncore.loop(timeout=STOP_WITHIN_S, map=sockets, count=1)
    finally:
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)
        server.close()
