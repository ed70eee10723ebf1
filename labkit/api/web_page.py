"""The web page that ``web/`` builds, and the page for trying the API."""

from __future__ import annotations

from pathlib import Path

import flask_openapi3_swagger
from flask import Blueprint, Response, send_from_directory

from labkit.api.compression import prepare_file
from labkit.api.problem_responses import PAGE_POLICY

HERE = Path(__file__).parent
PAGE_DIR = HERE / "static"
SWAGGER_DIR = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
A_YEAR_S = 365 * 86_400

# Swagger UI sets inline styles and loads its icons from data: URLs.
DOCS_POLICY = f"{PAGE_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
DOCS_SCRIPT = """SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true });
"""

pages = Blueprint("pages", __name__)


@pages.get("/")
def index() -> Response:
    """Show the dashboard."""
    if not (PAGE_DIR / "index.html").is_file():
        return _own_page("not_built")
    return prepare_file(send_from_directory(PAGE_DIR, "index.html"))


@pages.get("/assets/<path:name>")
def assets(name: str) -> Response:
    """Serve the page's scripts and styles, whose names change with their content."""
    response = prepare_file(send_from_directory(PAGE_DIR / "assets", name))
    response.headers["Cache-Control"] = f"public, max-age={A_YEAR_S}, immutable"
    return response


@pages.get("/api/docs")
def docs() -> Response:
    """Show a page for trying every address."""
    response = _own_page("docs")
    response.headers["Content-Security-Policy"] = DOCS_POLICY
    return response


@pages.get("/api/docs/start.js")
def docs_script() -> Response:
    """Serve the line that starts Swagger UI; the policy forbids inline scripts."""
    return Response(DOCS_SCRIPT, content_type="text/javascript; charset=utf-8")


@pages.get("/api/docs/<path:name>")
def docs_assets(name: str) -> Response:
    """Serve Swagger UI's files."""
    return prepare_file(send_from_directory(SWAGGER_DIR, name))


def _own_page(name: str) -> Response:
    return Response((HERE / "pages" / f"{name}.html").read_text("utf-8"), mimetype="text/html")
