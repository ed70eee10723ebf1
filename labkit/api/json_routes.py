"""The routes under ``/api``, and how a JSON answer is made.

Each route calls one function of `table` or of `data_source`. `_json` makes the answer, with an ETag
where the client may ask again for the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, Tag

from labkit.api import pipeline_schemas as lab_models
from labkit.api import response_schemas as models
from labkit.api.data_source import VERSION, DataSource
from labkit.api.reading_latency import iso
from labkit.table.dashboard_query import dashboard
from labkit.table.emission_series import emission_series
from labkit.table.paging import page_after
from labkit.table.snapshot import Snapshot
from labkit.table.summary import facilities, summary

PROBLEMS = {
    400: "The Host header is not trusted, or the cursor is malformed",
    422: "A parameter is not as described",
    503: "The CSV is being read for the first time",
}
VOLATILE_FIELDS = {"age_s", "simulated_at", "updated_at"}  # they change with the clock alone
OUTDATED = "The cursor points past the last row: the CSV was started again"


def _as_problem(description: str) -> dict[str, Any]:
    schema = models.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs")  # they are among the components already
    content = {"application/problem+json": {"schema": schema}}
    return {"description": description, "content": content}


data_tag = Tag(name="data", description="Readings and their totals.")
lab_tag = Tag(name="lab", description="The state of the lab.")
routes = APIBlueprint(
    "labkit",
    __name__,
    url_prefix="/api",
    abp_responses={status: _as_problem(text) for status, text in PROBLEMS.items()},
    operation_id_callback=lambda *, name, **_: name,
)


def data_source() -> DataSource:
    """Return what this app answers from."""
    data: DataSource = current_app.extensions["labkit"]
    return data


@routes.get("/health", tags=[lab_tag], responses={200: models.Health})
def get_health(query: models.NoQuery) -> Response:
    """Return whether data come in, and what prevents them."""
    return _json(data_source().health())


@routes.get(
    "/readings", tags=[data_tag], responses={200: models.Readings, 409: _as_problem(OUTDATED)}
)
def get_readings(query: models.ReadingsQuery) -> Response:
    """Return readings in the order of their offsets, page by page; the newest without `after`."""
    return _snapshot_answer(
        lambda now: page_after(now, query.after, query.limit, query.filters)._asdict()
    )


@routes.get("/series", tags=[data_tag], responses={200: models.Series})
def get_series(query: models.SeriesQuery) -> Response:
    """Return CO2 in tonnes per hour over time, up to the newest reading."""
    return _snapshot_answer(
        lambda now: emission_series(now, query.by, query.window_s, query.bucket_s, query.filters)
    )


@routes.get("/summary", tags=[data_tag], responses={200: models.Summary})
def get_summary(query: models.SummaryQuery) -> Response:
    """Return totals, rates and shares, of all readings or of the last seconds."""
    return _snapshot_answer(lambda now: summary(now, query.window_s, query.filters, query.top))


@routes.get("/facilities", tags=[data_tag], responses={200: models.Facilities})
def get_facilities(query: models.Selection) -> Response:
    """Return every facility with its newest load and rate, and its totals."""
    return _snapshot_answer(lambda now: {"facilities": facilities(now, query.filters)})


@routes.get("/dashboard", tags=[data_tag], responses={200: lab_models.Dashboard})
def get_dashboard(query: models.DashboardQuery) -> Response:
    """Return everything that the page shows, of one moment: one request per poll."""
    data = data_source()
    now = data.snapshot()
    live = data.live(now)

    def answer() -> dict[str, Any]:
        shown = dashboard(
            now,
            query.by,
            query.window_s,
            query.bucket_s,
            query.filters,
            heat_window_s=query.heat_window_s,
            top=query.top,
            limit=query.limit,
        )
        return {"served_at": iso(datetime.now(UTC)), **live, **shown}

    return _conditional_answer(f"{now.version}-{_fingerprint(live)}", answer)


@routes.get("/pipeline", tags=[lab_tag], responses={200: lab_models.Pipeline})
def get_pipeline(query: models.NoQuery) -> Response:
    """Return position, lag, rate and dead letters of each partition, and the latency."""
    data = data_source()
    return _content_answer(data.pipeline(data.current()))


@routes.get("/latency", tags=[lab_tag], responses={200: lab_models.Latency})
def get_latency(query: models.NoQuery) -> Response:
    """Return how long readings take from the producer to this API."""
    data = data_source()
    return _content_answer(data.latency(data.current()))


@routes.get("/ledger", tags=[lab_tag], responses={200: lab_models.FileLedger})
def get_ledger(query: models.NoQuery) -> Response:
    """Return the tonnes at each stage, and whether they agree, without asking Kafka."""
    data = data_source()
    return _content_answer(data.ledger(data.current(data.snapshot())))


def _snapshot_answer(answer: Callable[[Snapshot], dict[str, Any]]) -> Response:
    """Answer from the newest snapshot; 304 if the client has this answer already."""
    now = data_source().snapshot()
    return _conditional_answer(now.version, lambda: answer(now))


def _content_answer(content: dict[str, Any]) -> Response:
    """Answer; 304 if only the time has changed."""
    return _conditional_answer(_fingerprint(content), lambda: content)


def _conditional_answer(state: str, answer: Callable[[], dict[str, Any]]) -> Response:
    """Answer; 304 if the client has the answer that this state gives to this request."""
    etag = f"{state}-{crc32(request.full_path.encode()):08x}-{VERSION}"
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        response = _json(answer())
    response.set_etag(etag, weak=True)
    return response


def _fingerprint(content: dict[str, Any]) -> str:
    """Return a checksum that changes with everything but the time."""
    return f"{crc32(json.dumps(_without_volatile(content)).encode()):08x}"


def _without_volatile(content: Any) -> Any:
    if isinstance(content, list):
        return [_without_volatile(value) for value in content]
    if isinstance(content, dict):
        kept = content.keys() - VOLATILE_FIELDS
        return {name: _without_volatile(content[name]) for name in sorted(kept)}
    return content


def _json(content: dict[str, Any]) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text, content_type="application/json")
