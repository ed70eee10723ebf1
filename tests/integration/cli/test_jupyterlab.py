"""`labkit lab`: a real JupyterLab, with a real kernel, which starts a real broker."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import psutil
import pytest
from running_lab import RunningLab, answer_of, in_kernel
from waiting import PATIENCE_S, wait_until
from websocket import WebSocketBadStatusException, create_connection

from labkit.cli.jupyterlab import open_lab
from labkit.core.errors import LabError
from labkit.core.processes import is_alive
from labkit.core.run_files import read_run_files


def test_only_this_machine_and_only_with_the_token(running: RunningLab) -> None:
    assert urllib.parse.urlsplit(running.url).path == "/lab/tree/00_start_here.ipynb"
    assert answer_of(urllib.request.Request(running.url))[0] == 200
    contents = urllib.parse.urljoin(running.url, "/api/contents")
    assert answer_of(urllib.request.Request(contents))[0] == 403
    assert running.ask("/api/contents", Host="evil.example")[0] == 403
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(running.process.pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_a_foreign_host_gets_nothing_and_nor_does_who_has_no_token(running: RunningLab) -> None:
    for path in ("/", "/lab", "/api/kernels", "/api/terminals", "/api/contents/x", "/proxy/1/"):
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1"):
            assert running.ask(path, Host=host)[0] == 403
        status, text = answer_of(urllib.request.Request(urllib.parse.urljoin(running.url, path)))
        assert status == 403 or "Token authentication is enabled" in text  # the page to log in
        assert running.token not in text


def test_a_stopped_api_fills_no_log(running: RunningLab) -> None:
    """The page in the notebook says that nobody answers; a traceback per request says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert running.ask(f"/proxy/{port}/api/dashboard")[0] == 500
    running.interrupt()
    assert running.process.stdout is not None
    said = running.process.stdout.read()
    assert "JupyterLab: " in said
    assert "Traceback" not in said
    assert "/proxy/" not in said


def test_another_page_cannot_use_the_browsers_cookie(running: RunningLab) -> None:
    """A page elsewhere can make the browser send its cookie, and not read or repeat it (XSRF)."""
    jar = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.open(running.url).close()
    kernels = urllib.parse.urljoin(running.url, "/api/kernels")
    with browser.open(kernels) as answer:
        assert json.load(answer) == []
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
    for origin in ({}, {"Origin": "http://evil.example"}):
        form = {"Cookie": cookies, "Content-Type": "text/plain", **origin}
        request = urllib.request.Request(kernels, b"{}", form, method="POST")
        assert answer_of(request)[0] in (403, 404)
    assert running.ask("/api/kernels") == (200, "[]")
    port = urllib.parse.urlsplit(running.url).port
    assert port is not None
    kernel_id = json.loads(running.ask("/api/kernels", "POST", {"name": "python3"})[1])["id"]
    channel = f"ws://127.0.0.1:{port}/api/kernels/{kernel_id}/channels"
    for origin in ("http://evil.example", f"http://127.0.0.1:{port + 1}", "null"):
        with pytest.raises(WebSocketBadStatusException, match="403"):
            create_connection(channel, cookie=cookies, origin=origin)
    create_connection(channel, cookie=cookies, origin=f"http://127.0.0.1:{port}").close()


def test_a_first_visit_begins_without_questions(running: RunningLab) -> None:
    status, settings = running.ask("/lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert status == 200
    assert json.loads(settings)["schema"]["properties"]["fetchNews"]["default"] == "false"
    kernels = json.loads(running.ask("/api/kernelspecs")[1])
    assert list(kernels["kernelspecs"]) == ["python3"]


def test_the_users_own_jupyter_is_not_touched(running: RunningLab) -> None:
    assert running.interrupt() == 0
    left = {path.name for path in running.home.iterdir()}
    assert left <= {".cache", ".ipython", ".local"}
    assert not (running.home / ".local" / "share" / "jupyter").exists()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process on Windows")
def test_a_broker_outlives_its_kernel_and_ends_with_jupyterlab(running: RunningLab) -> None:
    kernel_id = json.loads(running.ask("/api/kernels", "POST", {"name": "python3"})[1])["id"]
    start = "import labkit, sys; print(labkit.start_broker().bootstrap_servers, sys.executable)"
    address, python = in_kernel(running, kernel_id, start).split()
    assert python == sys.executable

    assert running.ask(f"/api/kernels/{kernel_id}/restart", "POST", {})[0] == 200
    assert in_kernel(running, kernel_id, start).split()[0] == address
    kernel_pid = int(in_kernel(running, kernel_id, "import os; print(os.getpid())"))
    keeper = json.loads((running.folder / ".labkit/cluster/keeper.json").read_text())
    broker = keeper["nodes"]["node-1"]
    assert is_alive(**broker)

    assert running.interrupt() == 0
    assert read_run_files("lab") == []
    assert not psutil.pid_exists(kernel_pid)
    wait_until(lambda: not is_alive(**broker), "the broker has ended")


def test_one_ctrl_c_is_enough(running: RunningLab) -> None:
    assert running.interrupt() == 0
    assert running.process.stdout is not None
    lines = [line.strip() for line in running.process.stdout if line.strip()]
    assert len(lines) == 4, "no question, and no warning before the address"
    assert lines[0].startswith("1 lesson copied to ")
    assert lines[2] == f"JupyterLab: {running.url}"
    assert lines[3].startswith("Stopping JupyterLab")


def test_a_lesson_is_begun_again_while_jupyterlab_runs(running: RunningLab) -> None:
    copy = running.folder / "my-notebooks" / "00_start_here.ipynb"
    original = running.folder / "notebooks" / "00_start_here.ipynb"
    assert copy.read_bytes() == original.read_bytes()
    copy.write_text("{}")
    command = [sys.executable, "-m", "labkit", "lab", "--fresh", "0", "--no-browser"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert running.url in done.stdout
    assert copy.read_bytes() == original.read_bytes()
    assert [path.read_text() for path in copy.parent.glob("older/00_*.ipynb")] == ["{}"]


def test_a_page_of_the_lab_is_shown_through_the_proxy(running: RunningLab) -> None:
    kernel_id = json.loads(running.ask("/api/kernels", "POST", {"name": "python3"})[1])["id"]
    start = "import labkit as lab; print(lab.start_api(port=0).url)"
    api = urllib.parse.urlsplit(in_kernel(running, kernel_id, start).split()[-1])
    status, health = running.ask(f"/proxy/{api.port}/api/health")
    assert status == 200
    assert json.loads(health)["status"] == "empty"
    assert running.ask("/proxy/example.com:80/")[0] == 403


def test_a_taken_port_and_a_file_as_a_folder_are_named(lab_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LabError, match=f"port {port}"):
            open_lab(open_browser=False, port=port)
    (lab_dir / "file").touch()
    with pytest.raises(LabError, match="is not a folder"):
        open_lab(lab_dir / "file", open_browser=False)
