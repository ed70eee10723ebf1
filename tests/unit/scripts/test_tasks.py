"""The Makefile's tasks: a signal reaches what they run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

SCRIPTS = Path(__file__).parents[3] / "scripts"
CHILD = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600)"
TASK = f"import sys, tasks; sys.exit(-tasks._python('-c', {CHILD!r}))"


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a signal")
def test_sigterm_ends_what_a_task_runs() -> None:
    command = [sys.executable, "-c", TASK]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as task:
        assert task.stdout is not None
        child = psutil.Process(int(task.stdout.readline()))
        task.terminate()
        assert task.wait(60) == signal.SIGTERM
        wait_until(lambda: not child.is_running(), "the child has ended")
