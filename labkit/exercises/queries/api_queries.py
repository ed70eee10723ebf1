"""What checks ask the API, and a learner's own app: over real HTTP, as a page would.

A `RecordingProxy` between a learner's program and the API records every request. So a check can
tell what was asked and when, not only what came back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pandas as pd
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from labkit.core.run_files import runs_on
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.table.table import read_table

TIMEOUT_S = 15.0
MAX_REQUESTS = 300

App = Callable[..., Iterable[bytes]]


class Answer(NamedTuple):
    """An HTTP response: the status, some headers (empty if missing), and the text."""

    status: int
    content_type: str
    etag: str
    text: str

    def json(self) -> Any:
        """Return the answer as a browser reads it, which is strict: NaN is not JSON."""

        def refuse(name: str) -> Any:
            raise NotYet(f"The answer holds `{name}`, which is not JSON: a browser refuses it.")

        try:
            return json.loads(self.text, parse_constant=refuse)
        except ValueError as error:
            msg = f"The answer is not JSON: `{self.text[:60]}`"
            raise NotYet(msg) from error


def api_url(topic: str) -> str:
    """Return the address of the API that serves a topic; without one nothing was attempted."""
    urls = [str(run["url"]) for run in runs_on(topic, "api")]
    if not urls:
        raise NotAttempted(f"No API serves `{topic}` now: run the cell with `lab.start_api`.")
    return urls[-1]


def ask(url: str, etag: str = "") -> Answer:
    """Send one request; an error response is returned, too."""
    place = urlsplit(url)
    path = f"{place.path or '/'}?{place.query}".removesuffix("?")
    with closing(HTTPConnection(place.netloc, timeout=TIMEOUT_S)) as link:
        link.request("GET", path, headers={"If-None-Match": etag} if etag else {})
        found = link.getresponse()
        kind, tag = found.getheader("Content-Type", ""), found.getheader("ETag", "")
        return Answer(found.status, kind, tag, found.read().decode())


def summary_and_table(topic: str, data_dir: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the API's summary and the table, both of the same rows."""
    url = api_url(topic)
    for _ in range(20):
        summary, frame = ask(f"{url}/api/summary?top=1").json(), read_table(data_dir, topic)
        if frame.empty:
            raise NotAttempted("The CSV has no row yet: run the cells above.")
        if summary["records"] == len(frame):
            return summary, frame
    raise NotAttempted("Readings are coming in, so nothing can be compared: stop the producer.")


@contextmanager
def serving(app: App) -> Iterator[str]:
    """Serve a WSGI app, such as one of Flask, on this machine alone; yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="labkit-check", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Site:
    """An app that is being served: its address, and `stop()`."""

    url: str
    stop: Callable[[], None]


_SITES: dict[str, Site] = {}


def serve(app: Flask) -> Site:
    """Serve an app of Flask in the background, in place of an earlier one of the same name."""
    if earlier := _SITES.pop(app.name, None):
        earlier.stop()
    until_stopped = ExitStack()
    site = Site(until_stopped.enter_context(serving(app)), until_stopped.close)
    _SITES[app.name] = site
    return site


class _Quiet(WSGIRequestHandler):
    """Writes no log line per request into the learner's notebook."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class RecordedRequest:
    """One request that a proxy forwarded; times in seconds, by `time.monotonic`."""

    address: str
    etag: str
    began_s: float
    ended_s: float = float("inf")
    status: int = 0


@dataclass
class RecordingProxy:
    """A WSGI app that forwards each request to an API, and records it.

    Parameters
    ----------
    api : str
        The API's address.
    delay_s : float
        How much later than the API it answers, as over a slow network.
    most : int
        It answers 429 from then on, so that a loop that never ends does end.
    """

    api: str
    delay_s: float = 0.0
    most: int = MAX_REQUESTS
    requests: list[RecordedRequest] = field(default_factory=list)

    @property
    def was_asked_too_often(self) -> bool:
        """Whether it was asked too often."""
        return len(self.requests) > self.most

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one request."""
        address = environ["PATH_INFO"]
        if environ.get("QUERY_STRING"):
            address += "?" + environ["QUERY_STRING"]
        request = RecordedRequest(address, environ.get("HTTP_IF_NONE_MATCH", ""), time.monotonic())
        self.requests.append(request)
        if self.was_asked_too_often:
            answer = Answer(HTTPStatus.TOO_MANY_REQUESTS, "text/plain", "", "asked too often")
        else:
            answer = ask(self.api + address, request.etag)
        time.sleep(self.delay_s)
        headers = [("Content-Type", answer.content_type), ("ETag", answer.etag)]
        phrase = HTTPStatus(answer.status).phrase
        # Recorded before it is sent: the client may send its next request at once.
        request.ended_s, request.status = time.monotonic(), answer.status
        start_response(f"{answer.status} {phrase}", [pair for pair in headers if pair[1]])
        return [answer.text.encode()]
