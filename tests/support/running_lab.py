"""A real ``labkit lab`` for a test, with a separate lab folder and home, and its kernels."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from waiting import PATIENCE_S, wait_until

from labkit.broker.install.kafka_jars import cache_dir
from labkit.core.run_files import read_run_files


@dataclass
class RunningLab:
    """A running JupyterLab, and requests to it."""

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
    """Return the status and the text of an answer, whatever the status."""
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
    """Return a JupyterLab of an empty lab with one lesson, of a user with an empty home."""
    home = tmp_path_factory.mktemp("home")
    (lab_dir / "notebooks").mkdir()
    lesson = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (lab_dir / "notebooks" / "00_start_here.ipynb").write_text(json.dumps(lesson))
    monkeypatch.chdir(lab_dir)
    # The jars stay in this machine's cache; everything else of the home is new.
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

    url = wait_until(look, "JupyterLab", every_s=0.2)
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
