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

from labkit.api_problems import HEADERS, problem

HOST = "127.0.0.1"  # IPv4: Flask's check of the Host header cannot name [::1]
THREADS = 8  # the page asks for six things at once
MAX_BODY_BYTES = 65_536  # waitress's own limit is 1 GiB; this API reads no body at all
MAX_HEADER_BYTES = 16_384
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
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = Request
    error_task_class = ProblemTask


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
