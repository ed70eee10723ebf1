"""Run files that a power cut or a user emptied or deleted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from labkit.core import run_files
from labkit.core.run_files import RunFile, everywhere, read_run_files, restore_run_files, runs_on


@pytest.fixture
def run_file(lab_dir: Path) -> RunFile:
    return RunFile("api", "the-api", topic="t", url="u")


def test_an_emptied_or_deleted_file_is_written_again_by_its_process(run_file: RunFile) -> None:
    known = run_file.path.read_bytes()
    run_file.path.write_bytes(b"")
    restore_run_files()
    assert run_file.path.read_bytes() == known
    run_file.path.unlink()
    restore_run_files()
    assert run_file.path.read_bytes() == known
    run_file.remove()
    restore_run_files()
    assert not run_file.path.exists()


def test_a_file_that_is_removed_meanwhile_is_not_written_again(
    run_file: RunFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    removing = threading.Thread(target=run_file.remove)
    write = run_files.write_json

    def write_late(*content: Any) -> None:
        removing.start()
        removing.join(0.2)  # time enough to remove it in between, if nothing prevents that
        write(*content)

    run_file.path.unlink()
    monkeypatch.setattr(run_files, "write_json", write_late)
    restore_run_files()
    removing.join()
    assert not run_file.path.exists()


def test_a_process_that_cannot_write_it_again_is_still_found(
    run_file: RunFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "WATCH_S", 0.01)
    (before,) = read_run_files()
    run_file.path.write_bytes(b"")
    (found,) = read_run_files("api")
    assert {name: before[name] for name in ("kind", "name", "pid", "process_started")} == {
        name: found[name] for name in ("kind", "name", "pid", "process_started")
    }
    run_file.remove()


def test_an_emptied_file_of_an_ended_process_is_removed(lab_dir: Path) -> None:
    folder = lab_dir / ".labkit" / "run"
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    gone = folder / f"consumer-{ended.pid}-consumer.json"
    reused = folder / f"consumer-{os.getpid()}-consumer.json"  # the file is older than the process
    for path in (gone, reused):
        path.write_bytes(b"")
    os.utime(reused, (1.0, 1.0))
    assert read_run_files() == []
    assert not gone.exists()
    assert not reused.exists()


def test_a_process_in_another_container_runs_while_it_touches_its_file(run_file: RunFile) -> None:
    elsewhere = run_file.path.parent.with_name("run-0123456789ab") / "consumer-1-consumer.json"
    elsewhere.parent.mkdir()
    elsewhere.write_text('{"kind": "consumer", "pid": 1, "process_started": 0.0, "topic": "t"}')
    assert [run["kind"] for run in everywhere()] == ["api", "consumer"]
    assert [run["pid"] for run in runs_on("t", "consumer")] == [1]
    assert read_run_files("consumer") == []  # its pid is not one of this container's
    os.utime(elsewhere, (1.0, 1.0))
    assert runs_on("t", "consumer") == []
    run_file.remove()


def test_a_process_touches_its_files(run_file: RunFile) -> None:
    os.utime(run_file.path, (1.0, 1.0))
    restore_run_files()
    assert run_file.path.stat().st_mtime > 1.0
    run_file.remove()
