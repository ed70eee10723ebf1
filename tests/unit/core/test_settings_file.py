"""The settings file: every encoding, every form, and names that are not settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labkit.cli import main
from labkit.core.config import defaults_for_invalid_settings, load_config, settings_path
from labkit.core.errors import SettingInvalid
from labkit.diagnostics.doctor import examine


@pytest.mark.parametrize(
    "content",
    [
        b"LABKIT_TOPIC=mine\n",
        b"\xef\xbb\xbfLABKIT_TOPIC=mine\r\n",
        b"export labkit_topic='mine' # a comment\n",
        "# für uns\nLABKIT_TOPIC=mine".encode(),
        b"source other.sh\nLABKIT_TOPIC=mine\n",
    ],
    ids=["plain", "byte-order mark", "as a shell has it", "accent", "a line for another program"],
)
def test_what_can_be_read(lab_dir: Path, content: bytes) -> None:
    (lab_dir / ".env").write_bytes(content)
    assert load_config().topic == "mine"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_file_that_is_deleted_while_it_is_read_is_no_error(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    file = settings_path()
    file.write_text("LABKIT_TOPIC=mine\n")
    looked = Path.stat
    asked: list[Path] = []

    def delete_after(self: Path, **options: bool) -> os.stat_result:
        if self == file:
            asked.append(self)
            if len(asked) == times:
                file.unlink()
        return looked(self, **options)

    monkeypatch.setattr(Path, "stat", delete_after)
    assert load_config().topic in {"mine", "co2-emissions"}
    monkeypatch.undo()
    assert not file.exists(), f"it was asked for {len(asked)} times"


BROKEN = {
    "utf-16": ("LABKIT_TOPIC=mine\n".encode("utf-16"), "saved as UTF-16, not UTF-8"),
    "no mark": ("LABKIT_TOPIC=mine\n".encode("utf-16-le"), "saved as UTF-16, not UTF-8"),
    "zeros": (b"LABKIT_TOPIC=mine\n" + bytes(512), "they are damaged, or saved as UTF-16"),
    "latin-1": (b"LABKIT_TOPIC=mine\n# f\xfcr\n", "not saved as UTF-8: line 2 "),
    "no equals sign": (b"\nLABKIT_TOPIC mine\n", "Line 2 of "),
    "value": (b"# one\nLABKIT_API_PORT=many\n", "LABKIT_API_PORT cannot be used"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_one_sentence_of_every_command(
    lab_dir: Path, content: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab_dir / ".env").write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["status"])
    error = capsys.readouterr().err
    assert ended.value.code == 1
    assert words in error
    assert str(settings_path()) in error
    assert error.count("\n") == 2, error

    checks = examine()
    (broken,) = [check for check in checks if check.verdict == "broken"]
    assert (broken.name, words in broken.sentence) == ("settings", True)
    (lab_dir / ".env").unlink()
    assert [check.name for check in checks] == [check.name for check in examine()]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a folder in use")
def test_a_working_directory_that_is_gone_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LABKIT_LAB_DIR")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir("gone")
    (tmp_path / "gone").rmdir()
    for command in ("status", "doctor"):
        with pytest.raises(SystemExit):
            main([command])
        assert "has been deleted" in capsys.readouterr().err


def test_a_wrong_value_is_named_with_its_place(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab_dir / ".env").write_text("# one\nLABKIT_TOPIC=mine\nLABKIT_API_PORT=many\n")
    with pytest.raises(SettingInvalid) as refused:
        load_config()
    assert f"line 3 of {settings_path()}" in refused.value.next_line
    with monkeypatch.context() as patch:
        patch.setenv("LABKIT_API_PORT", "more")
        with pytest.raises(SettingInvalid, match="API_PORT in the environment"):
            load_config()
    with defaults_for_invalid_settings():
        config = load_config()
    assert (config.api_port, config.topic) == (0, "mine"), "what is valid stays"
    (lab_dir / ".env").unlink()


@pytest.mark.parametrize(
    "line",
    [
        "LABKIT_NUM_PARTITIONS=0",
        "LABKIT_SEGMENT_BYTES=-1",
        "LABKIT_SESSION_TIMEOUT_MS=0",
        "LABKIT_COMMIT_INTERVAL_S=nan",
        "LABKIT_BROKER_HEAP_MB=0",
        "LABKIT_DATA_DIR=~no-such-user/data",
        "LABKIT_CACHE_DIR=~no-such-user/jars",
    ],
)
def test_a_value_that_nothing_could_use_is_refused(lab_dir: Path, line: str) -> None:
    (lab_dir / ".env").write_text(line + "\n")
    with pytest.raises(SettingInvalid, match=line.partition("=")[0]):
        load_config()
    (lab_dir / ".env").unlink()


def test_an_empty_variable_counts_as_not_set(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab_dir / ".env").write_text("LABKIT_DATA_DIR=\nLABKIT_NUM_PARTITIONS=\n")
    monkeypatch.setenv("LABKIT_TOPIC", "")
    config = load_config()
    assert (config.data_dir, config.num_partitions, config.topic) == (
        Path("data"),
        3,
        "co2-emissions",
    )
    (lab_dir / ".env").unlink()


def test_a_misspelt_name_is_told_with_the_right_one(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab_dir / ".env").write_text("OTHER=1\n\nLABKIT_TOPPIC=mine\nLABKIT_STATE_DIR=x\n")
    monkeypatch.setenv("LABKIT_DATADIR", "here")
    monkeypatch.setenv("LABKIT_XYZ", "1")
    with pytest.raises(SystemExit):
        main(["topics", "list"])
    error = capsys.readouterr().err
    assert f"LABKIT_TOPPIC (line 3 of {settings_path()})" in error
    assert "did you mean LABKIT_TOPIC?" in error
    assert "LABKIT_DATADIR (in the environment)" in error
    assert "did you mean LABKIT_DATA_DIR?" in error
    assert "LABKIT_STATE_DIR (line 4 of" in error
    assert "has no effect there" in error
    assert "LABKIT_XYZ (in the environment) is not a setting of the lab.\n" in error


def test_an_unexpected_error_is_told_even_where_no_log_can_be_written(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab_dir / ".labkit").write_text("a file in the place of the folder")
    monkeypatch.setattr("labkit.pipeline.lab_status.lab_status", lambda: 1 / 0)
    for folder in (str(lab_dir), str(lab_dir / ".labkit")):
        monkeypatch.setattr("tempfile.tempdir", folder)
        with pytest.raises(SystemExit):
            main(["status"])
        error = capsys.readouterr().err
        assert "did not expect: ZeroDivisionError" in error
        assert "Traceback" not in error
    assert "labkit --debug" in error
    (lab_dir / ".labkit").unlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes with a name in a folder")
def test_a_pipe_in_the_files_place_is_not_waited_for(lab_dir: Path) -> None:
    os.mkfifo(lab_dir / ".env")
    assert load_config().topic == "co2-emissions"
