"""Marks of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from labkit.core.processes import is_alive, is_labkit, mark_of, python_command


def test_a_mark_is_of_this_process_and_not_of_one_with_its_pid() -> None:
    mark = mark_of(os.getpid())
    assert is_alive(**mark)
    assert not is_alive(mark["pid"], mark["process_started"] - 60.0)


def test_a_file_of_the_user_is_never_imported_instead_of_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "json", "kafka", "inspect", "threading"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep)  # its empty entries are the working directory
    monkeypatch.chdir(tmp_path)
    ours = "labkit.broker.broker_process"
    for command in (python_command(ours), [sys.executable, "-m", ours]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "supervises the brokers" in done.stderr
    script = Path(sys.executable).with_name("labkit")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("labkit "), done.stderr


def test_warnings_of_other_packages_do_not_end_the_lab(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    script = Path(sys.executable).with_name("labkit")
    command = [script, "topics", "list"]  # loads the clients
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "No broker of this lab is running" in done.stderr


@pytest.mark.parametrize(
    "words", [["labkit"], ["python", "-m", "labkit"], ["python", "-P", "-m", "labkit"]]
)
def test_a_labkit_process_is_recognized(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "cmdline", lambda _: [*words, "produce"])
    assert is_labkit(os.getpid())


def test_an_ended_process_is_not_alive_even_before_its_parent_looked() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mark = mark_of(child.pid)
        assert is_alive(**mark)
        child.kill()
        while psutil.pid_exists(child.pid) and is_alive(**mark):
            pass  # ends when it is a zombie, which only `Popen.wait` takes away
    assert not is_alive(**mark)
