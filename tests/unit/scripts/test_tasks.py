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


ENDING = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a signal")
@pytest.mark.parametrize(
    ("child", "status"),
    [("raise SystemExit(130)", 0), (ENDING, 0), ("raise SystemExit(1)", 1), ("raise OSError", 1)],
)
def test_ctrl_c_is_the_normal_end_of_the_lab_and_an_error_stays_one(
    child: str, status: int
) -> None:
    code = f"import sys, tasks; sys.exit(tasks._until_stopped('-c', {child!r}))"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    assert done.returncode == status


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
