"""The API: the CSV over HTTP, for the web page and any other client.

It never talks to Kafka: the consumer writes the CSV, and the API reads it.
"""

from __future__ import annotations

import builtins
import socket
import threading
from pathlib import Path

from flask_openapi3 import Info, OpenAPI, Server

from labkit.api import compression, problem_responses, prometheus_metrics
from labkit.api.data_source import VERSION, DataSource
from labkit.api.json_routes import routes
from labkit.api.openapi_examples import add_examples
from labkit.api.response_schemas import ParameterError
from labkit.api.waitress_server import HOST, MAX_BODY_BYTES, serve
from labkit.api.web_page import pages
from labkit.core import background_workers
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.run_files import RunFile

MAX_PORT = 65_535


def create_app(data_dir: Path, topic: str) -> OpenAPI:
    """Create the Flask app that answers from one topic's CSV.

    Parameters
    ----------
    data_dir : Path
        The data folder. It need not exist yet: until it does, the answers are empty.
    topic : str
        The topic's name.

    Returns
    -------
    OpenAPI
        A `flask.Flask` that describes itself at ``/api/openapi.json``.

    See: flask.palletsprojects.com, "Security Considerations".
    """
    app = OpenAPI(
        __name__,
        info=Info(title="The lab's API", version=VERSION, description=_DESCRIPTION),
        # Relative to /api/openapi.json, so that "Try it out" also works behind a proxy's prefix.
        servers=[Server(url="..")],
        doc_ui=False,
        static_folder=None,
        validation_error_callback=problem_responses.invalid_query,
        validation_error_model=ParameterError,
        security_schemes={},  # None would become a null, which OpenAPI does not know
    )
    app.url_map.merge_slashes = False  # /api//health is 404: this API never redirects
    extra_hosts = load_config().trusted_hosts.replace(",", " ").split()
    app.config["TRUSTED_HOSTS"] = ["localhost", HOST, *extra_hosts]
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.extensions["labkit"] = DataSource(data_dir, topic)
    problem_responses.install(app)
    compression.install(app)
    prometheus_metrics.install(app, app.extensions["labkit"])
    app.register_api(routes)
    app.register_blueprint(pages)
    app.get("/api/openapi.json", doc_ui=False)(lambda: add_examples(app.api_doc))
    return app


_DESCRIPTION = """CO2 readings that travelled through Apache Kafka into CSV files, over HTTP.

Every answer ends at the newest reading. Errors are `application/problem+json`, and their `next`
is the next line to type. Send an answer's `ETag` back as `If-None-Match`, and you get an empty 304
until there are new readings."""


class Api(background_workers.ThreadWorker):
    """A running API, in a thread; see `start_api`.

    Attributes
    ----------
    port : int
        The port on 127.0.0.1.
    url : str
        The dashboard's address.
    """

    def __init__(self, data_dir: Path, topic: str, port: int, name: str) -> None:
        self.data_dir = data_dir
        self.topic = topic
        try:
            if port not in range(MAX_PORT + 1):
                raise OSError(f"ports go from 0 to {MAX_PORT}")
            listener = socket.create_server((load_config().api_host, port))
        except OSError as error:
            msg = f"port {port} cannot be used: {error}"
            next_line = "labkit api --port 0 (in Python start_api(port=0)): any free port"
            raise LabError(msg, next_line) from error
        self.port: int = listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        app = create_app(data_dir, topic)
        run_file = RunFile(
            "api", name, url=self.url, port=self.port, topic=topic, data_dir=str(data_dir)
        )

        def run(stop: threading.Event) -> None:
            try:
                serve(app, listener, stop)
            finally:
                run_file.remove()

        super().__init__(name, run)

    def __repr__(self) -> str:
        return f"<Api {self.url} ← {self.data_dir / self.topic}: {self.state}>"


def start_api(
    data_dir: str | Path | None = None,
    port: int | None = None,
    topic: str | None = None,
    name: str = "api",
) -> Api:
    """Serve a topic's CSV, and the dashboard that shows it, to this machine only.

    The setting ``api_host`` is for a container, whose port is published. A worker that runs under
    ``name`` is stopped first.

    Parameters
    ----------
    data_dir : str or Path, optional
        The data folder, relative to the lab's folder; default: the setting ``data_dir``.
    port : int, optional
        Default: the setting ``api_port``; 0: any free port.
    topic : str, optional
        Default: the setting ``topic``.

    Returns
    -------
    Api
        Its address is ``url``.

    Raises
    ------
    LabError
        The port is taken.
    """
    config = load_config()
    background_workers.replace(name)
    api = Api(
        config.data_path(data_dir),
        topic or config.topic,
        config.api_port if port is None else port,
        name,
    )
    background_workers.register(api)
    if hasattr(builtins, "__IPYTHON__"):  # a notebook prints nothing for `api = start_api()`
        print(f"The dashboard: {api.url}")  # noqa: T201
    return api
