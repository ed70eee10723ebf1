"""A folder that cannot be written: named with the setting that chooses another."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import labkit as lab
from labkit.cli import main
from labkit.core.config import load_config
from labkit.core.errors import SettingInvalid
from labkit.core.written_places import WrittenPlace, cannot_write
from labkit.diagnostics.check_lab_folder import folders
from labkit.diagnostics.error_card.error_card import answer_to

# A file in the folder's place: it also stops root, to whom permissions do not apply.
COMMANDS = {
    "LABKIT_CACHE_DIR": ("broker", "start"),
    "LABKIT_STATE_DIR": ("broker", "start"),
    "LABKIT_DATA_DIR": ("up", "--for", "1s", "--no-browser"),
}


@pytest.mark.parametrize("below", ["", "deeper/still"], ids=["itself", "its parent"])
@pytest.mark.parametrize("setting", COMMANDS)
def test_the_setting_is_named_and_the_doctor_finds_it(
    setting: str,
    below: str,
    lab_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (lab_dir / "taken").touch()
    folder = lab_dir / "taken" / below
    with monkeypatch.context() as patch:
        patch.setenv(setting, str(folder))
        with pytest.raises(SystemExit) as ended:
            main([*COMMANDS[setting]])
        check = folders()
    error = capsys.readouterr().err
    assert ended.value.code == 1
    assert f"in {folder}: " in error
    assert f"export {setting}=" in error
    assert "Traceback" not in error
    assert (check.verdict, str(folder) in check.sentence) == ("broken", True)
    assert f"export {setting}=" in check.next_line
    assert folders().verdict == "ok"


def test_a_notebook_gets_the_same_answer(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab_dir / "taken").touch()
    with monkeypatch.context() as patch:
        patch.setenv("LABKIT_CACHE_DIR", str(lab_dir / "taken"))
        with pytest.raises(OSError, match="taken") as caught:
            lab.start_broker()
        answer = answer_to(caught.value)
    assert answer is not None
    assert answer.next_line.startswith("%env LABKIT_CACHE_DIR=")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("setting", COMMANDS)
def test_a_folder_that_nobody_can_make_is_named(
    setting: str,
    lab_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(setting, "/proc/none/labkit")
    with pytest.raises(SystemExit):
        main([*COMMANDS[setting]])
    error = capsys.readouterr().err
    assert "in /proc/none/labkit: No such file or directory" in error
    assert f"export {setting}=" in error
    monkeypatch.delenv(setting)


def test_a_file_that_is_missing_is_not_a_folder_that_cannot_be_written(lab_dir: Path) -> None:
    missing = load_config().data_path() / "co2-emissions" / "0.csv"
    for path in (missing, missing.parents[1]):
        assert cannot_write(FileNotFoundError(2, "No such file or directory", str(path))) is None


def test_a_file_of_the_users_own_is_not_the_labs_business(lab_dir: Path) -> None:
    own = PermissionError(13, "Permission denied", str(lab_dir.parent / "mine" / "own.csv"))
    assert cannot_write(own) is None
    assert cannot_write(OSError(9, "Bad file descriptor")) is None


def test_a_write_without_a_name_is_looked_for(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert cannot_write(full) is None
    (lab_dir / "taken").touch()
    monkeypatch.setenv("LABKIT_CACHE_DIR", str(lab_dir / "taken"))
    found = cannot_write(full)
    assert found is not None
    assert "LABKIT_CACHE_DIR" in found.next_line


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    assert WrittenPlace("readings", tmp_path / "a" / "b", "X").why_not_writable() == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows does not take the home folder from HOME")
def test_a_user_without_a_home_is_told_to_name_a_cache_folder(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LABKIT_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "nowhere")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # as for a number without a user
    with pytest.raises(SettingInvalid) as refused:
        load_config().cache_path()
    assert "LABKIT_CACHE_DIR" in refused.value.next_line
