"""The API over a raw socket: foreign hosts, ways out of the folder, what is not HTTP at all."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest
from csv_feed import TOPIC, CsvFeed
from raw_http import Answer, ask, get

from labkit.api import response_schemas, web_page
from labkit.api.app import Api, create_app, start_api
from labkit.api.problem_responses import HEADERS
from labkit.api.waitress_server import MAX_BODY_BYTES, MAX_HEADER_BYTES
from labkit.core import background_workers

CANARY = b"canary-7f3a"  # lies in every file that no answer may hold
METHODS = [b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"BREW"]
FOREIGN_HOSTS = [
    *(b"evil.com", b"evil.com:80", b"localhost.evil.com", b"evil.com.localhost.", b"xlocalhost"),
    *(b"127.0.0.1.nip.io", b"127.0.0.2", b"0.0.0.0", b"2130706433", b"0x7f.1", b"10.0.0.1"),
    *(b"[::1]", b"[::ffff:127.0.0.1]", b"127.0.0.1@evil.com", b"localhost@evil.com"),
    *(b"localhost, evil.com", b"evil.com, localhost", b"localhost evil.com", b"localhost/", b"*"),
    *(b"localhost#.evil.com", b"localhost\\.evil.com", b"localhost%00.evil.com", b"", b":80"),
    *(b"l\xc3\xb6calhost", b"\xe2\x93\x9bocalhost", b"localhost\xc2\xa0", b"a" * 5000),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Serve real data and a page of our own, with canaries all around both."""
    folder = tmp_path_factory.mktemp("attacked")
    page = folder / "static" / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>the page</title>")
    (page / "assets" / "index-1a2b.js").write_text("1")
    feed = CsvFeed(folder / "data")
    feed.write(rounds=3)
    feed.close()
    for place in ("", "static", "static/page-evil", "data", f"data/{TOPIC}"):
        (folder / place).mkdir(exist_ok=True)
        for name in ("secret.txt", ".env", "api.py"):
            (folder / place / name).write_bytes(CANARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        patch.setattr(web_page, "PAGE_DIR", page)
        yield start_api(folder / "data", port=0, topic=TOPIC)
        background_workers.stop_all()


def paths_of_all_routes() -> list[str]:
    """Return one path for each rule of the app, and some that there are not."""
    rules = create_app(Path("nowhere"), TOPIC).url_map.iter_rules()
    paths = [re.sub("<[^>]*>", "index-1a2b.js", str(rule)) for rule in rules]
    return [*paths, "/nothing", "/api/nothing", "/api/docs/css/swagger-ui.css", "/assets/none.js"]


def is_guarded(answer: Answer) -> None:
    """Check what every answer has, whichever part made it."""
    for name, value in HEADERS.items():
        assert name.lower() in answer.headers, name
        if name not in ("Content-Security-Policy", "Cache-Control"):
            assert answer.headers[name.lower()] == value
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; object-src 'none'; base-uri 'none'")
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy  # so 'self' counts: no inline script, none from elsewhere
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "server" not in answer.headers
    assert "location" not in answer.headers


def is_problem(answer: Answer) -> dict[str, object]:
    assert answer.headers["content-type"] == "application/problem+json"
    shown: dict[str, object] = json.loads(answer.body)
    response_schemas.Problem.model_validate(shown)
    assert shown["status"] == answer.status
    return shown


@pytest.mark.parametrize("path", paths_of_all_routes())
def test_every_route_refuses_every_foreign_host(api: Api, path: str) -> None:
    for host, method in product(FOREIGN_HOSTS, METHODS):
        answer = get(api.port, path.encode(), host, method)
        assert answer.status == 400, (host, method)
        is_guarded(answer)
        if method != b"HEAD":
            is_problem(answer)
        assert b"evil" not in answer.body


def test_a_host_that_is_missing_or_in_the_request_line_counts_too(api: Api) -> None:
    here = f"127.0.0.1:{api.port}".encode()
    assert ask(api.port, b"GET /api/health HTTP/1.0\r\n\r\n").status == 400
    assert ask(api.port, b"GET /api/health HTTP/1.1\r\n\r\n").status == 400
    assert get(api.port, b"http://evil.com/api/health").status == 400
    assert get(api.port, b"http://localhost@evil.com/api/health").status == 400
    assert get(api.port, b"http://%b/api/health" % here, b"evil.com").status == 200
    forwarded = b"GET /api/health HTTP/1.1\r\nHost: evil.com\r\n"
    for line in (
        b"X-Forwarded-Host: localhost",
        b"Forwarded: host=localhost",
        b"X_Host: localhost",
    ):
        assert ask(api.port, forwarded + line + b"\r\nConnection: close\r\n\r\n").status == 400


@pytest.mark.parametrize("path", paths_of_all_routes())
@pytest.mark.parametrize("method", METHODS)
def test_every_answer_is_guarded_and_only_reading_is_answered(
    api: Api, path: str, method: bytes
) -> None:
    answer = get(api.port, path.encode(), method=method)
    is_guarded(answer)
    there_is = "nothing" not in path and "none" not in path
    if method in (b"GET", b"HEAD") and there_is:
        assert answer.status in (200, 404)  # /api/docs/index-1a2b.js
        assert method == b"GET" or answer.body == b""
    elif answer.status in (405, 200):
        allowed = answer.headers["allow"].replace(" ", "").split(",")
        assert sorted(allowed) == ["GET", "HEAD", "OPTIONS"]
        assert (answer.status == 200) == (method == b"OPTIONS")
    else:
        assert answer.status == 404
    if answer.status >= 400 and method != b"HEAD":
        is_problem(answer)


def test_nothing_modified_is_guarded_as_well(api: Api) -> None:
    known = get(api.port, b"/api/summary").headers["etag"].encode()
    for path in (b"/api/summary", b"/", b"/assets/index-1a2b.js", b"/api/docs/css/swagger-ui.css"):
        known = get(api.port, path).headers["etag"].encode()
        line = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % path
        answer = ask(api.port, line + b"If-None-Match: %b\r\n\r\n" % known)
        assert (answer.status, answer.body) == (304, b"")
        is_guarded(answer)


def test_no_answer_may_be_read_by_another_origin(api: Api) -> None:
    for method in (b"GET", b"OPTIONS"):
        line = b"%b /api/readings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % method
        preflight = b"Origin: http://evil.com\r\nAccess-Control-Request-Method: GET\r\n\r\n"
        is_guarded(ask(api.port, line + preflight))


HEAD = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n"
NOT_HTTP = {
    "noise": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),  # a TLS hello
    "a small method": (b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "no target": (b"GET\r\nHost: localhost\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "half an address": (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "half an address and a path": (b"GET http://[::1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a bare line feed": (HEAD + b"X: <evil>\n Y: 1\r\n\r\n", 400),
    "a header without colon": (HEAD + b"<evil>\r\n\r\n", 400),
    "a length below zero": (HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "an endless length": (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    "a large length": (HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES, 413),
    "a large body": (
        HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 9) + b"x" * (MAX_BODY_BYTES + 9),
        413,
    ),
    "a large body in chunks": (
        HEAD
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"1000\r\n"
        + b"x" * 4096
        + b"\r\n" * 1
        + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 20
        + b"0\r\n\r\n",
        413,
    ),
    "chunks of a strange size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400),
    "another encoding": (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "encoding and length": (
        HEAD + b"Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n",
        501,
    ),
    "many headers": (HEAD + b"X-<evil>: 1\r\n" * 2000 + b"\r\n", 431),
    "one long header": (HEAD + b"Cookie: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n", 431),
    "a long address": (b"GET /" + b"x" * MAX_HEADER_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_never_reaches_flask_is_a_guarded_problem_too(api: Api, name: str) -> None:
    request, status = NOT_HTTP[name]
    answer = ask(api.port, request)
    assert answer.status == status
    is_guarded(answer)
    is_problem(answer)
    assert b"evil" not in answer.body
    assert get(api.port, b"/api/health").status == 200  # and it goes on


def test_who_never_ends_is_cut_off(api: Api) -> None:
    with socket.create_connection(("127.0.0.1", api.port), 30) as connection:
        connection.sendall(HEAD + b"Content-Length: 999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(b"x" * 100_000_000)
    assert get(api.port, b"/api/health").status == 200


def ways_out() -> list[bytes]:
    """Return targets that mean a file outside: 23 ways to say it, behind each address of files."""
    up = [
        *(b"../", b"..%2f", b"..%2F", b"%2e%2e/", b"%2e%2e%2f", b"%252e%252e%252f", b"..%252f"),
        *(b"..\\", b"..%5c", b"%2e%2e%5c", b"..%255c", b"....//", b"....\\\\", b"..;/", b".%00./"),
        *(
            b"..%00/",
            b"..%c0%af",
            b"%c0%ae%c0%ae/",
            b"..%e0%80%af",
            b"%uff0e%uff0e/",
            b"..%ef%bc%8f",
        ),
        *(b"\xef\xbc\x8e\xef\xbc\x8e/", b".%0d%0a./", b"./../"),
    ]
    climbs = [step * times + name for step in up for times in (1, 2, 4) for name in SECRETS]
    return [prefix + one for prefix in (b"/", b"/assets/", b"/api/docs/") for one in climbs]


SECRETS = (b"secret.txt", b".env", b"api.py", b"page-evil/secret.txt", b"data/secret.txt")


def test_no_way_leads_out_of_the_folder(api: Api) -> None:
    absolute = str(api.data_dir / "secret.txt")
    assert CANARY in (api.data_dir / "secret.txt").read_bytes()
    others = [
        *(quote(absolute, safe="").encode(), absolute.encode(), b"/" + absolute.encode()),
        *(b"file://" + absolute.encode(), b"C:/Windows/win.ini", b"C:%5cWindows%5cwin.ini"),
        *(b"%5c%5clocalhost%5cc$%5cwin.ini", b"con", b"nul", b"secret.txt%00.js", b"~/.ssh/id_rsa"),
        *(b"index-1a2b.js/../../../secret.txt", b"index-1a2b.js%00.txt", b"index-1a2b.js::$DATA"),
    ]
    targets = ways_out()
    targets += [prefix + one for prefix in (b"/", b"/assets/", b"/api/docs/") for one in others]
    assert len(targets) > 1000
    for target in targets:
        answer = get(api.port, target)
        assert answer.status in (400, 404), target
        assert CANARY not in answer.body, target
        is_guarded(answer)
        is_problem(answer)


SENT_ELSEWHERE = [
    *(b"//evil.com", b"//evil.com/", b"///evil.com/%2f..", b"/\\evil.com", b"/%5cevil.com"),
    *(b"//evil.com/api", b"/api//evil.com", b"/api/health/", b"/api/docs/", b"/api//health"),
    *(b"/assets//evil.com", b"/assets", b"/api", b"/api/", b"/%09/evil.com", b"/%0d%0aLocation:x"),
    *(b"/?next=//evil.com", b"/http://evil.com", b"/;@evil.com", b"/.evil.com", b"/@evil.com"),
    *(b"http://localhost//evil.com/", b"//localhost@evil.com/", b"/%2f%2fevil.com"),
]


@pytest.mark.parametrize("target", SENT_ELSEWHERE)
def test_nobody_is_sent_elsewhere(api: Api, target: bytes) -> None:
    answer = get(api.port, target)
    assert answer.status in (200, 404)  # 200: the page itself, which minds no parameters
    is_guarded(answer)
    assert b"evil" not in answer.body
