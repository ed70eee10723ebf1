"""The web page that ``web/`` builds, and the page for trying the API."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import flask_openapi3_swagger
from flask import Blueprint, Response, send_from_directory

from labkit.api.compression import prepare_file
from labkit.api.problem_responses import PAGE_POLICY

PAGE_DIR = Path(str(resources.files("labkit"))) / "api" / "static"
SWAGGER_DIR = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
A_YEAR_S = 365 * 86_400

# Swagger UI sets inline styles and loads its icons from data: URLs.
DOCS_POLICY = f"{PAGE_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
DOCS_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>The lab's API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/css/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/js/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
DOCS_SCRIPT = """SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true });
"""
NOT_BUILT_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>The page is not built</title></head>
<body>
<h1>The web page has not been built yet</h1>
<p>The API works: try <a href="api/docs">api/docs</a> or <a href="api/health">api/health</a>.</p>
<p>To build the page, type this in the folder of the project, and load this page again:</p>
<pre>make setup</pre>
</body>
</html>
"""

pages = Blueprint("pages", __name__)


@pages.get("/")
def index() -> Response:
    """Show the dashboard."""
    if not (PAGE_DIR / "index.html").is_file():
        return Response(NOT_BUILT_PAGE, content_type="text/html; charset=utf-8")
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
    response = Response(DOCS_PAGE, content_type="text/html; charset=utf-8")
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
