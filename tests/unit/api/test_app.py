"""Every address of the API: its answers, its errors, and who it does not answer to."""

from __future__ import annotations

import gzip
import json
import logging
import os
import socket
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from csv_feed import TOPIC, CsvFeed
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from werkzeug.test import TestResponse

from labkit.api import compression, data_source, pipeline_schemas, response_schemas, web_page
from labkit.api.app import create_app, start_api
from labkit.core import background_workers
from labkit.core.errors import LabError
from labkit.core.run_files import read_run_files
from labkit.sink.partition_status import PartitionStatus

ANSWERS: dict[str, type[BaseModel]] = {
    "/api/health": response_schemas.Health,
    "/api/readings": response_schemas.Readings,
    "/api/series": response_schemas.Series,
    "/api/summary": response_schemas.Summary,
    "/api/facilities": response_schemas.Facilities,
    "/api/pipeline": pipeline_schemas.Pipeline,
    "/api/latency": pipeline_schemas.Latency,
    "/api/ledger": pipeline_schemas.FileLedger,
    "/api/dashboard": pipeline_schemas.Dashboard,
}
NEWS = [path for path in ANSWERS if path not in ("/api/health", "/api/latency")]
"""What new rows change."""
EVERY_PATH = [*ANSWERS, "/", "/api/docs", "/api/docs/start.js", "/api/openapi.json", "/api/nothing"]


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path / ".labkit"))
    yield
    background_workers.stop_all()


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[CsvFeed]:
    feed = CsvFeed(tmp_path)
    yield feed
    feed.close()


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return create_app(tmp_path, TOPIC)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """Return a client of an API with data, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("busy")
    feed = CsvFeed(folder)
    feed.write(rounds=5)
    feed.close()
    return create_app(folder, TOPIC).test_client()


def problem(response: TestResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    shown: dict[str, Any] = json.loads(response.data)
    response_schemas.Problem.model_validate(shown)
    assert shown["status"] == response.status_code
    assert shown["title"]
    assert shown["detail"]
    return shown


@pytest.mark.parametrize("path", ANSWERS)
def test_without_a_csv_the_answers_are_empty_and_well(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    ANSWERS[path].model_validate_json(response.data)
    shown = response.get_json()
    assert shown.get("status", "empty") == "empty"
    if path == "/api/pipeline":
        assert shown["state"] == "absent"
    if path == "/api/ledger":
        assert shown["sentence"].startswith("There is nothing to compare yet.")


@pytest.mark.parametrize("path", ANSWERS)
def test_answers_are_as_described(feed: CsvFeed, client: FlaskClient, path: str) -> None:
    feed.write(rounds=30)
    response = client.get(path)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    model = ANSWERS[path]
    model.model_validate_json(response.data)
    assert set(response.get_json()) == set(model.model_fields)


def test_every_field_of_an_answer_is_described(feed: CsvFeed, client: FlaskClient) -> None:
    feed.write(rounds=30)
    reading = client.get("/api/readings").get_json()["readings"][0]
    assert set(reading) == set(response_schemas.StoredReading.model_fields)
    facility = client.get("/api/facilities").get_json()["facilities"][0]
    assert set(facility) == set(response_schemas.FacilityNow.model_fields)
    assert set(client.get("/api/series").get_json()["series"][0]) == set(
        response_schemas.Line.model_fields
    )


def test_pages_hold_every_reading_once_while_the_csv_grows(
    feed: CsvFeed, client: FlaskClient
) -> None:
    written, read, cursor = 0, [], ""
    for _ in range(4):
        written += feed.write(rounds=2)
        while True:
            page = client.get(
                "/api/readings", query_string={"after": cursor, "limit": 17}
            ).get_json()
            read += [(one["partition"], one["offset"]) for one in page["readings"]]
            cursor = page["next"]
            if not page["more"]:
                break
    assert len(read) == len(set(read)) == written


@pytest.mark.parametrize("path", NEWS)
def test_304_until_something_changes(
    tmp_path: Path, feed: CsvFeed, client: FlaskClient, path: str
) -> None:
    feed.write(rounds=2)
    first = client.get(path)
    known = {"If-None-Match": first.headers["ETag"]}
    again = client.get(path, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    feed.write(rounds=1)
    write_status(tmp_path, 0, lag=99)
    changed = client.get(path, headers=known)
    assert changed.status_code == 200
    assert changed.data != first.data


def test_an_etag_of_one_question_is_none_of_another(busy: FlaskClient) -> None:
    known = {"If-None-Match": busy.get("/api/series?window_s=60").headers["ETag"]}
    assert busy.get("/api/series?window_s=120", headers=known).status_code == 200
    assert busy.get("/api/summary", headers=known).status_code == 200


def test_an_etag_outlives_a_restart(tmp_path: Path, feed: CsvFeed) -> None:
    feed.write(rounds=2)
    before, after = (
        create_app(tmp_path, TOPIC).test_client().get("/api/summary").headers["ETag"]
        for _ in range(2)
    )
    assert before == after


@pytest.mark.parametrize("path", EVERY_PATH)
@pytest.mark.parametrize(
    "host", ["evil.com", "localhost.evil.com", "127.0.0.1.nip.io", "127.0.0.1@evil.com", "10.0.0.1"]
)
def test_a_foreign_host_is_refused(busy: FlaskClient, path: str, host: str) -> None:
    shown = problem(busy.get(path, headers={"Host": host}))
    assert shown["status"] == 400
    assert "LABKIT_TRUSTED_HOSTS" in shown["next"]


@pytest.mark.parametrize("host", ["localhost", "localhost:8050", "127.0.0.1:1"])
def test_its_own_names_are_answered(busy: FlaskClient, host: str) -> None:
    assert busy.get("/api/health", headers={"Host": host}).status_code == 200


def test_a_host_can_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_TRUSTED_HOSTS", "hub.example.org, lab.example.org .class.example")
    client = create_app(tmp_path, TOPIC).test_client()
    assert client.get("/api/health", headers={"Host": "lab.example.org:443"}).status_code == 200
    assert client.get("/api/health", headers={"Host": "evil.com"}).status_code == 400
    assert client.get("/api/health", headers={"Host": "ada.class.example"}).status_code == 200
    assert client.get("/api/health", headers={"Host": "evilclass.example"}).status_code == 400


@pytest.mark.parametrize("path", EVERY_PATH)
def test_every_answer_carries_the_security_headers(busy: FlaskClient, path: str) -> None:
    headers = busy.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy  # so no inline script anywhere, docs included
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-cache"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("readings?limit=0", "limit"),
        ("readings?limit=5001", "limit"),
        ("readings?limit=many", "limit"),
        ("readings?limt=5", "limt"),
        ("readings?__class__=1", "__class__"),
        ("series?by=owner", "by"),
        ("series?window_s=9", "window_s"),
        ("series?window_s=604801", "window_s"),
        ("series?bucket_s=0", "bucket_s"),
        ("summary?window_s=NaN", "window_s"),
        ("health?x=1", "x"),
        ("pipeline?x=1", "x"),
        ("facilities?limit=1", "limit"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(busy: FlaskClient, query: str, parameter: str) -> None:
    response = busy.get(f"/api/{query}")
    assert response.status_code == 422
    shown = problem(response)
    assert [one["parameter"] for one in shown["errors"]] == [parameter]
    assert "/api/docs" in shown["next"]


def test_a_window_is_at_least_one_point_long(busy: FlaskClient) -> None:
    shown = busy.get("/api/series?window_s=10&bucket_s=86400").get_json()
    assert (shown["window_s"], shown["bucket_s"]) == (86_400, 86_400)


def test_points_are_never_more_than_a_page_can_draw(busy: FlaskClient) -> None:
    shown = busy.get("/api/series?window_s=604799&bucket_s=1").get_json()
    assert (shown["window_s"], shown["bucket_s"]) == (604_799, 121)


def test_a_misspelt_parameter_is_told_the_names_there_are(busy: FlaskClient) -> None:
    detail = problem(busy.get("/api/readings?limt=5"))["detail"]
    assert "after, limit" in detail
    assert "there are: none" in problem(busy.get("/api/health?x=1"))["detail"]


def test_filters_may_be_repeated(busy: FlaskClient) -> None:
    both = busy.get("/api/facilities?country=PL&country=DE").get_json()["facilities"]
    assert {one["country"] for one in both} == {"PL", "DE"}


@pytest.mark.parametrize(
    ("after", "status"),
    [
        *[(after, 400) for after in ("x", "0.1-", "0.1\n", "0.1\0", "٣.٤", "-0.1", "0.-1", " ")],
        *[(after, 409) for after in ("0.999999999", "77.0", "0.1-0.2-77.0")],
    ],
)
def test_a_cursor_that_is_none_or_of_another_csv_is_refused(
    busy: FlaskClient, after: str, status: int
) -> None:
    response = busy.get("/api/readings", query_string={"after": after})
    assert response.status_code == status
    assert "/api/readings" in problem(response)["next"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/api/health", "/", "/api/openapi.json"])
def test_it_only_reads(busy: FlaskClient, method: str, path: str) -> None:
    response = getattr(busy, method)(path)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert "GET" in problem(response)["next"]


def test_an_unknown_address_is_a_problem_and_does_not_repeat_it(busy: FlaskClient) -> None:
    response = busy.get("/api/<script>alert(1)</script>")
    assert response.status_code == 404
    assert "script" not in json.dumps(problem(response))


def test_an_error_inside_shows_no_path(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def broken(_: object, wait_s: float = 0) -> int:
        raise RuntimeError(f"secret {__file__}")

    client.get("/api/summary")  # the first reading is done
    monkeypatch.setattr(data_source.Table, "refresh", broken)
    with caplog.at_level(logging.ERROR):
        response = client.get("/api/summary")
    shown = problem(response)
    assert shown["status"] == 500
    assert shown["next"] == "labkit doctor"
    assert "secret" not in response.text
    assert "secret" in caplog.text


def test_where_the_page_is_built_it_is_served(
    busy: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>live</title>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("1")
    monkeypatch.setattr(web_page, "PAGE_DIR", tmp_path)
    assert "live" in busy.get("/", buffered=True).text
    script = busy.get("/assets/index-1a2b.js", buffered=True)
    assert script.content_type.startswith("text/javascript")
    assert "immutable" in script.headers["Cache-Control"]
    assert busy.get("/assets/nothing.js").status_code == 404


def test_where_the_page_is_not_built_it_says_what_to_type(
    busy: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_page, "PAGE_DIR", tmp_path)
    response = busy.get("/")
    assert response.status_code == 200
    assert "make setup" in response.text
    assert problem(busy.get("/assets/x.js"))["status"] == 404


def test_the_description_names_every_address_and_its_problems(busy: FlaskClient) -> None:
    described = busy.get("/api/openapi.json").get_json()
    assert set(described["paths"]) == set(ANSWERS)
    for path, methods in described["paths"].items():
        responses = methods["get"]["responses"]
        outdated = {"409"} if path == "/api/readings" else set()
        assert set(responses) == {"200", "400", "422", "503"} | outdated
        assert list(responses["422"]["content"]) == ["application/problem+json"]
        schema = responses["200"]["content"]["application/json"]["schema"]["$ref"]
        assert schema == f"#/components/schemas/{ANSWERS[path].__name__}"
    text = json.dumps(described)
    for name in {ref.split('"')[0] for ref in text.split("#/components/schemas/")[1:]}:
        assert name in described["components"]["schemas"]


def test_the_page_to_try_it_has_all_its_files(busy: FlaskClient) -> None:
    page = busy.get("/api/docs").text
    files = [part.split('"')[0] for part in page.split('="docs/')[1:]]
    assert len(files) == 3
    for name in files:
        assert busy.get(f"/api/docs/{name}", buffered=True).status_code == 200
    assert "http" not in page


def write_status(data_dir: Path, partition: int, **changes: Any) -> PartitionStatus:
    fields = {"topic": TOPIC, "group_id": "csv-writer", "member_id": "m", "pid": os.getpid()}
    status = PartitionStatus(
        partition=partition, **{**fields, "state": "running", "rows": 10, "grams": 5, **changes}
    )
    status.write(data_dir)
    return status


def test_the_pipeline_is_what_the_consumer_says(
    tmp_path: Path, feed: CsvFeed, client: FlaskClient
) -> None:
    write_status(tmp_path, 0, lag=3, lag_s=1.5)
    write_status(tmp_path, 1, lag=4, lag_s=0.5, dead_letters=2)
    shown = client.get("/api/pipeline").get_json()
    assert (shown["group_id"], shown["state"]) == ("csv-writer", "running")
    assert [one["partition"] for one in shown["partitions"]] == [0, 1]
    totals = {"rows": 20, "dead_letters": 2, "lag": 7, "lag_s": 1.5, "co2_g": 10}
    assert totals.items() <= shown["totals"].items()


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "running"),
        ({"state": "paused", "reason": "the disk is full"}, "running"),
        ({"state": "stopped"}, "stale"),
        ({"state": "failed", "reason": "x"}, "stale"),
        ({"updated_at": datetime.now(UTC) - timedelta(minutes=1)}, "stale"),
    ],
)
def test_a_consumer_that_says_nothing_is_stale(
    tmp_path: Path, feed: CsvFeed, client: FlaskClient, changes: dict[str, Any], state: str
) -> None:
    write_status(tmp_path, 0, **changes)
    assert client.get("/api/pipeline").get_json()["state"] == state


def test_health_tells_what_is_wrong(tmp_path: Path, feed: CsvFeed, client: FlaskClient) -> None:
    feed.write(rounds=1)
    client.get("/api/summary")
    assert client.get("/api/health").get_json()["status"] == "ok"
    write_status(tmp_path, 1, state="paused", reason="the disk is full")
    with (tmp_path / TOPIC / "0.csv").open("ab") as file:
        file.write(b"garbage\n")
    shown = client.get("/api/health").get_json()
    assert shown["status"] == "degraded"
    assert shown["rows"] == feed.facilities
    assert any("not true" in one for one in shown["problems"])
    assert "partition 1 is paused: the disk is full" in shown["problems"]
    assert 0 <= shown["age_s"] < 3600


def test_while_the_csv_is_read_for_the_first_time_it_says_so(
    feed: CsvFeed, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/api/summary")
    app.extensions["labkit"]._loaded.clear()
    monkeypatch.setattr(data_source, "LOADING_WAIT_S", 0.01)
    response = client.get("/api/series")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert "first time" in problem(response)["detail"]
    health = client.get("/api/health").get_json()
    assert health["status"] == "degraded"
    assert "first time" in health["problems"][0]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(sorted(ANSWERS)),
    query=st.lists(
        st.tuples(
            st.sampled_from(["after", "limit", "by", "window_s", "bucket_s", "fuel", "x"]),
            st.text(max_size=12) | st.integers(-5, 10**7).map(str) | st.just("0.1"),
        ),
        max_size=4,
    ),
)
def test_no_query_breaks_it(busy: FlaskClient, path: str, query: list[tuple[str, str]]) -> None:
    response = busy.get(path, query_string=query)
    if response.status_code == 200:
        ANSWERS[path].model_validate_json(response.data)
    else:
        assert response.status_code in (400, 422)
        problem(response)


def test_it_serves_on_this_machine_alone_and_stops(tmp_path: Path, feed: CsvFeed) -> None:
    feed.write(rounds=1)
    with start_api(tmp_path, port=0) as api:
        with urllib.request.urlopen(f"{api.url}/api/summary", timeout=30) as response:
            assert json.load(response)["records"] == feed.facilities
            assert response.headers["Server"] is None
        assert api.url == f"http://127.0.0.1:{api.port}"
        assert api.url in repr(api)
        (run,) = read_run_files("api")
        assert (run["url"], run["topic"], run["data_dir"]) == (api.url, TOPIC, str(tmp_path))
    assert not api.is_running
    assert read_run_files("api") == []
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", api.port), timeout=5)


def test_started_again_under_its_name_it_replaces_the_first(tmp_path: Path) -> None:
    first = start_api(tmp_path, port=0)
    second = start_api(tmp_path, port=first.port)
    assert (first.is_running, second.is_running) == (False, True)
    assert second.port == first.port


@pytest.mark.parametrize("port", [None, 70_000])
def test_a_port_that_cannot_be_used_says_what_to_type(tmp_path: Path, port: int | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(LabError, match="cannot be used") as refused:
            start_api(tmp_path, port=port or taken.getsockname()[1])
        assert "--port 0" in refused.value.next_line
    assert background_workers.running() == []


def test_a_large_body_is_refused(tmp_path: Path) -> None:
    with start_api(tmp_path, port=0) as api:
        with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
            head = (
                f"POST /api/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: {10**9}\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]
        assert api.is_running


def test_every_operation_has_an_example_that_is_as_described(client: FlaskClient) -> None:
    description = client.get("/api/openapi.json").get_json()
    shown = {}
    for path, operations in description["paths"].items():
        for status, response in operations["get"]["responses"].items():
            for content in response.get("content", {}).values():
                assert "example" in content, f"{path} has no example of {status}"
                if status != "200":
                    response_schemas.Problem.model_validate(content["example"])
                else:
                    shown[path] = content["example"]
    assert set(shown) == set(ANSWERS)
    for path, example in shown.items():
        ANSWERS[path].model_validate(example)


def test_a_cursor_outlives_a_restart(tmp_path: Path, feed: CsvFeed, client: FlaskClient) -> None:
    feed.write(rounds=2)
    cursor = client.get("/api/dashboard").get_json()["next"]
    written = feed.write(rounds=1)
    restarted = create_app(tmp_path, TOPIC).test_client()
    page = restarted.get("/api/readings", query_string={"after": cursor}).get_json()
    assert (len(page["readings"]), page["more"]) == (written, False)
    assert page == client.get("/api/readings", query_string={"after": cursor}).get_json()


@pytest.mark.parametrize("path", [*NEWS, "/api/openapi.json", "/api/docs/js/swagger-ui-bundle.js"])
def test_packed_or_not_it_is_the_same_answer(busy: FlaskClient, path: str) -> None:
    plain = busy.get(path, buffered=True)
    packed = busy.get(path, headers={"Accept-Encoding": "br;q=1, gzip;q=0.5"}, buffered=True)
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain.headers
    assert plain.headers.get("ETag") == packed.headers.get("ETag")
    if len(plain.data) < compression.MIN_BYTES:
        assert "Content-Encoding" not in packed.headers
        return
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    if path != "/api/dashboard":  # which tells the time
        assert gzip.decompress(packed.data) == plain.data
    if "ETag" in packed.headers:
        known = {"If-None-Match": packed.headers["ETag"], "Accept-Encoding": "gzip"}
        again = busy.get(path, headers=known, buffered=True)
        assert (again.status_code, again.data) == (304, b"")
        assert (again.headers["ETag"], again.headers["Vary"]) == (
            plain.headers["ETag"],
            "Accept-Encoding",
        )


def test_a_file_is_packed_once_for_all_who_load_it(
    busy: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "assets").mkdir()
    script = tmp_path / "assets" / "index-1a2b.js"
    script.write_text("let packed = 'once';\n" * 500)
    monkeypatch.setattr(web_page, "PAGE_DIR", tmp_path)
    compressed: list[bytes] = []

    def count(app: Flask, data: bytes, algorithm: str) -> bytes:
        compressed.append(data)
        return gzip.compress(data)

    monkeypatch.setattr("flask_compress.flask_compress._compress_data", count)
    for _ in range(3):
        answer = busy.get(
            "/assets/index-1a2b.js", headers={"Accept-Encoding": "gzip"}, buffered=True
        )
        assert gzip.decompress(answer.data) == script.read_bytes()
    assert compressed == [script.read_bytes()]


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "*;q=0"])
def test_nobody_gets_gzip_who_has_not_asked_for_it(busy: FlaskClient, accepted: str) -> None:
    answer = busy.get("/api/series", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert answer.get_json()["by"] == "sector"


def test_one_question_gives_what_many_would(feed: CsvFeed, client: FlaskClient) -> None:
    feed.write(rounds=30)
    query = "sector=power&country=PL&country=DE"
    shown = client.get(f"/api/dashboard?window_s=20&by=fuel&top=3&limit=7&{query}").get_json()
    for part, path in {
        "now": f"summary?window_s=60&top=3&{query}",
        "window": f"summary?window_s=20&top=3&{query}",
        "all": f"summary?top=3&{query}",
        "series": f"series?by=fuel&window_s=20&{query}",
        "ledger": "ledger",
    }.items():
        assert shown[part] == client.get(f"/api/{path}").get_json(), part
    page = client.get(f"/api/readings?limit=7&{query}").get_json()
    assert (shown["readings"], shown["next"]) == (page["readings"], page["next"])
    assert len(page["readings"]) == 7
    assert shown["heat"] is None
    assert {"power", "steel"} <= {one["key"] for one in shown["choices"]["sector"]}
    heat = client.get("/api/dashboard?heat_window_s=21600").get_json()["heat"]
    assert (heat["bucket_s"], len(heat["times"])) == (360, 60)
