"""Without ``assert``, each command that needs a Kafka client refuses at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_command_that_cannot_work_is_refused_at_once(lab_dir: Path) -> None:
    command = [sys.executable, "-O", "-m", "labkit", "broker", "start"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python runs without assert" in done.stderr
    assert done.stderr.endswith("unset PYTHONOPTIMIZE\n")
    assert not (lab_dir / ".labkit" / "cluster").exists()
