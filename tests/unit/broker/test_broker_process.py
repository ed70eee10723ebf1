"""The supervisor process of a cluster."""

from __future__ import annotations

import subprocess
import sys


def test_without_its_folder_it_says_what_it_is_for() -> None:
    command = [sys.executable, "-m", "labkit.broker.broker_process"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Next: labkit broker start" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_supervisor_loads_no_models_and_no_client() -> None:
    """It runs as long as a broker does, and must stay small."""
    code = "import sys, labkit.broker.broker_process; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"pydantic", "kafka", "jgo", "rich", "labkit.core.config"} & set(loaded)
