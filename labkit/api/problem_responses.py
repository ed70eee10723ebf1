"""Errors as ``application/problem+json``, and the security headers of every answer.

See: RFC 9457 (problem details), and the OWASP Secure Headers Project.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, SecurityError

from labkit.api import response_schemas
from labkit.api.response_schemas import ParameterError
from labkit.core.errors import CursorInvalid, CursorOutdated, FrontEndMissing, LabError

# Load only from this server, and run no inline script. 'self' may frame the page: notebook 00 shows
# it through jupyter-server-proxy, which has JupyterLab's origin.
PAGE_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # keep it, but ask whether it has changed (ETag, 304)
}
_STATUS = {
    CursorInvalid: HTTPStatus.BAD_REQUEST,
    CursorOutdated: HTTPStatus.CONFLICT,
    FrontEndMissing: HTTPStatus.NOT_FOUND,
}
_NEXT = {
    404: "GET /api/docs lists every address",
    405: "GET: this API only reads",
    500: "labkit doctor",
    503: "ask again in a second",
}

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Let an app answer every error as a problem, and set the headers on every answer."""
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(LabError, _lab_problem)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_add_headers)


def problem(status: int, detail: str, next_line: str = "", **extra: Any) -> Response:
    """Return a problem; ``extra`` are members in addition to those of RFC 9457."""
    body = {
        "type": "about:blank",  # the status tells the problem
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "next": next_line or _NEXT.get(int(status), ""),
        **extra,
    }
    return Response(json.dumps(body), status, content_type="application/problem+json")


def invalid_query(error: ValidationError) -> Response:
    """Return what is wrong with each parameter, and the names of the known ones."""
    known = ", ".join(getattr(response_schemas, error.title).model_fields) or "none"
    errors = []
    for wrong in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(place) for place in wrong["loc"][:1]) or "query"
        reason = wrong["msg"].removeprefix("Value error, ")
        if wrong["type"] == "extra_forbidden":
            reason = f"is not a parameter of this address; there are: {known}"
        errors.append(ParameterError(parameter=name, detail=reason).model_dump())
    detail = "; ".join(f"{wrong['parameter'][:60]}: {wrong['detail']}" for wrong in errors)
    return problem(
        422, detail, f"GET /api/docs shows the parameters of {request.path}", errors=errors
    )


def _http_problem(error: HTTPException) -> Response | HTTPException:
    if error.response is not None or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error  # a redirect, or an error that has its answer already
    detail, next_line = error.description or "", ""
    if isinstance(error, SecurityError):
        detail = (
            "This API answers only to the names localhost and 127.0.0.1, and this request's Host "
            "header has another. (Otherwise any web page could read your data by DNS rebinding.)"
        )
        next_line = (
            "set LABKIT_TRUSTED_HOSTS to the name in your address bar, and start the API again"
        )
    answer = problem(error.code, detail, next_line)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def _lab_problem(error: LabError) -> Response:
    status = _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(error)
    return problem(status, error.what, error.next_line)


def _unexpected(error: Exception) -> Response:
    """Answer 500 without details: paths and values go to the log only."""
    log.error("the API failed at %s", request.path, exc_info=error)
    return problem(500, "The API failed; its log says why.")


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
