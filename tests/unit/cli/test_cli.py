"""The command line without a broker: help, exit statuses, and what errors look like."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from labkit.cli import app, main
from labkit.cli.help_text import as_markup
from labkit.cli.jupyterlab import open_lab
from labkit.cli.lab_commands import seconds
from labkit.cli.topic_commands import _settings
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.run_files import RunFile
from labkit.exercises.engine.learner_progress import (
    marks_of_lesson,
    read_learner_progress,
    save_attempt,
)
from labkit.exercises.engine.outcome import Outcome, Result


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command, as it is typed."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield (*path, command.name or command.callback.__name__)
    for one in group.registered_groups:
        assert one.typer_instance is not None
        assert one.name is not None
        yield (*path, one.name)
        yield from commands(one.typer_instance, (*path, one.name))


COMMANDS = sorted(commands(app))


def run(*arguments: str) -> int:
    """Run a command in this process, and return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return code or 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(*command, "--help") == 0
    text = capsys.readouterr().out
    assert f"Usage: labkit {' '.join(command)}" in text
    if command not in (
        ("broker",),
        ("topics",),
        ("connect",),
        ("class",),
        ("service",),
        ("drill",),
    ):
        assert "Example: labkit" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_commands_are_these() -> None:
    whole_lab = {"lab", "up", "down", "reset", "bench", "class", "service"}
    look = {"status", "watch", "ledger", "doctor"}
    stages = {"produce", "replay", "consume", "api", "export"}
    kafka = {"kafka", "broker", "connect", "topics"}
    prove = {"check", "soak", "drill"}
    break_it = {"break", "mend", "proxy"}
    known = whole_lab | look | stages | kafka | prove | break_it
    assert {command[0] for command in COMMANDS} == known


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'pandas', 'kafka', 'flask', 'pydantic', 'psutil', 'faker'}"
    code = (
        "import sys; from labkit.cli import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30.0), ("2m", 120.0), ("1h", 3600.0), ("45", 45.0), ("0.5s", 0.5)],
)
def test_lengths_of_time(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-3s", "0s", "3 weeks", "1e9"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="30s or 2m"):
        seconds(text)


def test_settings_of_a_topic() -> None:
    assert _settings(None) is None
    assert _settings(["retention.ms=60000", "x="]) == {"retention.ms": "60000", "x": ""}
    with pytest.raises(typer.BadParameter, match="is not KEY=VALUE"):
        _settings(["retention.ms"])


def test_help_is_the_docstring_fitted_to_any_width() -> None:
    def command() -> None:
        """Say one thing
        in two lines, and `labkit up`.

        A list[int].
        Example: `labkit x`
        """

    assert as_markup(command) == (
        "Say one thing in two lines, and [cyan]labkit up[/].\n\n"
        "A list\\[int].\n\nExample: [cyan]labkit x[/]"
    )


def test_an_error_is_one_sentence_and_the_next_line(
    lab_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("topics", "list") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: No broker of this lab is running")
    assert "Next:" in err
    assert "labkit broker start" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--for", "soon"),
        ("produce", "--faults", "2"),
        ("produce", "--clock", "0.5"),
        ("api", "--port", "70000"),
        ("export",),
        ("nothing-like-this",),
        ("topics", "create", "--config", "x"),
    ],
    ids=" ".join,
)
def test_a_mistake_on_the_command_line_is_2(
    arguments: tuple[str, ...], lab_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert capsys.readouterr().out == ""


def test_a_typing_error_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prodce") == 2
    assert "Did you mean 'produce'" in capsys.readouterr().err


def test_an_unexpected_error_leaves_a_log_and_no_traceback(
    lab_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LABKIT_DEBUG", raising=False)
    monkeypatch.setattr("labkit.pipeline.lab_status.lab_status", lambda: {}["surprise"])
    assert run("status") == 1
    err = capsys.readouterr().err
    (log,) = (lab_dir / ".labkit" / "logs").glob("error-*.log")
    assert "KeyError: 'surprise'" in err
    assert "Traceback" not in err
    assert str(log) in "".join(err.splitlines())
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_a_wrong_setting_is_named_and_not_repeated(
    lab_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("LABKIT_API_PORT", "hunter2")
        assert run("status") == 1
    err = capsys.readouterr().err
    assert err.startswith("Error: The setting LABKIT_API_PORT cannot be used")
    assert "hunter2" not in err


def test_debug_shows_the_traceback(
    lab_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_DEBUG", "")  # so that it is put back afterwards
    monkeypatch.setattr("labkit.pipeline.lab_status.lab_status", lambda: {}["surprise"])
    assert run("--debug", "status") == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130(
    lab_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("labkit.pipeline.lab_status.lab_status", interrupted)
    assert run("status") == 130
    assert "Traceback" not in capsys.readouterr().err


def test_an_old_code_page_is_no_reason_to_fail(lab_dir: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp437", "PYTHONUTF8": "0"}
    seen = subprocess.run(
        [sys.executable, "-m", "labkit", "--help"], capture_output=True, env=environment, check=True
    )
    assert "CO₂" in seen.stdout.decode()


def test_no_color_is_respected(lab_dir: Path) -> None:
    environment = {**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    seen = subprocess.run(
        [sys.executable, "-m", "labkit", "doctor"], capture_output=True, env=environment
    )
    assert b"\x1b[3" not in seen.stdout


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("labkit 0.")


def test_the_ledger_of_an_empty_lab(lab_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ledger") == 0
    assert "There is nothing to compare yet." in capsys.readouterr().out


def test_nothing_to_stop_reset_or_export(lab_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("down") == 0
    assert "Nothing of this lab was running." in capsys.readouterr().out
    assert run("reset", "--yes") == 0
    assert "There is nothing to delete." in capsys.readouterr().out
    assert run("export", "--out", str(lab_dir / "x.csv")) == 1
    assert "Nothing has been stored yet" in capsys.readouterr().err
    assert run("export", "--out", str(lab_dir / "x.xlsx")) == 1
    assert ".csv, .json, .parquet" in capsys.readouterr().err


def test_a_reset_names_the_marks_before_it_deletes_them(lab_dir: Path) -> None:
    save_attempt(Result("03.q1", Outcome.CORRECT, "Three."))
    asked = CliRunner().invoke(app, ["reset"], input="n\n")
    assert "progress.json   (the marks)" in asked.output
    assert marks_of_lesson("03")
    kept = CliRunner().invoke(app, ["reset", "--yes", "--keep-marks"])
    assert "progress.json" not in kept.output
    assert marks_of_lesson("03")
    others = [lab_dir / ".labkit" / name for name in ("clusters/three/cluster", "second-broker")]
    for folder in others:
        folder.mkdir(parents=True)
    done = CliRunner().invoke(app, ["reset", "--yes"])
    assert "The lab is as new, but for its notebooks." in done.output
    assert not marks_of_lesson("03")
    assert not any(map(Path.exists, others))


def test_a_lesson_begun_again_keeps_its_marks_unless_they_are_to_be_forgotten(
    lab_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("notebooks", "my-notebooks"):
        (lab_dir / folder).mkdir()
        (lab_dir / folder / "03_producer.ipynb").write_text(folder)
    for task in ("03.q1", "03b.q1"):
        save_attempt(Result(task, Outcome.CORRECT, "Three."))
    running = RunFile("lab", "jupyterlab", url="there", folder=str(lab_dir / "my-notebooks"))
    try:
        assert open_lab(fresh="3") == 0
        assert "labkit lab --fresh 03 --forget-marks" in capsys.readouterr().out
        assert open_lab(fresh="3", forget_marks=True) == 0
    finally:
        running.remove()
    assert "1 mark of lesson 03 forgotten" in capsys.readouterr().out
    assert list(read_learner_progress()) == ["03b.q1"]


def test_a_folder_outside_of_the_repository_gets_the_installed_lessons(
    lab_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(LabError, match="cannot listen"),
    ):
        open_lab(port=taken.getsockname()[1])
    copies = lab_dir / "my-notebooks"
    assert f"lessons copied to {copies}" in capsys.readouterr().out
    assert (copies / "11_capstone.ipynb").stat().st_size > 0


def test_a_folder_becomes_a_lab_only_if_nothing_is_in_it(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_LAB_DIR", str(lab_dir))  # restored after the test
    monkeypatch.delenv("LABKIT_STATE_DIR")
    (lab_dir / "empty").mkdir()
    (lab_dir / "thesis").mkdir()
    (lab_dir / "thesis" / "mine.ipynb").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for name in ("thesis", "empty", "new/course", "empty"):
            with pytest.raises(LabError, match="cannot listen"):
                open_lab(lab_dir / name, port=taken.getsockname()[1])
            is_lab = (lab_dir / name / "my-notebooks" / "00_start_here.ipynb").is_file()
            assert is_lab == (name != "thesis")
            assert (load_config().lab_dir == lab_dir / name) == is_lab
    assert [path.name for path in (lab_dir / "thesis").iterdir()] == ["mine.ipynb"]
    assert not (lab_dir / "my-notebooks").exists()


def test_break_without_a_name_teaches_every_fault() -> None:
    result = CliRunner().invoke(app, ["break"])
    assert result.exit_code == 0
    for heading in ("broker-kill\n", "  Watch: ", "  Promise: ", "  Destroys: "):
        assert heading in result.output


def test_break_asks_before_it_destroys(lab_dir: Path) -> None:
    result = CliRunner().invoke(app, ["break", "topic-recreated"], input="n\n")
    assert result.exit_code == 1
    assert "destroys what cannot be restored: every record of the topic" in result.output


def test_mend_has_nothing_to_do_in_a_whole_lab(lab_dir: Path) -> None:
    result = CliRunner().invoke(app, ["mend"])
    assert (result.exit_code, result.output) == (0, "Nothing is broken on purpose.\n")
