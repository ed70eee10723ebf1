"""The wheel without the repository: the course is copied out of it, and a lesson runs there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from built_wheel import build_wheel
from lessons import CELL_TIMEOUT_S, EXECUTE, solved
from waiting import PATIENCE_S

from labkit.broker.install.kafka_jars import cache_dir

FIRST, SECOND = "00_start_here", "01_broker"


def open_course(folder: Path, environment: dict[str, str]) -> list[str]:
    """Run ``labkit lab course`` until JupyterLab answers, press Ctrl-C, and return the lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "labkit", "lab", "course", "--no-browser"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.strip().startswith("JupyterLab: "):
                process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0, lines
    return lines


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process on Windows")
def test_the_course_comes_out_of_the_wheel_and_work_stays(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_wheel(tmp_path)) as archive:
        archive.extractall(tmp_path / "installed")
    environment = {name: text for name, text in os.environ.items() if name[:7] != "LABKIT_"}
    environment |= {"PYTHONPATH": str(tmp_path / "installed"), "LABKIT_AOT_CACHE": "0"}
    environment["LABKIT_CACHE_DIR"] = str(cache_dir())
    said = open_course(tmp_path, environment)
    copies = tmp_path / "course" / "my-notebooks"
    assert f"lessons copied to {copies}" in " ".join(said)
    assert any(f"{FIRST}.ipynb?token=" in line for line in said)

    lesson = solved(FIRST)
    where = "import labkit, os; print(labkit.__file__, os.getcwd())"
    lesson.cells.append(nbformat.v4.new_code_cell(where))
    nbformat.write(lesson, copies / f"{FIRST}.ipynb")
    (copies / f"{SECOND}.ipynb").write_text("half done")
    asked = [sys.executable, str(EXECUTE), str(copies / f"{FIRST}.ipynb"), str(CELL_TIMEOUT_S)]
    done = subprocess.run(
        asked, cwd=copies, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    ran = nbformat.read(copies / f"{FIRST}.ipynb", as_version=4)
    (place,) = ran.cells[-1].outputs
    assert place.text.split() == [str(tmp_path / "installed/labkit/__init__.py"), str(copies)]
    assert (tmp_path / "course" / ".labkit" / "progress.json").is_file(), "the marks are there"

    work = {path.name: path.read_bytes() for path in copies.glob("*.ipynb")}
    said = open_course(tmp_path, environment)
    assert "copied" not in " ".join(said)
    assert work == {path.name: path.read_bytes() for path in copies.glob("*.ipynb")}
