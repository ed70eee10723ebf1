"""A drill that does not end as it has to says so, and one that does leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.cli import drill_commands
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.pipeline.drills import disk_full_drill
from labkit.pipeline.drills.drill import Drill, run_drill


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_step_that_fails_ends_the_drill_and_its_lab_is_kept(tmp_path: Path) -> None:
    told: list[str] = []

    def script(drill: Drill) -> None:
        with drill.step("The first"):
            drill.found("It is well.")
        with drill.step("The second"):
            raise LabError("half a row is left", "")
        with drill.step("The third"):
            pass

    report = run_drill("example", script, told.append)
    assert told == ["The first", "The second"]
    assert [one.problem for one in report.steps] == ["", "half a row is left"]
    assert not report.passed
    assert [str(path) for path in tmp_path.iterdir()] == [report.folder]


def test_a_drill_has_a_lab_of_its_own_and_takes_it_away(tmp_path: Path) -> None:
    home = load_config().lab_dir
    labs: list[Path] = []

    def script(drill: Drill) -> None:
        with drill.step("The only one"):
            labs.append(load_config().lab_dir)

    assert run_drill("example", script, lambda _what: None).passed
    assert labs[0].parent == tmp_path
    assert load_config().lab_dir == home
    assert list(tmp_path.iterdir()) == []


def test_where_no_limit_can_be_set_the_drill_of_the_full_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_full_drill.sys, "platform", "win32")
    with pytest.raises(LabError, match="runs on Linux and macOS") as refused:
        drill_commands.disk_full()
    assert "Windows Subsystem for Linux" in refused.value.next_line
    assert list(tmp_path.iterdir()) == []
