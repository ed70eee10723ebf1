"""The lab's systemd units: install, inspect and remove them.

``files/`` is a tree like the server's own. In each file ``@LABKIT@`` stands for the command
``labkit`` of the environment that this module runs in. Files in ``/etc/labkit`` are settings:
an existing one is kept.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dotenv import set_key

from labkit.core.errors import LabError

FILES = Path(__file__).with_name("files")
SETTINGS = Path("etc/labkit")
TARGET = "labkit.target"
SERVICES = tuple(
    f"labkit-{one}.service" for one in ("broker", "consumer", "producer", "api", "watch")
)
UNITS = (*SERVICES, "labkit-backup.timer")
RUNNING = Path("/run/systemd/system")
"""It exists where systemd has started the machine; see sd_booted(3)."""
DATA, BACKUPS = Path("/var/lib/labkit"), Path("/var/backups/labkit")
PROGRAM = "@LABKIT@"
SHOWN = ("Id", "ActiveState", "SubState", "NRestarts", "StateChangeTimestamp")


@dataclass(frozen=True)
class UnitState:
    """What systemd says of one unit."""

    name: str
    state: str
    """Active state and sub-state: ``active (running)``."""
    restarts: str
    since: str

    @property
    def is_active(self) -> bool:
        """Whether it runs; a timer, whether it waits for its time."""
        return self.state.startswith("active")


def install(site: str) -> list[Path]:
    """Write the units and settings, create the user ``labkit``, and start all.

    Run it again after an update: units are replaced, settings are kept, and services restart.

    Parameters
    ----------
    site : str
        The name in the page's address; the API answers to no other one, beside localhost.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    LabError
        This is not a systemd machine, we are not root, or services could not reach the environment.
    """
    _refuse_what_cannot_work()
    written = write_files(Path("/"), _program())
    set_key(str("/" / SETTINGS / "labkit.env"), "LABKIT_TRUSTED_HOSTS", site, quote_mode="never")
    _run("systemd-sysusers", "labkit.conf")
    for folder in (DATA, BACKUPS):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.chown(folder, "labkit", "labkit")
    password = "/" / SETTINGS / "restic-password"
    if not password.exists():
        password.touch(mode=0o640)
        password.write_text(f"{secrets.token_urlsafe(24)}\n", encoding="utf-8")
        shutil.chown(password, "root", "labkit")
    _run("systemctl", "daemon-reload")
    _run("systemctl", "try-restart", "systemd-journald.service")
    _run("systemctl", "enable", "--quiet", TARGET)
    _run("systemctl", "restart", TARGET)
    _run("systemctl", "start", *UNITS)  # waits until the broker answers
    return written


def write_files(root: Path, program: Path) -> list[Path]:
    """Write the files below a root folder, with the path of ``labkit`` filled in."""
    written = []
    for source, path in _places(root):
        if path.is_relative_to(root / SETTINGS) and path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        path.write_text(text.replace(PROGRAM, str(program)), encoding="utf-8")
        path.chmod(0o755 if path.parent.name == "bin" else 0o644)
        written.append(path)
    return written


def uninstall() -> list[Path]:
    """Stop and remove the services; return what is kept: readings, backups and settings."""
    _refuse_what_cannot_work()
    _run("systemctl", "disable", "--quiet", "--now", TARGET, check=False)
    _run("systemctl", "stop", *UNITS, check=False)
    for _, path in _places(Path("/")):
        if not path.is_relative_to("/" / SETTINGS):
            path.unlink(missing_ok=True)
    _run("systemctl", "daemon-reload")
    return [one for one in (DATA, BACKUPS, "/" / SETTINGS) if one.exists()]


def unit_states() -> list[UnitState]:
    """Return what systemd says of each unit.

    Raises
    ------
    LabError
        This machine has no systemd, or no services of the lab.
    """
    _refuse_without_services()
    shown = _run("systemctl", "show", f"--property={','.join(SHOWN)}", *UNITS)
    states = []
    for block in shown.strip().split("\n\n"):
        found = dict(line.split("=", 1) for line in block.splitlines())
        state = f"{found['ActiveState']} ({found['SubState']})"
        since = found["StateChangeTimestamp"]
        states.append(UnitState(found["Id"], state, found.get("NRestarts", ""), since))
    return states


def log_command(unit: str | None, lines: int, follow: bool) -> list[str]:
    """Return the ``journalctl`` command for the lab's units, or for one: ``broker``.

    Raises
    ------
    LabError
        This machine has no services of the lab, or none of that name.
    """
    _refuse_without_services()
    known = [one.removeprefix("labkit-").partition(".")[0] for one in UNITS]
    if unit is not None and unit not in known:
        msg = f"The lab has no service {unit!r}; it has {', '.join(known)}"
        raise LabError(msg, f"labkit service logs {known[0]}")
    pattern = f"labkit-{unit or '*'}.service"
    command = ["journalctl", "--unit", pattern, "--lines", str(lines), "--output", "short-iso"]
    return [*command, "--follow"] if follow else [*command, "--no-pager"]


def _places(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each packaged file, and where it belongs below a root folder."""
    for source in sorted(FILES.rglob("*")):
        if source.is_file():
            yield source, root / source.relative_to(FILES)


def _program() -> Path:
    """Return ``labkit`` of this environment; refuse a place that services may not see."""
    program = Path(sys.prefix) / "bin" / "labkit"
    if program.is_relative_to("/home") or program.is_relative_to("/root"):
        msg = f"The services may not look into home folders, and labkit is in {sys.prefix}"
        raise LabError(msg, "python3 -m venv /opt/labkit/venv   (and install labkit there)")
    if not program.exists():
        msg = f"{program} does not exist: labkit runs from a source folder"
        raise LabError(msg, "sudo bash install.sh   (docs/deploying.md, A server of your own)")
    return program


def _refuse_what_cannot_work() -> None:
    _refuse_without_systemd()
    if os.geteuid() != 0:
        raise LabError(
            "Only root installs and removes services", f"sudo labkit {' '.join(sys.argv[1:])}"
        )


def _refuse_without_systemd() -> None:
    if not RUNNING.is_dir():
        msg = "This machine was not started by systemd, so it has no services"
        raise LabError(msg, "labkit up   (or with Docker: docs/deploying.md)")


def _refuse_without_services() -> None:
    _refuse_without_systemd()
    if not Path("/etc/systemd/system", TARGET).exists():
        msg = "The lab is not installed as services on this machine"
        raise LabError(msg, "sudo labkit service install --site NAME")


def _run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        msg = f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}"
        raise LabError(msg, "labkit service logs")
    return done.stdout
