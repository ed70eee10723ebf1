"""The wheel of this tree, as pip would build it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import front_end
import pytest

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build labkit's wheel into a folder; skip the test where the front end is not built."""
    if not front_end.is_built():
        pytest.skip("the front end is older than web/; next: make setup")
    program = "import sys, build_backend; build_backend.build_wheel(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=True,
    )
    (found,) = folder.glob("*.whl")
    return found
