"""The lock of a container has all that the stages and the checks of a server import."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from built_wheel import build_wheel

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "deploy" / "requirements-container.lock"

Command = Callable[..., str]


@pytest.fixture(scope="module")
def labkit(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install the lock and nothing else, and return the path of its labkit."""
    folder = tmp_path_factory.mktemp("server")
    wheel = build_wheel(folder)
    venv.create(folder / "venv")
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
    for what in (locked, [str(wheel)]):
        subprocess.run([*install, "--quiet", "--no-compile", *what], check=True)
    return str(python.with_name("labkit"))


@pytest.fixture
def command(labkit: str, bootstrap_servers: str, lab_dir: Path) -> Command:
    def run(*words: str, status: int = 0) -> str:
        ran = subprocess.run(
            [labkit, *words], cwd=lab_dir, capture_output=True, text=True, check=False
        )
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran.stdout if status == 0 else ran.stderr

    return run


@pytest.fixture
def page(labkit: str, command: Command, topic: str, lab_dir: Path) -> Iterator[str]:
    """Store 100 readings, and serve them."""
    command("produce", "--topic", topic, "--count", "100", "--rate", "0")
    assert "100 records stored" in command("consume", "--topic", topic, "--until-end")
    words = [labkit, "api", "--topic", topic]
    with subprocess.Popen(words, cwd=lab_dir, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, line
            yield found[0]
        finally:
            process.terminate()


def test_the_stages_and_checks_run_without_notebooks_and_java(
    page: str, command: Command, topic: str, lab_dir: Path
) -> None:
    with urllib.request.urlopen(f"{page}/api/summary") as answer:
        assert json.load(answer)["records"] == 100
    with urllib.request.urlopen(f"{page}/metrics") as answer:
        assert b"labkit_" in answer.read()
    assert "100" in command("check", "--topic", topic)
    assert "topic" in command("ledger", "--topic", topic)
    assert topic[:20] in command("status")
    assert topic in command("topics", "describe", topic)
    assert '"agrees"' in command("watch", "--topic", topic, "--once", "--json")
    assert "100 readings" in command("export", "--topic", topic, "--out", "readings.parquet")
    assert (lab_dir / "readings.parquet").stat().st_size > 0


def test_what_needs_notebooks_says_so(command: Command, lab_dir: Path) -> None:
    assert "No notebooks: this labkit was installed for a server." in " ".join(
        command("doctor").split()
    )
    (lab_dir / "notebooks").mkdir()
    said = command("lab", "--no-browser", status=1)
    assert "was installed for a server, without jupyter" in said
    assert "Next:  make setup" in said
