"""A user's file that hides a package: named where it is imported, and only there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ASK = "import labkit as lab\nprint(lab.Broker)"


@pytest.mark.parametrize("name", ["kafka", "numpy"])
def test_a_file_that_hides_a_package_is_named(tmp_path: Path, name: str) -> None:
    hiding = tmp_path / f"{name}.py"
    hiding.write_text("")
    script = tmp_path / "script.py"
    script.write_text(ASK)
    refused = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert f"`import {name}` finds {hiding} instead of the package" in refused.stderr
    assert f"mv {hiding} {tmp_path}/my_{name}.py" in refused.stderr


def test_a_file_that_is_not_imported_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "kafka.py").write_text("")
    script = [sys.executable, "-P", "-c", ASK]  # the package is found first
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
