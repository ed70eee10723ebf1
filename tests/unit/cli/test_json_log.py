"""``--log-format json``: each message is one line of JSON, also an error and its next line."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.cli.json_log import JsonFormatter


@pytest.mark.parametrize("command", ["produce", "consume"])
def test_each_line_of_a_command_is_json(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path / ".labkit"))
    words = [sys.executable, "-m", "labkit", command, "--log-format", "json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {tuple(line)[:4] for line in lines} == {("time", "level", "logger", "message")}
    assert lines[-1]["level"] == "error"
    assert lines[-1]["message"] == "No broker of this lab is running"
    assert "labkit broker start" in lines[-1]["next"]


def test_a_line_break_and_a_control_character_stay_within_the_line() -> None:
    record = logging.LogRecord("kafka", logging.WARNING, "", 0, "a\nb \x1b[31m %s", ("c",), None)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["message"] == "a\nb \x1b[31m c"


def test_a_traceback_is_a_field() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        error = sys.exc_info()
    record = logging.LogRecord("labkit", logging.ERROR, "", 0, "what", (), error)
    assert json.loads(JsonFormatter().format(record))["traceback"].endswith("ValueError: why")
