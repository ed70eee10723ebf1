"""`labkit lab`: a real JupyterLab, with a real kernel, which starts a real broker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from labkit.errors import LabError
from labkit.jars import cache_dir
from labkit.jupyter import open_lab
from labkit.state import is_alive, read_run_files

PATIENCE_S = 120.0


Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found | None]) -> Found:
    """Return what ``look`` finds, as soon as it finds it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"{what} did not come within {PATIENCE_S:g} s")


@dataclass
class RunningLab:
    process: subprocess.Popen[str]
    folder: Path
    home: Path
    url: str

    @property
    def token(self) -> str:
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.url).query)["token"][0]

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, str]:
        """Send one request with the token; return the status and the text."""
        request = urllib.request.Request(
            urllib.parse.urljoin(self.url, path),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", **headers},
        )
        return answer_of(request)

    def interrupt(self) -> int:
        """Press Ctrl-C once; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


def answer_of(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def running(
    lab_dir: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningLab]:
    """Return a JupyterLab of an empty lab with one lesson, run by a user with an empty home."""
    home = tmp_path_factory.mktemp("home")
    (lab_dir / "notebooks").mkdir()
    lesson = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (lab_dir / "notebooks" / "00_start_here.ipynb").write_text(json.dumps(lesson))
    monkeypatch.chdir(lab_dir)
    # The jars stay where they are for this machine; all else of the home is fresh.
    environment = {**os.environ, "LABKIT_CACHE_DIR": str(cache_dir()), "HOME": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "labkit", "lab", "--no-browser"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def look() -> str | None:
        assert process.poll() is None, process.stdout and process.stdout.read()
        return next((record["url"] for record in read_run_files("lab")), None)

    url = wait_for("JupyterLab", look)
    with process:
        yield RunningLab(process, lab_dir, home, url)
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_S)


def in_kernel(running: RunningLab, kernel_id: str, code: str) -> str:
    """Run code in a kernel of this JupyterLab; return what it printed."""
    runtime = running.folder / ".labkit" / "jupyter" / "runtime"
    client = BlockingKernelClient()
    client.load_connection_file(str(runtime / f"kernel-{kernel_id}.json"))
    client.start_channels(hb=False)  # a busy machine may answer a heartbeat too late
    printed: list[str] = []
    try:
        client.wait_for_ready(PATIENCE_S)
        reply = client.execute_interactive(
            code,
            timeout=PATIENCE_S,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
    finally:
        client.stop_channels()
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed)


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
    wait_for("the broker's end", lambda: not is_alive(**broker))


def test_one_ctrl_c_is_enough(running: RunningLab) -> None:
    assert running.interrupt() == 0
    assert running.process.stdout is not None
    printed = running.process.stdout.read()
    assert "Stopping JupyterLab" in printed
    assert "y/[n]" not in printed


def test_a_page_of_the_lab_is_shown_through_the_proxy(running: RunningLab) -> None:
    kernel_id = json.loads(running.ask("/api/kernels", "POST", {"name": "python3"})[1])["id"]
    start = "import labkit as lab; print(lab.start_api(port=0).url)"
    api = urllib.parse.urlsplit(in_kernel(running, kernel_id, start).split()[-1])
    status, health = running.ask(f"/proxy/{api.port}/api/health")
    assert status == 200
    assert json.loads(health)["status"] == "empty"
    assert running.ask("/proxy/example.com:80/")[0] == 403


def test_a_taken_port_and_a_missing_folder_are_named(lab_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LabError, match=f"port {port}"):
            open_lab(open_browser=False, port=port)
    with pytest.raises(LabError, match="no folder"):
        open_lab(lab_dir / "nowhere", open_browser=False)
