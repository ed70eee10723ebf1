"""The packaged units: what is written, what is kept, and what is refused."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from labkit.core.errors import LabError
from labkit.pipeline.server import systemd_services
from labkit.pipeline.server.systemd_services import SERVICES, install, unit_states, write_files

PROGRAM = Path("/opt/labkit/venv/bin/labkit")


def sections(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return parser


def test_each_service_is_restarted_limited_and_kept_on_loopback(tmp_path: Path) -> None:
    write_files(tmp_path, PROGRAM)
    for name in SERVICES:
        service = sections(tmp_path / "etc/systemd/system" / name)["Service"]
        assert service["ExecStart"].startswith(f"{PROGRAM} ")
        assert service["Restart"] == "always"
        assert re.fullmatch(r"\d+M", service["MemoryMax"])
        assert (service["IPAddressDeny"], service["IPAddressAllow"]) == ("any", "localhost")


def test_no_file_keeps_a_placeholder_and_only_programs_can_be_run(tmp_path: Path) -> None:
    for path in write_files(tmp_path, PROGRAM):
        assert systemd_services.PROGRAM not in path.read_text(encoding="utf-8")
        assert path.stat().st_mode & 0o777 == (0o755 if path.parent.name == "bin" else 0o644)


def test_an_update_replaces_units_and_keeps_settings(tmp_path: Path) -> None:
    write_files(tmp_path, PROGRAM)
    settings, unit = tmp_path / "etc/labkit/labkit.env", "etc/systemd/system/labkit-api.service"
    settings.write_text("LABKIT_RETENTION_DAYS=7\n")
    written = write_files(tmp_path, Path("/opt/labkit/newer/bin/labkit"))
    assert settings not in written
    assert settings.read_text() == "LABKIT_RETENTION_DAYS=7\n"
    assert "/opt/labkit/newer/bin/labkit api" in (tmp_path / unit).read_text()


@pytest.mark.parametrize("action", [lambda: install("lab.internal"), unit_states])
def test_a_machine_without_systemd_is_told_what_to_do(
    action: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(systemd_services, "RUNNING", tmp_path / "no-systemd")
    with pytest.raises(LabError, match="not started by systemd") as refused:
        action()  # type: ignore[operator]
    assert refused.value.next_line.startswith("labkit up")


def test_labkit_in_a_home_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/home/ada/labkit/.venv")
    with pytest.raises(LabError, match="may not look into home folders"):
        systemd_services._program()
